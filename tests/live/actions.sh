#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# actions.sh - every action of the profile language, and with it every action of libseccomp
# (ALLOW, KILL, KILL_PROCESS, ERRNO, TRAP, TRACE, LOG, NOTIFY), done to a real process.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

attempt=${ATTEMPT:-$builddir/tests/live/attempt}
case $(uname -m) in x86_64) getppid=110 ;; *) getppid=173 ;; esac

rule() # NAME ACTION-LINES: a profile with one rule on getppid
{
	{
		echo "default: allow"
		echo "rules:"
		echo "  - name: the-rule"
		echo "    syscall: getppid"
		printf '%s\n' "$2" | sed 's/^/    /'
	} | profile "$1"
}

rule allow 'action: allow'
rule deny 'action: deny'
for e in EPERM EINVAL ENOSYS ENOTRECOVERABLE EHWPOISON 1 4095; do
	rule "deny-$e" "action: deny
errno: $e"
	rule "deny-$e-kernel" "action: deny
errno: $e
log: none"
done
rule return 'action: return
value: 4711'
rule return-0-kernel 'action: return
value: 0
log: none'
rule return-max 'action: return
value: 9223372036854775807'
rule kill 'action: kill'
rule kill-kernel 'action: kill
log: none'
rule kill-thread 'action: kill-thread'
rule trap 'action: trap'
rule trace 'action: trace'
rule log 'action: log'
rule notify 'action: allow
log: each'
echo 'default: kill
rules: []' | profile default-kill
{
	echo 'mode: permissive'
	cat "$T/profiles/kill.yaml"
} | profile permissive-kill
start_daemon

# PROFILE HOW EXTENDED-REGULAR-EXPRESSION: what `attempt` says
says()
{
	out=$(run --profile "$1" -- "$attempt" "$2" "$getppid" 2>&1)
	like "$1: $2 says $3" "$out" "$3"
}

# PROFILE VERDICT COUNT: records of the rule
records()
{
	wait_until 5 counted "$1" "$2" "$3"
	is "$1: $3 records of verdict $2" "$(log_json --profile "$1" --verdict "$2" | wc -l)" "$3"
}
counted()
{
	[ "$(log_json --profile "$1" --verdict "$2" | wc -l)" -ge "$3" ]
}

says allow call '^= [1-9]'
records allow allow 0
says notify call '^= [1-9]'
records notify allow 1
says deny call '^= EPERM$'
records deny deny 1
for e in EPERM EINVAL ENOSYS ENOTRECOVERABLE EHWPOISON; do
	says "deny-$e" call "^= $e\$"
	says "deny-$e-kernel" call "^= $e\$"
	records "deny-$e" deny 1
	records "deny-$e-kernel" deny 0
done
says deny-1 call '^= EPERM$'
says deny-4095 call '^= \?$' # the greatest errno there is has no name
says deny-4095-kernel call '^= \?$'
says return call '^= 4711$'
records return return 1
says return-0-kernel call '^= 0$'
records return-0-kernel return 0
says return-max call '^= 9223372036854775807$'

# By the daemon (SIGKILL) and by the kernel (SIGSYS).
run --profile kill -- "$attempt" call "$getppid" 2>/dev/null
is "kill: ends by SIGKILL" $? 137
records kill kill 1
run --profile kill-kernel -- "$attempt" call "$getppid" 2>/dev/null
is "kill without a record: ends by SIGSYS" $? 159
records kill-kernel kill 0
run --profile kill -- "$attempt" thread "$getppid" 2>/dev/null
is "kill in a thread: the process ends" $? 137
says kill-thread thread '^thread ended$'
says trap trap "^SIGSYS $getppid\$"
run --profile trap -- "$attempt" call "$getppid" 2>/dev/null
is "trap without a handler: ends by SIGSYS" $? 159
says trace call '^= ENOSYS$' # no tracer
says log call '^= [1-9]'
says permissive-kill call '^= [1-9]'
like "permissive: the would-be verdict is recorded" "$(log_json --profile permissive-kill)" \
	'"verdict": ?"kill".*"mode": ?"permissive"'

run --profile default-kill -- "$attempt" call "$getppid" 2>/dev/null
is "default kill: not even the exec" $? 137
records default-kill kill 1

stop_daemon
is "the daemon ends in order" "$daemon_status" 0
done_testing
