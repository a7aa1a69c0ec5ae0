#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# registers.sh - ways round a rule on a register: the upper half of a 32-bit argument, the i386
# entry, the x32 bit, a number that is none.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif
[ "$(uname -m)" = x86_64 ] || skip_all "not x86-64"

attempt=${ATTEMPT:-$builddir/tests/live/attempt}
rules='default: allow
rules:
  - name: no-stdout
    syscall: [write, writev]
    args: {fd: 1}
    action: deny
    errno: EINVAL'
echo "$rules" | profile native
printf 'architectures: [x86-64, x32, x86]\n%s\n' "$rules" | profile all
printf '%s\n    log: none\n' "$rules" | profile kernel
printf 'architectures: [native, x32, x86]\n%s\n    log: none\n' "$rules" | profile kernel-all
start_daemon

# PROFILE HOW ARG...: what came of it in $out, without the shell's own words about signals
try()
{
	try_profile=$1
	shift
	run --profile "$try_profile" -- "$attempt" "$@" >"$T/out" 2>&1
	status=$?
	out=$(grep -v -e 'Segmentation fault' -e 'Bad system call' "$T/out")
}

for p in native all kernel kernel-all; do
	for fd in 1 0x100000001 0xffffffff00000001 0x8000000000000001; do
		try $p call 1 $fd @sneaked 7
		is "$p: write($fd) fails" "$out" "= EINVAL"
	done
	try $p call 1 0x100000002 @passed 6
	like "$p: write(0x100000002) is a write to fd 2" "$out" '^passed= 6$'
done

# A kernel may have no i386 entry at all (ia32_emulation=off): int 0x80 then faults before any
# filter is asked, and what is left to show is that it writes nothing.
"$attempt" int80 20 2>/dev/null && i386=yes || i386=no
diag "i386 entry of this kernel: $i386"

# An architecture that the profile does not cover: killed. One that it covers: the rule holds.
for p in native kernel; do
	try $p int80 4 1 @sneaked 7
	case $status/$out/$i386 in
	159//yes | 139//no) ok "$p: int 0x80 is killed" ;;
	*) not_ok "$p: int 0x80 is killed" "$out" ;;
	esac
	try $p call 0x40000001 1 @sneaked 7
	is "$p: the x32 bit is killed" "$status/$out" "159/"
done
int80() # PROFILE NAME WANTED ARG...
{
	int80_name="$1: int 0x80: $2"
	int80_want=$3
	int80_profile=$1
	shift 3
	try "$int80_profile" int80 "$@"
	[ $i386 = yes ] || int80_want= # it faults
	is "$int80_name" "$out" "$int80_want"
}

for p in all kernel-all; do
	int80 $p "a write to fd 1" "= EINVAL" 4 1 @sneaked 7
	int80 $p "other descriptors go on" "passed= 6" 4 2 @passed 6
	int80 $p "writev" "= EINVAL" 146 1 @12345678 1
	try $p call 0x40000001 1 @sneaked 7
	is "$p: the x32 bit: the rule holds" "$out" "= EINVAL"
	try $p call 0x40000204 1 @12345678 1
	is "$p: x32's own writev" "$out" "= EINVAL"
done
for nr in -1 0x7fffffff 9999; do
	try native call $nr 1 @sneaked 7
	unlike "native: number $nr writes nothing" "$out" sneaked
done
done_testing
