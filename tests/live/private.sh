#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# private.sh - seccomp-run --private: a supervisor for one command, without a daemon.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

profile quiet <<EOF
default: allow
rules:
  - name: no-mkdir
    syscall: [mkdir, mkdirat]
    action: deny
    errno: ENOLINK
EOF
profile each <<EOF
default: allow
log: each
EOF
profile broken <<EOF
default: allow
rulez: []
EOF
profile exec-deny <<EOF
default: allow
rules: [{name: no-exec, syscall: execve, action: deny}]
EOF

private() # OPTION... -- COMMAND...
{
	"$SECCOMP_RUN" --private --profile-dir "$T/profiles" "$@"
}

for status in 0 3 125 127; do
	check_status "the command's own status $status" "$status" \
		private --profile quiet -- sh -c "exit $status"
done
check_status "128 and the signal" 143 private --profile quiet -- sh -c 'kill -TERM $$'
check_status "not found" 127 private --profile quiet -- no-such-command
check_status "execve is denied" 126 private --profile exec-deny -- true
check_status "everything is notified" 0 private --profile each -- sh -c 'ls / >/dev/null'

private --profile quiet -- mkdir "$T/new" >"$T/out" 2>"$T/err"
is "the denied call fails" "$?" 1
like "and is on stderr" "$(cat "$T/err")" 'mkdir\[[0-9]+\].*mkdir.* deny ENOLINK.*no-mkdir'
is "and not on stdout" "$(cat "$T/out")" ""
check "and was not made" [ ! -e "$T/new" ]

check_status "a path is a profile" 1 "$SECCOMP_RUN" --private --profile "$T/profiles/quiet.yaml" -- \
	mkdir "$T/new"
check_status "no such profile" 125 private --profile no-such -- true
check_status "no profile" 125 private -- true
check_status "an empty profile" 125 private --profile '' -- true
check_status "a socket of a daemon" 125 private --socket "$T/none" --profile quiet -- true
like "excludes --private" "$(cat "$T/check.out")" 'exclude each other'
check_status "a broken profile" 125 private --profile broken -- true
like "with the position" "$(cat "$T/check.out")" "broken.yaml:2:1: "

status_of_self='grep -E "^(SigBlk|SigIgn|Threads)" /proc/self/status'
is "signals as without it" \
	"$(env --ignore-signal=HUP,CHLD --block-signal=USR1 "$SECCOMP_RUN" --private \
		--profile "$T/profiles/each.yaml" -- sh -c "$status_of_self")" \
	"$(env --ignore-signal=HUP,CHLD --block-signal=USR1 sh -c "$status_of_self")"

for signal in TERM INT HUP USR1 USR2 QUIT; do
	rm -f "$T/ready"
	# Background jobs of a shell ignore INT and QUIT: env puts that right.
	env --default-signal=INT,QUIT "$SECCOMP_RUN" --private --profile "$T/profiles/each.yaml" -- \
		sh -c 'trap "exit 9" '$signal'; : >'"$T"'/ready; while :; do sleep 0.05; done' &
	launcher=$!
	wait_until 10 [ -e "$T/ready" ]
	kill -$signal "$launcher"
	wait "$launcher"
	is "SIG$signal is passed on" "$?" 9
done

# The supervisor goes, and with it the command's notified calls, never the refusals.
rm -f "$T/ready"
"$SECCOMP_RUN" --private --profile "$T/profiles/quiet.yaml" -- \
	sh -c ': >'"$T"'/ready; echo $$ >'"$T"'/pid; sleep 1; mkdir '"$T"'/new; echo $? >'"$T"'/status' \
	>"$T/out" 2>&1 &
launcher=$!
wait_until 10 [ -s "$T/pid" ]
kill -KILL "$launcher"
wait "$launcher" 2>/dev/null
check "the command goes on without its supervisor" wait_until 10 [ -s "$T/status" ]
unlike "and is not allowed more" "$(cat "$T/status")" '^0'

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir "$T/bin"
	cp "$SECCOMP_RUN" "$(dirname "$SECCOMP_RUN")/seccomp-private" "$T/bin/"
	chmod -R a+rX "$T/bin" "$T/profiles"
	check_status "as an ordinary user" 1 setpriv --reuid 65534 --clear-groups \
		"$T/bin/seccomp-run" --private --profile "$T/profiles/quiet.yaml" -- \
		mkdir "$T/new"
	like "with the refusal" "$(cat "$T/check.out")" 'no-mkdir'
fi
done_testing
