#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# stress.sh - 200 clients at once make 1,000,000 notified calls: each is answered, each leaves
# exactly one record, and the daemon's descriptors, threads and memory go back to where they were.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

attempt=${ATTEMPT:-$builddir/tests/live/attempt}
case $(uname -m) in x86_64) getppid=110 ;; *) getppid=173 ;; esac
clients=${STRESS_CLIENTS:-200}
calls=${STRESS_CALLS:-5000}
total=$((clients * calls))

for name in warmup stress; do
	profile $name <<EOF
default: allow
rules:
  - name: denied
    syscall: getppid
    action: deny
    errno: EUSERS
EOF
done
start_daemon

# Without the database's: SQLite keeps a closed one for its next use where the log thread has the
# file locked at that moment, so there may be one more or not.
descriptors() { ls -l "/proc/$daemon_pid/fd" | grep -vc '/decisions\.db'; }
threads() { ls "/proc/$daemon_pid/task" | wc -l; }
memory() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$daemon_pid/status"; }
clients_now() { ctl -o json clients | grep -c '"id"'; }
no_clients() { [ "$(clients_now)" = 0 ]; }

# PROFILE CLIENTS CALLS: all at once; each says "N failed" with N as wanted, or it counts as bad
flood()
{
	rm -f "$T"/out.*
	i=0
	while [ $i -lt "$2" ]; do
		run --profile "$1" -- "$attempt" repeat "$3" "$getppid" 2>"$T/out.$i" &
		i=$((i + 1))
	done
	for job in $(jobs -p); do
		[ "$job" = "$daemon_pid" ] || wait "$job"
	done
	bad=$(cat "$T"/out.* | grep -vcx "$3 failed")
}

flood warmup "$clients" 100
is "warm-up: every call was answered as the rule says" "$bad" 0
check "the clients end" wait_until 20 no_clients
# The first question to the log too: its buffers stay.
log_json --profile warmup >"$T/log"
sleep 0.5
before_fds=$(descriptors)
before_threads=$(threads)
before_memory=$(memory)

flood stress "$clients" "$calls"
is "$total calls: each was answered as the rule says" "$bad" 0
check "the clients end" wait_until 20 no_clients

all_written() { [ "$(json_get "$(ctl -o json status | tr -d '\n')" written)" -ge $((total + clients * 100)) ]; }
check "the log catches up" wait_until 60 all_written
log_json --profile stress >"$T/log"
is "exactly $total records" "$(wc -l <"$T/log")" "$total"
# seq and client of each record: {"seq":1,"time":"...","client":"c1",...
LC_ALL=C awk -F '"' '{print substr($3, 2) + 0, $10}' "$T/log" >"$T/seq"
is "no seq twice" "$(cut -d ' ' -f 1 "$T/seq" | LC_ALL=C sort -n | uniq -d | wc -l)" 0
is "$clients clients have $calls records each" \
	"$(cut -d ' ' -f 2 "$T/seq" | LC_ALL=C sort | uniq -c | awk '{print $1}' | uniq -c | awk '{print $1, $2}')" \
	"$clients $calls"

# The connections that asked go a moment after their answers.
fds_are_back() { [ "$(descriptors)" -le "$before_fds" ]; }
check "descriptors are back" wait_until 10 fds_are_back
is "threads are back" "$(threads)" "$before_threads"
after_memory=$(memory)
diag "anonymous memory: $before_memory kB before, $after_memory kB after"
# The allocator may keep a little: 2 MB for a million calls is no leak. A sanitizer keeps what was
# freed, and tells of leaks in its own way.
if [ -n "${SECCOMPD_SANITIZERS:-}" ] || [ "$after_memory" -le $((before_memory + 2048)) ]; then
	ok "memory is back"
else
	not_ok "memory is back" "$before_memory kB -> $after_memory kB"
fi
stop_daemon
is "the daemon ends in order" "$daemon_status" 0
done_testing
