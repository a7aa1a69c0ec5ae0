#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# systemd_rules.sh - services get different verdicts for the same call: by rules for their units
# in one profile, and by profiles of their own.
. "${srcdir:-.}/tests/live/bed.sh"

case $(uname -m) in x86_64) getppid=110 ;; *) getppid=173 ;; esac

profile shared <<EOF
default: allow
rules:
  - name: for-one
    syscall: getppid
    when: {unit: one.service}
    action: deny
    errno: EUSERS
  - name: for-slice
    syscall: getppid
    when: {slice: "special*.slice"}
    action: return
    value: 4242
    log: each
  - name: for-two
    syscall: getppid
    when: {unit: [two.service, "2*.service"]}
    action: deny
    errno: EDQUOT
EOF
for e in ENOTNAM EXFULL; do
	profile "own-$e" <<EOF
default: allow
rules:
  - name: the-rule
    syscall: getppid
    action: deny
    errno: $e
EOF
done

service() # NAME PROFILE [LINE]
{
	unit "$1.service" <<EOF
[Unit]
Requires=seccompd.socket
After=seccompd.socket
[Service]
Type=oneshot
${3-}
StandardError=truncate:$T/$1.out
ExecStart=-$bed_bin/seccomp-run --profile $2 -- $attempt call $getppid
EOF
}
service one shared
service two shared
service three shared
service sliced shared Slice=special-x.slice
service own1 own-ENOTNAM
service own2 own-EXFULL
service none no-such-profile
bed_start

for name in one two three sliced own1 own2 none; do
	bed systemctl start $name.service
done
is "one: the rule for its unit" "$(cat "$T/one.out")" "= EUSERS"
is "two: another rule of the same profile" "$(cat "$T/two.out")" "= EDQUOT"
like "three: no rule for it" "$(cat "$T/three.out")" '^= [0-9]+$'
is "a rule for a slice" "$(cat "$T/sliced.out")" "= 4242"
is "own1: its profile" "$(cat "$T/own1.out")" "= ENOTNAM"
is "own2: another profile" "$(cat "$T/own2.out")" "= EXFULL"
like "a profile that is not there: the program does not run" "$(cat "$T/none.out")" no-such-profile
unlike "and makes no call" "$(cat "$T/none.out")" '^='

# The unit is the kernel's word, not the launcher's: outside of it the rule does not hold.
like "outside of the units" "$(run --profile shared -- "$attempt" call $getppid 2>&1)" '^= [0-9]+$'

last_logged() { ctl -o json log --unit own2.service | grep -q EXFULL; }
wait_until 5 last_logged
for row in one:for-one:shared two:for-two:shared sliced:for-slice:shared \
	own1:the-rule:own-ENOTNAM own2:the-rule:own-EXFULL; do
	name=${row%%:*}
	rest=${row#*:}
	record=$(ctl -o json log --unit "$name.service")
	is "$name: one record" "$(printf '%s\n' "$record" | grep -c '"seq"')" 1
	is "$name: its rule" "$(json_get "$record" rule)" "${rest%%:*}"
	is "$name: its profile" "$(json_get "$record" profile)" "${rest#*:}"
done

done_testing
