#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# api_ctl.sh - seccompctl: verbs, exit statuses, forms of output, and that no target draws on the
# operator's terminal.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif
need_command python3 script

profile web <<'EOF'
description: a web server
default: allow
rules:
  - name: no-group
    syscall: getpgid
    args: {pid: 424242}
    action: deny
    errno: EACCES
EOF
profile trial <<'EOF'
default: allow
rules:
  - name: tried
    syscall: getpgid
    args: {pid: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]}
    limit: {rate: 1/h}
    action: deny
    mode: permissive
  - name: counted
    syscall: getpgid
    limit: {rate: 90/m, burst: 5}
    action: return
    value: 7
EOF
start_daemon

cat >"$T/target.py" <<'EOF'
import os, sys, time
with open("/proc/self/comm", "w") as f:
    f.write("\033[2Jx\n\x7f\\\x9b\u202e")
for _ in range(int(sys.argv[1])):
    try:
        os.getpgid(424242)
    except OSError:
        pass
print("ready", flush=True)
sys.stdin.read()
EOF
mkfifo "$T/hold"
run --profile web --label 'tier=front' -- python3 "$T/target.py" 5 <"$T/hold" >"$T/target.out" &
exec 8>"$T/hold"
wait_until 10 grep -q ready "$T/target.out"
has_records()
{
	[ "$(ctl log | wc -l)" -ge 5 ]
}
wait_until 10 has_records

# ---- verbs ----

check "status" ctl status
like "status: clients" "$(ctl status)" '^clients +1 of at most '
like "status: one client" "$(ctl status)" ' [0-9]+: 1 client$'
like "status names no settings file that is not there" "$(ctl status)" '^settings +no file, '
like "status -o json" "$(ctl -o json status)" '^  "clients": \{'
is "status -o short is a line" "$(ctl -o short status | wc -l)" 1
like "clients" "$(ctl clients)" '^c1 .* web '
is "clients -o short" "$(ctl -o short clients | awk '{print $1, $3}')" "c1 web"
like "client" "$(ctl client c1)" '^label +tier=front$'
like "client by its number" "$(ctl client 1 -o json)" '"id": "c1"'
check_status "a client that is not" 1 ctl client c99
like "says so in JSON as well" "$(ctl -o json client c99 2>/dev/null)" '"error": '
like "profile list" "$(ctl profile list)" '^web +enforce +allow +1 +1 +in force +a web server$'
is "profile list -o short" "$(ctl -o short profile list | tr '\n' ' ')" "trial web "
like "profile show" "$(ctl profile show web)" \
	'^no-group +deny EACCES +denied +.*/web.yaml:4 +getpgid, pid == 424242$'
like "profile show: mode and limit" "$(ctl profile show trial)" \
	'^tried +deny EPERM \(permissive\) .* 1/h burst 1 +getpgid, pid == 1 or '
like "profile show: value and limit" "$(ctl profile show trial)" \
	'^counted +return 7 .* 90/m burst 5 +getpgid$'
for name in nothing ../web .. . ''; do
	check_status "a profile that is not: '$name'" 1 ctl profile show "$name"
	like "says so" "$(cat "$T/check.out")" 'there is no profile'
done
check "reload" ctl reload
like "says how many" "$(ctl reload)" '^2 profiles in force$'
echo 'default: alow' >"$T/profiles/bad.yaml"
check_status "reload of a bad one" 1 ctl reload
like "says where" "$(cat "$T/check.out")" 'bad.yaml:1:10: '
like "and in JSON" "$(ctl -o json reload 2>/dev/null)" '"line": 1,'
rm "$T/profiles/bad.yaml"
like "detect" "$(ctl detect)" '^user_notif +5.0 +yes '
check "profile check" ctl profile check "$T/profiles/web.yaml"
echo 'default: alow' >"$T/bad.yaml"
check_status "profile check of a bad one" 1 ctl profile check "$T/bad.yaml"
like "says where" "$(cat "$T/check.out")" 'bad.yaml:1:10: '

# ---- log ----

