#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lists.sh - deny-list and allow-list profiles under real programs: a list grown from the
# calls that strace -c counts, added one by one, and one grown from the decision log.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif
need_command strace python3 gcc git busybox

# An allow-list with default deny EPERM, of the calls on standard input. strace -c counts calls
# when they return, so the one that ends a process is never among them.
allow_list() # NAME
{
	{
		echo "default: deny"
		echo "errno: EPERM"
		echo "rules:"
		echo "  - {name: end, action: allow, syscall: [exit, exit_group]}"
		sed 's/^/  - {action: allow, syscall: /; s/$/}/'
	} | profile "$1"
}

calls_of() # COMMAND...: the names, as strace -c counts them
{
	strace -f -c -o "$T/counts" "$@" >/dev/null 2>&1
	awk '/^ *[0-9]/ && $NF != "total" {print $NF}' "$T/counts"
}

cat >"$T/hello.c" <<EOF
#include <stdio.h>
int main(void) { return puts("hello") < 0; }
EOF
start_daemon

# One by one: with each call that is added the program gets further, with all it runs.
calls_of busybox echo hello >"$T/calls"
n=$(wc -l <"$T/calls")
i=0
early=0
while [ $i -lt "$n" ]; do
	head -n $i "$T/calls" | allow_list grown
	check "reload with $i of $n calls" ctl reload
	[ "$(run --profile grown -- busybox echo hello 2>/dev/null)" != hello ] || early=$((early + 1))
	i=$((i + 1))
done
[ "$early" -lt "$n" ] && ok "without its calls it does not run" || not_ok "it ran without its calls"
allow_list grown <"$T/calls"
ctl reload
is "with all calls of strace -c it runs" "$(run --profile grown -- busybox echo hello 2>&1)" hello

# From the log: what was denied is added, until it runs.
: >"$T/calls"
tries=0
until [ "$(run --profile fromlog -- busybox cat "$T/hello.c" 2>/dev/null | tail -n 1)" = \
	"$(tail -n 1 "$T/hello.c")" ] || [ $tries -gt 60 ]; do
	tries=$((tries + 1))
	sleep 0.05
	log_json --profile fromlog --verdict deny | sed 's/.*"syscall": *"\([^"]*\)".*/\1/' |
		sort -u >"$T/calls"
	allow_list fromlog <"$T/calls"
	ctl reload
done
[ $tries -le 60 ] && ok "a list grown from the log runs it after $tries tries" ||
	not_ok "a list grown from the log" "$(cat "$T/calls")"

# Real programs under allow-lists of their own.
program() # NAME COMMAND...
{
	program_name=$1
	shift
	"$@" >"$T/plain" 2>&1
	calls_of "$@" | allow_list "$program_name"
	ctl reload >/dev/null
	run --profile "$program_name" -- "$@" >"$T/supervised" 2>&1
	is "$program_name under its allow-list exits 0" $? 0
	check "$program_name: the same output" cmp "$T/plain" "$T/supervised"
}
program python python3 -c 'import json, sys; print(json.dumps({"a": 1})); sys.stderr.write("b")'
program gcc gcc -o "$T/hello" "$T/hello.c"
program git git init -q "$T/repo"
program ls ls /usr

# A deny-list under the same.
cat <<EOF | profile denylist
default: allow
rules:
  - name: no-dangerous
    syscall: ["@module", "@reboot", "@swap", "@raw-io", "@mount", "@debug", "@keyring"]
    action: deny
  - name: no-dirs
    syscall: [mkdir, mkdirat]
    action: deny
    errno: EROFS
EOF
ctl reload >/dev/null
is "python under a deny-list" "$(run --profile denylist -- python3 -c 'print(6 * 7)' 2>&1)" 42
check "gcc under a deny-list" run --profile denylist -- gcc -o "$T/hello2" "$T/hello.c"
is "what it built runs" "$(run --profile denylist -- "$T/hello2")" hello
like "the denied call fails" "$(run --profile denylist -- mkdir "$T/dir" 2>&1)" 'Read-only file system'
wait_until 5 sh -c "$SECCOMPCTL --socket $CONTROL_SOCKET log --rule no-dirs | grep -q mkdir"
like "and is in the log" "$(log_json --rule no-dirs)" '"syscall": ?"mkdir(at)?".*"errno": ?"EROFS"'
done_testing
