#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# api_abuse.sh - the control API and those who mean it ill: garbage, too much of everything,
# silence, a thousand connections, descriptors whose close takes long. None ends, blocks or grows the
# daemon.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif
need_root
need_command python3 setpriv

settings <<'EOF'
limits: {connections: 100, connections_per_uid: 10}
EOF
start_daemon

cat >"$T/abuse.py" <<'EOF'
import os, resource, socket, sys, threading, time
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

# A connection has four: the client's, two of the relay, the client's pidfd.
most_of_108 = 108 * 4 + 20

def many():
    before = descriptors()
    held = [connect() for _ in range(1000)]
    refused = sum(b"503" in answer(s) for s in held[200:])
    room = status(b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n")
    for _ in range(500):
        most = descriptors()
        if most - before <= most_of_108:
            break
        time.sleep(0.02)
    for s in held:
        s.close()
    for _ in range(500):
        if descriptors() <= before:
            break
        time.sleep(0.02)
    print("refused:%d" % refused, "while:%s" % room,
          "bounded:%s" % (most - before <= most_of_108 or most - before),
          "left:%d" % max(0, descriptors() - before),
          "then:%s" % status(b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n"))

def a_user():
    os.setgid(65534)
    os.setuid(65534)
    held = [connect() for _ in range(30)]
    print(sum(b"503" in answer(s) for s in held[15:]))

# Answers are waited for while the reader sleeps, and also where he has said his last word.
def sleepy():
    s = connect()
    s.sendall(b"GET /v1/detect HTTP/1.1\r\n\r\n" * 300)
    s.shutdown(socket.SHUT_WR)
    time.sleep(2)
    print(status(b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n"),
          answer(s).count(b"HTTP/1.1 200 OK"))

def pipelined():
    s = connect()
    threading.Thread(target=s.sendall, args=(b"GET /v1/nothing HTTP/1.1\r\n\r\n" * 5000,)).start()
    got = b""
    while got.count(b"HTTP/1.1 404") < 5000:
        part = s.recv(65536)
        if not part:
            break
        got += part
    print(got.count(b"HTTP/1.1 404"))

def half_closed(request):
    s = connect()
    s.sendall(request)
    s.shutdown(socket.SHUT_WR)
    start = time.time()
    got = answer(s)
    print(got.split(b" ")[1].decode(), got.endswith(b"}\n"), time.time() - start < 5)

def stream(half):
    s = connect()
    s.sendall(b"GET /v1/log?follow=1&n=0 HTTP/1.1\r\n\r\n")
    if half:
        s.shutdown(socket.SHUT_WR)
    print(s.recv(12)[-3:].decode(), flush=True)
    time.sleep(60)

def slowest():
    worst = 0
    for _ in range(20):
        start = time.time()
        if status(b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n") != "200":
            print("refused")
        worst = max(worst, time.time() - start)
        time.sleep(0.02)
    print("at once" if worst < 1 else "%.1f s" % worst)

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
elif what == "sleepy":
    sleepy()
elif what == "pipelined":
    pipelined()
elif what == "half":
    half_closed(eval("b'" + sys.argv[4] + "'"))
elif what == "stream":
    stream(sys.argv[4] == "half")
elif what == "slowest":
    slowest()
else:
    silent(eval("b'" + sys.argv[4] + "'"), int(sys.argv[5]))
EOF
abuse()
{
	timeout 120 python3 "$T/abuse.py" "$CONTROL_SOCKET" "$daemon_pid" "$@" 2>&1
}

descriptors()
{
	find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l
}
connections_are() # COUNT, with our own
{
	[ "$(json_get "$(ctl -o json status)" connections)" -eq "$1" ]
}
descriptors_are() # COUNT
{
	[ "$(descriptors)" -le "$1" ]
}
ctl log -n 0 >"$T/out" # SQLite keeps a descriptor for the next
at_start=$(descriptors)

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
# libevent before 2.1.12-stable-8+deb12u1 aborted, had it to do with it (CVE-2026-63388).
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

# ---- readers ----

is "a reader that sleeps" "$(abuse sleepy)" "200 300"
is "more requests than there is room for" "$(abuse pipelined)" 5000
is "a client that has said its last word" \
	"$(abuse half 'GET /v1/status HTTP/1.1\r\n\r\n')" "200 True True"
is "and one that closes" \
	"$(abuse half 'GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n')" "200 True True"
# ---- descriptors ----

# As somebody else, who is bounded; a copy, since others may not read the build tree.
cp "$builddir/tests/live/linger" "$T/linger"
for how in "" oob; do
	# shellcheck disable=SC2086
	setpriv --reuid 65534 --clear-groups "$T/linger" "$CONTROL_SOCKET" 50 4 $how >"$T/lingers" &
	lingers=$!
	wait_until 10 grep -q sent "$T/lingers"
	like "descriptors whose close takes long $how" "$(cat "$T/lingers")" "^[1-5][0-9] sent"
	is "hold up nobody" "$(abuse slowest)" "at once"
	wait $lingers
done

wait $half
is "half a request, then silence" "$(cat "$T/half")" ended
wait $dribble
is "a request letter by letter" "$(cat "$T/dribble")" ended
wait $idle
is "no request at all" "$(cat "$T/idle")" ended

# Its client dies while there is nothing to send.
for how in whole half; do
	python3 "$T/abuse.py" "$CONTROL_SOCKET" "$daemon_pid" stream $how >"$T/stream" 2>&1 &
	stream=$!
	wait_until 10 grep -q 200 "$T/stream"
	sleep 1.5
	check "a stream ($how) goes on" connections_are 2
	kill -9 $stream
	check "and goes with its reader" wait_until 5 connections_are 1
done
check "the daemon still answers" ctl status
check "no descriptor is left" wait_until 10 descriptors_are "$at_start"

# No descriptors left: it neither spins nor ends, and goes on when there are some.
if command -v prlimit >/dev/null; then
	prlimit --pid "$daemon_pid" --nofile=60:60
	is "out of descriptors" "$(abuse exhaust)" idle
	check "and back" wait_until 10 ctl status
else
	skip "out of descriptors" "no prlimit"
fi
done_testing