is "log" "$(ctl log | wc -l)" 5
like "log: text" "$(ctl log -n 1)" ' getpgid\(0x67932\) = deny EACCES \(rule no-group\)$'
is "log -o short" "$(ctl -o short log | wc -l)" 5
is "log -o json" "$(ctl -o json log | python3 -c '
import json, sys
print(sum(json.loads(line)["rule"] == "no-group" for line in sys.stdin))')" 5
for filter in '--rule no-group' '--client c1' '--client 1' '--profile web' '--syscall getpgid' \
	'--verdict deny' '--since today' '--since -1h' '--since 2020-01-01' '--until +1h'; do
	# shellcheck disable=SC2086
	is "log $filter" "$(ctl log $filter | wc -l)" 5
done
is "log --since '1h ago' --until now" "$(ctl log --since '1h ago' --until now | wc -l)" 5
for filter in '--rule other' '--client c2' '--profile other' '--syscall write' '--verdict kill' \
	'--since +1h' '--until yesterday' '--unit nginx'; do
	# shellcheck disable=SC2086
	check_status "log $filter: nothing found" 1 ctl log $filter
done

# ---- usage ----

for wrong in '' 'stauts' 'status extra' 'client' 'profile' 'profile lits' 'profile show' \
	'--no-such-option' '-o xml status' 'status --since today' 'log --verdict maybe' \
	'log --since whenever' 'log -n few' 'log --client x' 'log --client c0' 'log extra' \
	'log --verdict deny --verdict kill' 'log -u a --unit b' 'client x' 'client c0'; do
	# shellcheck disable=SC2086
	check_status "seccompctl $wrong: usage" 2 ctl $wrong
done
ctl status extra 2>"$T/err"
is "usage of a verb without arguments" "$(cat "$T/err")" "seccompctl: usage: seccompctl status"
ctl stauts 2>"$T/err"
like "a suggestion" "$(cat "$T/err")" "did you mean 'status'"
check "--help" ctl --help
check "--version" ctl --version
check_status "no daemon" 4 "$SECCOMPCTL" --socket "$T/none" status
check_status "no daemon for the log" 4 "$SECCOMPCTL" --socket "$T/none" log
check_status "no socket's path" 2 "$SECCOMPCTL" --socket '' status
check_status "a socket's path too long" 2 "$SECCOMPCTL" --socket "/$(printf '%0200d' 0)" status

# ---- terminals ----

esc=$(printf '\033')
# VERB...: as on a terminal; its bytes
on_terminal()
{
	script -qec "'$SECCOMPCTL' --socket '$CONTROL_SOCKET' $*" /dev/null </dev/null
}
like "colour on a terminal" "$(TERM=xterm on_terminal clients)" "$esc\[1m"
unlike "no colour with NO_COLOR" "$(NO_COLOR=1 TERM=xterm on_terminal clients)" "$esc"
unlike "no colour on a dumb one" "$(TERM=dumb on_terminal clients)" "$esc"
unlike "no colour in a pipe" "$(ctl clients; ctl log; ctl status)" "$esc"
unlike "no tabs" "$(ctl clients; ctl status; ctl profile show web)" "$(printf '\t')"
like "comm is escaped" "$(ctl log -n 1)" '\\x1b\[2Jx\\x0a\\x7f\\x5c\\xc2\\x9b\\xe2\\x80\\xae\['
unlike "on a terminal too" "$(TERM=xterm on_terminal --no-pager log)" "$esc\[2J"
is "in JSON as well" "$(TERM=xterm on_terminal --no-pager -o json log |
	LC_ALL=C tr -d '\r\n -~' | wc -c)" 0
is "the pager gets it all" "$(SECCOMPD_PAGER="wc -l" on_terminal log | tr -d '\r')" 5
is "an empty pager is none" "$(SECCOMPD_PAGER='' on_terminal log | wc -l)" 5
is "a pager that is not there is none" \
	"$(SECCOMPD_PAGER=/no/such/pager on_terminal log | grep -c getpgid)" 5
is "no pager in a pipe" "$(SECCOMPD_PAGER=false ctl log | wc -l)" 5

# ---- readers that go away ----

ctl log 2>"$T/err" | true
unlike "EPIPE is no error" "$(cat "$T/err")" .
# shellcheck disable=SC2216
check "log --follow ends with its reader" timeout 20 sh -c \
	"'$SECCOMPCTL' --socket '$CONTROL_SOCKET' log --follow | head -n 2 >/dev/null"
check_status "nowhere to write" 1 sh -c "'$SECCOMPCTL' --socket '$CONTROL_SOCKET' status >/dev/full"
exec 8>&-
done_testing
