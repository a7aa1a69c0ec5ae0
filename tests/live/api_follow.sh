#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# api_follow.sh - the stream of decisions: each record once and in order, to a reader that keeps
# up, one that sleeps, one that comes late, one that talks back.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif
need_command curl python3

: "${RECORDS:=40000}"
profile each <<'EOF'
default: allow
rules:
  - name: marked
    syscall: getpgid
    args: {pid: 424242}
    action: return
    value: 7
    log: each
EOF
start_daemon

cat >"$T/flood.py" <<'EOF'
import os, sys
for _ in range(int(sys.argv[1])):
    os.getpgid(424242)
EOF
cat >"$T/read.py" <<'EOF'
# PATH COUNT HOW: reads a follow stream until COUNT records came
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(60)
want, how = int(sys.argv[2]), sys.argv[3]
s.sendall(b"GET /v1/log?follow=1&n=0&rule=marked HTTP/1.1\r\n\r\n")
f = s.makefile("rb")
while f.readline().strip():
    pass
print("ready", flush=True)
if how == "sleeps":
    time.sleep(8)
if how == "talks":
    s.setblocking(True)
    try:
        for _ in range(200):
            s.sendall(b"x" * 10000)
        print("still there")
    except OSError:
        print("dropped")
    sys.exit()
seqs = []
while len(seqs) < want:
    size = int(f.readline(), 16)
    for line in f.read(size).splitlines():
        seqs.append(json.loads(line)["seq"])
    f.readline()
ok = len(seqs) == want and seqs == sorted(set(seqs))
print("each once, in order" if ok else "%d records, %d of them different" % (len(seqs), len(set(seqs))))
EOF
reader() # HOW: its words in $T/HOW
{
	timeout 120 python3 "$T/read.py" "$CONTROL_SOCKET" "$RECORDS" "$1" >"$T/$1" 2>&1 &
	wait_until 10 grep -q ready "$T/$1"
}
memory() # KiB
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$daemon_pid/status"
}

reader quick
quick=$!
reader sleeps
sleeps=$!
"$SECCOMPCTL" --socket "$CONTROL_SOCKET" -o json log --follow -n 0 --rule marked >"$T/ctl" &
ctl_pid=$!
at_exit 'kill $ctl_pid 2>/dev/null'
sleep 0.5
before=$(memory)
run --profile each -- python3 "$T/flood.py" "$RECORDS"
wait $quick
like "a quick reader" "$(cat "$T/quick")" 'each once, in order'
grown=$(($(memory) - before))
if [ -n "$SECCOMPD_SANITIZERS" ]; then
	ok "a reader that sleeps does not grow the daemon (not measured: sanitizers keep memory)"
elif [ "$grown" -lt 30000 ]; then
	ok "a reader that sleeps does not grow the daemon"
else
	not_ok "a reader that sleeps does not grow the daemon" "$grown KiB"
fi
check "nor hold it up" ctl status
wait $sleeps
like "a reader that sleeps" "$(cat "$T/sleeps")" 'each once, in order'
ctl_has_all()
{
	[ "$(wc -l <"$T/ctl")" -ge "$RECORDS" ]
}
wait_until 30 ctl_has_all
is "seccompctl log --follow" "$(wc -l <"$T/ctl")" "$RECORDS"
is "each of them once" "$(sed 's/,"time".*//' "$T/ctl" | sort -u | wc -l)" "$RECORDS"

is "the log as it is, all of it" "$(log_json --rule marked | wc -l)" "$RECORDS"
is "the last few" "$(log_json --rule marked -n 7 | wc -l)" 7
is "curl --unix-socket" "$(curl -sS --unix-socket "$CONTROL_SOCKET" \
	'http://x/v1/log?rule=marked&n=3' | wc -l)" 3

reader talks
wait $!
like "a reader that talks too much" "$(cat "$T/talks")" 'dropped'

# ---- across a restart ----

kill_daemon
start_daemon
sleep 1
run --profile each -- python3 "$T/flood.py" 10
ctl_has_more()
{
	[ "$(wc -l <"$T/ctl")" -ge $((RECORDS + 10)) ]
}
wait_until 20 ctl_has_more
is "--follow goes on with the next daemon" "$(wc -l <"$T/ctl")" $((RECORDS + 10))
is "again each once" "$(sed 's/,"time".*//' "$T/ctl" | sort -u | wc -l)" $((RECORDS + 10))
kill $ctl_pid

# ---- readers too many ----

cat >"$T/many.py" <<'EOF'
import os, socket, sys
if len(sys.argv) > 2: # UID GID
    os.setgroups([])
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[2]))
held, codes = [], []
for _ in range(80):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"GET /v1/log?follow=1 HTTP/1.1\r\n\r\n")
    codes.append(s.recv(12)[-3:].decode())
    held.append(s)
print(codes.count("200"), codes.count("503"))
EOF
is "readers too many" "$(timeout 60 python3 "$T/many.py" "$CONTROL_SOCKET")" "64 16"
gone()
{
	[ "$(json_get "$(curl -sS --unix-socket "$CONTROL_SOCKET" http://x/v1/status)" connections)" -le 1 ]
}
check "are forgotten when they go" wait_until 10 gone

# ---- readers too many of one user ----

if [ "$(id -u)" = 0 ]; then
	settings <<-'EOF'
		operators: {users: ["4001"]}
		viewers: {groups: ["4002"]}
		limits: {connections_per_uid: 200}
	EOF
	stop_daemon
	start_daemon
	chmod 755 "$T/run"
	many_as() # UID GID
	{
		timeout 60 python3 "$T/many.py" "$CONTROL_SOCKET" "$@" 2>&1
	}
	is "a viewer's readers too many" "$(many_as 4003 4002)" "8 72"
	check "are forgotten when they go" wait_until 10 gone
	is "an operator's" "$(many_as 4001 4003)" "64 16"
	check "are forgotten when they go" wait_until 10 gone
else
	skip "a viewer's readers too many" "not root"
fi
done_testing
