#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# api_rights.sh - the control API: every route answers, who may do what, and what a supervised
# process is refused.
. "${srcdir:-.}/tests/live/lib.sh"
need_root
need_user_notif
need_command curl setpriv python3

profile plain <<'EOF'
description: for the API
default: allow
rules:
  - name: parent
    syscall: getppid
    action: allow
    log: each
EOF
settings <<'EOF'
operators: {users: [daemon]}
viewers: {groups: [games]}
EOF
start_daemon

# [OPTION...] PATH: the status code; the body is in $T/body
code()
{
	curl -sS --max-time 20 -o "$T/body" -w '%{http_code}' --unix-socket "$CONTROL_SOCKET" "$@"
}

# USER GROUP [OPTION...] PATH: the same as somebody else
code_as()
{
	as_user=$1 as_group=$2
	shift 2
	setpriv --reuid="$as_user" --regid="$as_group" --clear-groups \
		curl -sS --max-time 20 -o /dev/null -w '%{http_code}' \
		--unix-socket "$CONTROL_SOCKET" "$@"
}

# ---- routes ----

for path in status clients log profiles profiles/plain detect; do
	is "GET /v1/$path" "$(code "http://x/v1/$path")" 200
done
is "HTTP/1.0" "$(code -0 http://x/v1/clients)" 200
is "a socket's path as Host" "$(code -H 'Host: /run/seccompd/control.sock' http://x/v1/status)" 200
is "POST /v1/reload" "$(code -X POST http://x/v1/reload)" 200
for path in / /v1 /v1/ /v2/status /v1/status/ /v1/clients/ /v1/clients/c1/x /v1/profiles/none \
	/v1/clients/c999 /v1/profiles/..%2fplain /v1/profiles/%00; do
	is "GET $path" "$(code --path-as-is "http://x$path")" 404
	like "GET $path: the reason as JSON" "$(cat "$T/body")" '^\{"error":".+"\}$'
done
for path in clients/x clients/c0 'log?verdict=maybe' 'log?nosuch=1' 'log?n=-1' 'log?since=noon' \
	'log?follow=2' 'log?client=x' 'status?x=1'; do
	is "GET /v1/$path" "$(code "http://x/v1/$path")" 400
	like "GET /v1/$path: the reason as JSON" "$(cat "$T/body")" '^\{"error":".+"\}$'
done
for verb in POST PUT DELETE PATCH OPTIONS NONSENSE; do
	is "$verb /v1/status" "$(code -X $verb http://x/v1/status)" 405
	like "$verb /v1/status: the reason as JSON" "$(cat "$T/body")" '^\{"error":".+"\}$'
done
like "405 says what is allowed" \
	"$(curl -sS -i --unix-socket "$CONTROL_SOCKET" http://x/v1/reload)" '^Allow: POST'
is "HEAD" "$(curl -sS -I -o /dev/null -w '%{http_code}' --unix-socket "$CONTROL_SOCKET" \
	http://x/v1/status)" 405

# ---- rights ----

is "an operator reads" "$(code_as daemon daemon http://x/v1/status)" 200
is "an operator reloads" "$(code_as daemon daemon -X POST http://x/v1/reload)" 200
for path in status clients log profiles profiles/plain detect; do
	is "a viewer: GET $path" "$(code_as nobody games "http://x/v1/$path")" 200
	is "nobody: GET $path" "$(code_as nobody nogroup "http://x/v1/$path")" 403
done
is "a viewer may not reload" "$(code_as nobody games -X POST http://x/v1/reload)" 403
is "nobody may not reload" "$(code_as nobody nogroup -X POST http://x/v1/reload)" 403
is "nobody learns what there is not" "$(code_as nobody nogroup http://x/v1/nothing)" 404
check_status "seccompctl as nobody" 1 setpriv --reuid=nobody --regid=nogroup --clear-groups \
	"$SECCOMPCTL" --socket "$CONTROL_SOCKET" status

# ---- supervised ----

chmod 666 "$T/body"
is "supervised root reads" "$(run --profile plain -- curl -sS -o "$T/body" -w '%{http_code}' \
	--unix-socket "$CONTROL_SOCKET" http://x/v1/status)" 200
is "supervised root may not reload" "$(run --profile plain -- curl -sS -o "$T/body" \
	-w '%{http_code}' -X POST --unix-socket "$CONTROL_SOCKET" http://x/v1/reload)" 403
like "and is told why" "$(cat "$T/body")" 'seccomp filter'
check_status "a descendant may not either" 1 "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" \
	--profile plain -- sh -c "sh -c '$SECCOMPCTL --socket $CONTROL_SOCKET reload'"

# A connection from before the filter, taken along through exec.
cat >"$T/late.py" <<'EOF'
import os, socket, sys
if len(sys.argv) > 2:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"GET /v1/status HTTP/1.1\r\n\r\n")
    s.recv(65536)
    os.set_inheritable(s.fileno(), True)
    os.dup2(s.fileno(), 9)
    os.execvp(sys.argv[2], sys.argv[2:])
s = socket.socket(fileno=9)
s.sendall(b"POST /v1/reload HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
print(s.recv(65536).split()[1].decode())
EOF
is "nor by a connection from before" "$(python3 "$T/late.py" "$CONTROL_SOCKET" "$SECCOMP_RUN" \
	--socket "$CLIENT_SOCKET" --profile plain -- python3 "$T/late.py" 9)" 403

# A connection whose opener stays and lends it to a child.
cat >"$T/lend.py" <<'EOF'
# SOCKET [COMMAND...]: the codes that we, a child and we again get on one connection
import os, socket, subprocess, sys
def reload(s):
    s.sendall(b"POST /v1/reload HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    print(s.recv(65536).split()[1].decode(), end=" ", flush=True)
if sys.argv[1] == "child":
    reload(socket.socket(fileno=int(sys.argv[2])))
else:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    reload(s)
    subprocess.run(sys.argv[2:] + [sys.executable, sys.argv[0], "child", str(s.fileno())],
                   pass_fds=[s.fileno()])
    reload(s)
EOF
is "nor by one that its opener lends it" "$(python3 "$T/lend.py" "$CONTROL_SOCKET" \
	"$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile plain --)" "200 403 403 "
is "nor may an unsupervised child" "$(python3 "$T/lend.py" "$CONTROL_SOCKET")" "200 403 403 "

# ---- reload that is refused ----

profile plain <<'EOF'
default: alow
EOF
is "a refused reload" "$(code -X POST http://x/v1/reload)" 422
like "says where and what" "$(cat "$T/body")" 'plain.yaml","line":1,"column":10,"text":'
like "and what becomes of the rest" "$(cat "$T/body")" \
	'"error":"what was refused stays as it ran, the rest is in force"'
check_status "seccompctl reload" 1 "$SECCOMPCTL" --socket "$CONTROL_SOCKET" reload
like "FILE:LINE:COLUMN" "$(cat "$T/check.out")" '/plain.yaml:1:10: '
like "the profile in force stays" "$(ctl -o json profile show plain)" '"rule_count": 1'
like "and is marked" "$(ctl profile list)" 'plain .*change refused'
done_testing
