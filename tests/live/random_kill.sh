#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# random_kill.sh - the launcher, the target or the daemon is killed at a random moment, 500
# times in all: nothing is left behind, no process, zombie, descriptor or socket, and nothing hangs.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

attempt=${ATTEMPT:-$builddir/tests/live/attempt}
case $(uname -m) in x86_64) getppid=110 ;; *) getppid=173 ;; esac
kill_rounds=$builddir/tests/live/kill_rounds
rounds=${KILL_ROUNDS:-450}
daemon_rounds=${KILL_DAEMON_ROUNDS:-50}
seed=${KILL_SEED:-$(date +%s)}
diag "KILL_SEED=$seed"

# Everything is notified, so that a kill meets every kind of call.
printf 'default: allow\nlog: each\n' | profile everything
start_daemon

random() # N: below N
{
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	random=$((seed / 65536 % $1))
}

# In milliseconds, as sleep wants it.
pause()
{
	sleep "0.$(printf %03d "$1")"
}

# A name of this run alone, so that what is left of it can be found.
ln -s "$attempt" "$T/target"
living() { pgrep -f "$T/target|--socket $CLIENT_SOCKET" | grep -vx "$$" | wc -l; }
nobody() { [ "$(living)" -eq 0 ]; }
zombies() { ps -o stat= --ppid "$daemon_pid" | grep -c Z; }
descriptors() { ls "/proc/$daemon_pid/fd" 2>/dev/null | wc -l; }
no_clients() { [ "$(ctl -o json clients | grep -c '"id"')" = 0 ]; }

check "one client, to warm up" run --profile everything -- true
wait_until 10 no_clients
before=$(descriptors)

is "$rounds launchers and targets, killed at random" "$("$kill_rounds" "$rounds" "$seed" \
	"$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile everything -- \
	"$T/target" repeat 1000000 "$getppid")" "0 hung"
check "no process is left" wait_until 10 nobody
check "no client is left" wait_until 10 no_clients
fds_are_back() { [ "$(descriptors)" -le "$before" ]; }
check "no descriptor is left" wait_until 10 fds_are_back

# The daemon under a launcher or a target: both end, or get ENOSYS, and do not hang.
hung=0
n=0
while [ $n -lt "$daemon_rounds" ]; do
	n=$((n + 1))
	"$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile everything -- \
		"$T/target" repeat 1000000 "$getppid" 2>/dev/null &
	pid=$!
	random $((n % 2 ? 8 : 80))
	pause "$random"
	kill_daemon
	gone() { ! kill -0 $pid 2>/dev/null || grep -qs '^State:.Z' /proc/$pid/status; }
	# Its calls fail by now: it ends by itself, by an exit that fails too.
	wait_until 10 gone || hung=$((hung + 1))
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
	start_daemon
done
is "nothing hung when the daemon was killed $daemon_rounds times" "$hung" 0
check "no process is left" wait_until 10 nobody
check "no client is left" wait_until 10 no_clients
is "no zombie" "$(zombies)" 0
check "no descriptor is left" wait_until 10 fds_are_back
is "sockets: the two that there should be" "$(find "$T/run" -type s | wc -l)" 2
check "it still works" run --profile everything -- true
stop_daemon
is "the daemon ends in order" "$daemon_status" 0
is "its sockets go with it" "$(find "$T/run" -type s | wc -l)" 0
done_testing
