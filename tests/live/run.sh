#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh - the launcher: exit statuses, exec in place, nothing left behind, no deadlock whatever
# the profile notifies, refusals.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

profile plain <<EOF
default: allow
EOF
profile each <<EOF
default: allow
log: each
EOF
for action in deny kill kill-thread trap; do
	profile "exec-$action" <<EOF
default: allow
rules:
  - name: no-exec
    syscall: [execve, execveat]
    action: $action
EOF
done
profile exec-kernel <<EOF
default: allow
log: none
rules:
  - name: no-exec
    syscall: [execve, execveat]
    action: deny
    errno: EACCES
EOF
profile exec-pretend <<EOF
default: allow
rules:
  - name: no-exec
    syscall: [execve, execveat]
    action: return
    value: 0
EOF
# Everything but what has to do with the exec itself fails: the launcher needs nothing else.
profile nothing <<EOF
default: deny
errno: ENOTRECOVERABLE
rules:
  - name: exec
    syscall: [execve, execveat]
    action: allow
EOF
profile by-label <<EOF
default: allow
rules:
  - name: front
    syscall: [mkdir, mkdirat]
    when: {label: {role: front*}}
    action: deny
    errno: ENOLINK
EOF
profile broken <<EOF
default: perhaps
EOF
# Refused profiles stay out, the rest is served.
start_daemon

# ---- exit statuses ------------------------------------------------------------------

for status in 0 1 42 125 126 127 255; do
	check_status "the command's own status $status" "$status" \
		run --profile plain -- sh -c "exit $status"
done
check_status "not found in PATH" 127 run --profile plain -- no-such-command
like "and says so" "$(cat "$T/check.out")" 'no-such-command: command not found'
check_status "not found by path" 127 run --profile plain -- "$T/no-such"
check_status "an empty name" 127 run --profile plain -- ""
check_status "a directory" 126 run --profile plain -- "$T"
unlike "which is not the profile's doing" "$(cat "$T/check.out")" 'profile'
echo 'no program' >"$T/text"
chmod 755 "$T/text"
check_status "no shell takes what the kernel does not" 126 run --profile plain -- "$T/text"
like "and says so" "$(cat "$T/check.out")" 'Exec format error'
chmod 644 "$T/text"
check_status "not executable" 126 run --profile plain -- "$T/text"
unlike "which is not the profile's doing" "$(cat "$T/check.out")" 'profile'
mkdir "$T/first" "$T/second"
printf '#!/bin/sh\nexit 7\n' >"$T/second/tool"
touch "$T/first/tool"
chmod 755 "$T/second/tool"
check_status "PATH goes on where a file is not executable" 7 \
	env PATH="$T/first:$T/second:$PATH" "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" \
	--profile plain -- tool
check_status "killed as the command is" 137 sh -c \
	'"$0" --socket "$1" --profile plain -- sh -c "kill -9 \$\$"' "$SECCOMP_RUN" "$CLIENT_SOCKET"
check_status "without --" 3 run --profile plain sh -c 'exit 3'

# ---- usage ----------------------------------------------------------------------------

check_status "no command" 125 run --profile plain
check_status "an unknown option" 125 run --no-such-option -- true
check_status "a label without value" 125 run --label role -- true
check_status "a label without key" 125 run --label =x -- true
check_status "a label twice" 125 run --label a=1 --label a=2 -- true
check_status "an empty profile" 125 run --profile '' -- true
like "and says so" "$(cat "$T/check.out")" "seccomp-run: --profile '': a name expected"
check_status "a path without --private" 125 run --profile ./x.yaml -- true
check_status "--help" 0 run --help
check_status "--version" 0 run --version
check_status "no daemon" 125 "$SECCOMP_RUN" --socket "$T/none.sock" -- true
like "and says so" "$(cat "$T/check.out")" "no daemon at $T/none.sock"
check_status "no such profile" 125 run --profile no-such -- true
like "and says so" "$(cat "$T/check.out")" 'refuses: .*no-such'
check_status "a profile that is refused" 125 run --profile broken -- true
like "with the reason" "$(cat "$T/check.out")" 'broken.yaml:1:10'

# ---- in place ---------------------------------------------------------------------------

status_of_self='grep -E "^(SigBlk|SigIgn|SigPnd|ShdPnd|Threads|Umask|Uid|Gid|Groups)" /proc/self/status'
is "descriptors as without it" \
	"$(run --profile plain -- sh -c 'ls -l /proc/self/fd | sed "s/.* \([0-9]*\) ->.*/\1/;s/^total.*//"' </dev/null)" \
	"$(sh -c 'ls -l /proc/self/fd | sed "s/.* \([0-9]*\) ->.*/\1/;s/^total.*//"' </dev/null)"
is "signals as without it" "$(run --profile plain -- sh -c "$status_of_self")" \
	"$(sh -c "$status_of_self")"
is "ignored and blocked signals stay so" \
	"$(env --ignore-signal=HUP,PIPE,CHLD --block-signal=USR1,RTMIN,TERM "$SECCOMP_RUN" \
		--socket "$CLIENT_SOCKET" --profile each -- sh -c "$status_of_self")" \
	"$(env --ignore-signal=HUP,PIPE,CHLD --block-signal=USR1,RTMIN,TERM sh -c "$status_of_self")"
