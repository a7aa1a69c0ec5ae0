#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# identity.sh - what is recorded about a caller, and who is killed, is true at the time of the
# call: after an exec, after a change of name or user, and where a number is used again.
. "${srcdir:-.}/tests/live/lib.sh"
need_root
need_user_notif
need_command python3

profile who <<EOF
default: allow
rules:
  - name: asked
    syscall: getppid
    action: allow
    log: each
  - name: killed
    syscall: getpgid
    action: kill
  - name: by-user
    syscall: getpriority
    when: {user: nobody}
    action: deny
    errno: EUSERS
  - name: by-exe
    syscall: sched_get_priority_max
    when: {exe: "$T/renamed"}
    action: deny
    errno: EUSERS
EOF
start_daemon
logged() { [ "$(log_json --rule "$1" | wc -l)" -ge "$2" ]; }

out=$(run --profile who -- "$builddir/tests/live/reused_tid")
case $out in
"number not reused") skip "a reused thread number" "ns_last_pid cannot be set, or the number was taken" ;;
*) is "a reused thread number: the caller is killed, not who had it" "$out" "child 9" ;;
esac

cat >"$T/names.py" <<EOF
import ctypes, os
libc = ctypes.CDLL(None)
def name(s): libc.prctl(15, s, 0, 0, 0)
for s in (b"one", b"two", b"one"):
    name(s)
    os.getppid()
os.setresgid(65534, 65534, 65534)
os.getppid()
os.setresuid(65534, 65534, 65534)
os.getppid()
os.execv("$builddir/tests/live/attempt", ["attempt", "call", "110"])
EOF
run --profile who -- python3 "$T/names.py" 2>/dev/null
wait_until 5 logged asked 6
is "each record has the name, group and user of its moment" "$(log_json --rule asked |
	sed -n 's/.*"uid":\([0-9]*\),"gid":\([0-9]*\),"comm":"\([^"]*\)".*/\3 \1 \2/p' | tail -n 6 | tr '\n' ,)" \
	"one 0 0,two 0 0,one 0 0,one 0 65534,one 65534 65534,attempt 65534 65534,"
like "and the program of its moment" "$(log_json --rule asked | tail -n 1)" '"exe":"[^"]*/attempt"'

cp "$builddir/tests/live/attempt" "$T/attempt" # where another user can run it
like "a rule for a user holds after the change of user" "$(run --profile who -- \
	setpriv --reuid 65534 --regid 65534 --clear-groups "$T/attempt" call 140 0 0 2>&1)" '^= EUSERS$'
like "and not for another" "$(run --profile who -- "$T/attempt" call 140 0 0 2>&1)" '^= [0-9]+$'
cp "$builddir/tests/live/attempt" "$T/renamed"
like "a rule for a program holds for it" \
	"$(run --profile who -- "$T/renamed" call 146 0 2>&1)" '^= EUSERS$'
like "and not for another" \
	"$(run --profile who -- "$builddir/tests/live/attempt" call 146 0 2>&1)" '^= 0$'
done_testing
