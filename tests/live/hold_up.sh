#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hold_up.sh - who tries to hold the daemon up: a client that takes its own notifications away from
# the worker that waits for them, and somebody who sends descriptors whose close takes long.
. "${srcdir:-.}/tests/live/lib.sh"
need_root
need_user_notif

printf 'workers: 1\nclients:\n  - {match: {user: root}, profile: victim, choose: true}\n' | settings
profile victim <<EOF
default: allow
rules:
  - name: denied
    syscall: getppid
    action: deny
    errno: EUSERS
EOF
start_daemon

run --profile victim -- "$builddir/tests/live/stalls" 8 >"$T/stalls" &
victim=$!
sleep 0.5
"$builddir/tests/live/thief" "$CLIENT_SOCKET" 6 >"$T/thief"
wait $victim
diag "$(cat "$T/thief"), $(cat "$T/stalls")"
slowest=$(sed -n 's/slowest \([0-9]*\) ms.*/\1/p' "$T/stalls")
# Two looks of the main thread, 100 ms apart, and what a loaded machine adds.
[ "${slowest:-99999}" -lt 1500 ] && ok "no call of another client waits for long" ||
	not_ok "no call of another client waits for long" "$(cat "$T/stalls")"
like "and each is decided by its rule" "$(cat "$T/stalls")" ', 0 wrong$'

# As somebody else, who is bounded; a copy, since others may not read the build tree.
cp "$builddir/tests/live/linger" "$T/linger"
lingers() # SOCKET COUNT SECONDS [oob]
{
	setpriv --reuid 65534 --clear-groups "$T/linger" "$@" >"$T/lingers" &
	wait_until 10 grep -q sent "$T/lingers"
	cat "$T/lingers"
}
answers_at_once()
{
	timeout 5 "$SECCOMPCTL" --socket "$CONTROL_SOCKET" status &&
		timeout 5 "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile victim -- true
}
is "descriptors whose close takes long, out of band" \
	"$(lingers "$CLIENT_SOCKET" 3 8 oob)" "3 sent"
check "hold up nobody" answers_at_once
# More than one user's share, refused ones among them: closing them has few threads, and one
# account. Our end of each must stay, so that they linger.
lingers "$CLIENT_SOCKET" 150 40 >/dev/null
lingers "$CONTROL_SOCKET" 150 40 >/dev/null
threads=$(ls "/proc/$daemon_pid/task" | wc -l)
diag "$threads threads"
[ "$threads" -lt 48 ] && ok "many of them do not make as many threads" ||
	not_ok "many of them do not make as many threads" "$threads"
check "and hold up nobody either" answers_at_once
few_threads() { [ "$(ls "/proc/$daemon_pid/task" | wc -l)" -lt 16 ]; }
check "nor do they linger for as long as they are told to" wait_until 15 few_threads
check "the daemon goes on" run --profile victim -- true
stop_daemon
is "and ends in order" "$daemon_status" 0
done_testing