is "arguments and environment" \
	"$(A='b c' run --profile each -- sh -c 'echo "$A|$1|$2|$#"' x '' '* $A')" 'b c||* $A|2'
"$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile plain -- \
	sh -c 'echo $$; grep -c . /proc/$$/task/$$/children; exec sleep 0' >"$T/pid.out" &
launched=$!
wait "$launched"
is "the pid is the launcher's, with no child" "$(head -n 2 "$T/pid.out" | tr '\n' ' ')" \
	"$launched 1 "
check_status "closed standard descriptors" 0 sh -c \
	'"$0" --socket "$1" --profile each -- true <&- >&- 2>&-' "$SECCOMP_RUN" "$CLIENT_SOCKET"

# ---- whatever the profile says --------------------------------------------------------------

for i in 1 2 3 4 5; do
	is "everything is notified ($i)" "$(run --profile each -- sh -c 'echo in; ls /dev/null')" \
		"in
/dev/null"
done
check_status "execve is denied" 126 run --profile exec-deny -- true
like "by the profile, it says" "$(cat "$T/check.out")" 'profile exec-deny'
check_status "execve is denied in the kernel" 126 run --profile exec-kernel -- true
like "by the profile, it says" "$(cat "$T/check.out")" 'profile exec-kernel'
check_status "execve pretends success" 126 run --profile exec-pretend -- true
like "by the profile, it says" "$(cat "$T/check.out")" 'profile exec-pretend'
# The daemon kills with SIGKILL, the kernel with SIGSYS.
for action in kill:137 kill-thread:159 trap:159; do
	status=${action#*:}
	action=${action%:*}
	check_status "execve: $action" "$status" sh -c \
		'ulimit -c 0; "$0" --socket "$1" --profile exec-'$action' -- true' \
		"$SECCOMP_RUN" "$CLIENT_SOCKET"
done
# The dynamic linker cannot go far: but it was started.
run --profile nothing -- true >"$T/nothing.out" 2>&1
nothing_status=$?
check "nothing but execve is allowed: the command starts" \
	[ "$nothing_status" -ne 125 -a "$nothing_status" -ne 126 ]
unlike "and the launcher has nothing to say" "$(cat "$T/nothing.out")" 'seccomp-run'
check "a rule for another label does not bind" \
	run --profile by-label --label role=back -- mkdir "$T/back"
check_status "a rule for this label does" 1 \
	run --profile by-label --label x=y --label role=front1 -- mkdir "$T/front"
check_status "a second supervisor" 125 run --profile plain -- "$SECCOMP_RUN" \
	--socket "$CLIENT_SOCKET" --profile plain -- true
like "is one too many, it says" "$(cat "$T/check.out")" 'listens already'

is "no_new_privs is set" "$(run --profile plain -- grep NoNewPrivs /proc/self/status)" \
	"NoNewPrivs:	1"
if [ "$(id -u)" = 0 ]; then
	is "but for --allow-new-privs" \
		"$(run --profile plain --allow-new-privs -- grep NoNewPrivs /proc/self/status)" \
		"NoNewPrivs:	0"
else
	check_status "--allow-new-privs" 125 run --profile plain --allow-new-privs -- true
fi

# ---- scheduling --------------------------------------------------------------------------------

if command -v chrt >/dev/null && chrt -f 10 true 2>/dev/null; then
	like "a real-time policy on one CPU stays" \
		"$(timeout 20 taskset -c 0 chrt -f 10 "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" \
			--profile each -- chrt -p 0)" 'SCHED_FIFO.*
.*10|SCHED_FIFO'
	if command -v setpriv >/dev/null; then
		chmod 666 "$CLIENT_SOCKET"
		cp "$SECCOMP_RUN" "$T/seccomp-run"
		chmod 755 "$T/seccomp-run"
		case $(uname -m) in x86_64) userfaultfd=323 ;; *) userfaultfd=282 ;; esac
		cp "$builddir/tests/live/attempt" "$T/attempt"
		check_status "and need not be put back where nothing spins" 0 \
			timeout 20 taskset -c 0 chrt -f 10 setpriv --reuid 65534 --clear-groups \
			"$T/seccomp-run" --socket "$CLIENT_SOCKET" --profile each -- true
		check "without userfaultfd a launch spins, and works" timeout 20 "$T/attempt" without \
			$userfaultfd "$T/seccomp-run" --socket "$CLIENT_SOCKET" --profile each -- true
		check_status "and is refused where the policy could not be put back" 125 \
			timeout 20 taskset -c 0 chrt -f 10 "$T/attempt" without $userfaultfd \
			setpriv --reuid 65534 --clear-groups \
			"$T/seccomp-run" --socket "$CLIENT_SOCKET" --profile each -- true
	fi
else
	skip "a real-time policy on one CPU stays" "no right to a real-time policy"
fi

# ---- a daemon that does not answer ----------------------------------------------------------------

kill -STOP "$daemon_pid"
check_status "a daemon that is stopped" 125 timeout 30 "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" \
	--profile plain -- true
kill -CONT "$daemon_pid"
like "is not waited for longer than told" "$(cat "$T/check.out")" 'no answer within 10 seconds'
kill_daemon
check_status "a daemon that was killed" 125 run --profile plain -- true
done_testing
