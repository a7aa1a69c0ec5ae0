#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# api_abuse.sh - the control API and those who mean it ill: garbage, too much of everything,
# silence, a thousand connections. None ends, blocks or grows the daemon.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif
need_root
need_command python3

settings <<'EOF'
limits: {connections: 100, connections_per_uid: 10}
EOF
start_daemon

cat >"$T/abuse.py" <<'EOF'
import os, resource, socket, sys, time
path, pid = sys.argv[1], sys.argv[2]
what = sys.argv[3]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(60)
    return s

def answer(s, data=b""):
    got = b""
    try:
        s.sendall(data)
    except OSError:
        pass
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except ConnectionError:
        pass
    return got

def status(data):
    return (answer(connect(), data).split(b" ") + [b"", b""])[1].decode()

def descriptors():
    return len(os.listdir("/proc/%s/fd" % pid))

def send(data):
    print(status(data))

def many():
    before = descriptors()
    held = [connect() for _ in range(1000)]
    refused = sum(b"503" in answer(s) for s in held[200:])
    room = status(b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n")
    for _ in range(500):
        most = descriptors()
        if most - before <= 140:
            break
        time.sleep(0.02)
    for s in held:
        s.close()
    for _ in range(500):
        if descriptors() <= before:
            break
        time.sleep(0.02)
    print("refused:%d" % refused, "while:%s" % room, "bounded:%s" % (most - before <= 140 or most - before),
          "left:%d" % max(0, descriptors() - before),
          "then:%s" % status(b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n"))

def a_user():
    os.setgid(65534)
    os.setuid(65534)
    held = [connect() for _ in range(30)]
    print(sum(b"503" in answer(s) for s in held[15:]))

def silent(first, every):
    s = connect()
    start = time.time()
    s.sendall(first)
    s.settimeout(every or 60)
    while time.time() - start < 60:
        try:
            if not s.recv(1000):
                break
        except socket.timeout:
            try:
                s.sendall(b"x")
            except OSError:
                break
    print("ended" if 20 < time.time() - start < 45 else "after %d s" % (time.time() - start))

if what == "send":
    send(eval("b'" + sys.argv[4] + "'"))
elif what == "many":
    many()
elif what == "bound":
    name = os.path.join(sys.argv[4], "s")
    name += "x" * (107 - len(name))
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    s.connect(path)
    s.settimeout(60)
    print(answer(s, b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n").split(b" ")[1].decode())
elif what == "exhaust":
    held = [connect() for _ in range(90)]
    time.sleep(1)
    ticks = lambda: sum(map(int, open("/proc/%s/stat" % pid).read().rsplit(")", 1)[1].split()[11:13]))
    before = ticks()
    time.sleep(2)
    print("idle" if ticks() - before < 50 else "busy: %d ticks" % (ticks() - before))
elif what == "user":
    a_user()
else:
    silent(eval("b'" + sys.argv[4] + "'"), int(sys.argv[5]))
EOF
abuse()
{
	timeout 120 python3 "$T/abuse.py" "$CONTROL_SOCKET" "$daemon_pid" "$@" 2>&1
}

# Those that take half a minute run beside the rest.
abuse silent 'GET /v1/sta' 0 >"$T/half" &
half=$!
abuse silent 'GET /v1/status HTTP/1.1\r\nX-Slow: ' 4 >"$T/dribble" &
dribble=$!
abuse silent '' 0 >"$T/idle" &
idle=$!

is "garbage" "$(abuse send '\x00\xff\xfe\r\n\r\n')" 400
is "not HTTP" "$(abuse send '{"request": "status"}\r\n\r\n')" 400
is "a long first line" "$(abuse send 'GET /v1/'"$(head -c 20000 /dev/zero | tr '\0' a)")" 400
is "a long header" "$(abuse send 'GET /v1/status HTTP/1.1\r\nX: '"$(
	head -c 100000 /dev/zero | tr '\0' a)"'\r\n\r\n')" 400
is "a body too long" "$(abuse send \
	'POST /v1/reload HTTP/1.1\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n')" 413
is "a body of less than nothing" "$(abuse send \
	'POST /v1/reload HTTP/1.1\r\nConnection: close\r\nContent-Length: -5\r\n\r\n')" 400
is "a chunk too long" "$(abuse send \
	'POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\nx')" 413
# libevent before 2.1.12-stable-8+deb12u1 aborts (CVE-2026-63388).
is "a client with a long name" "$(abuse bound "$T")" 200
many=$(abuse many)
like "1000 connections: those too many are told" "$many" 'refused:(7[0-9][0-9]|800) '
like "1000 connections: no room meanwhile" "$many" 'while:503 '
like "1000 connections: descriptors are bounded" "$many" 'bounded:True '
like "1000 connections: and given back" "$many" 'left:0 '
like "1000 connections: then all is as before" "$many" 'then:200$'
chmod 755 "$T/run"
chmod 644 "$T/abuse.py"
is "one user's limit" "$(abuse user)" 15

wait $half
is "half a request, then silence" "$(cat "$T/half")" ended
wait $dribble
is "a request letter by letter" "$(cat "$T/dribble")" ended
wait $idle
is "no request at all" "$(cat "$T/idle")" ended
check "the daemon still answers" ctl status

# No descriptors left: it neither spins nor ends, and goes on when there are some.
if command -v prlimit >/dev/null; then
	prlimit --pid "$daemon_pid" --nofile=60:60
	is "out of descriptors" "$(abuse exhaust)" idle
	check "and back" wait_until 10 ctl status
else
	skip "out of descriptors" "no prlimit"
fi
done_testing
