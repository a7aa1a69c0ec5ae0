#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# systemd_service.sh - seccompd.service under a real systemd: socket activation, readiness,
# reload, watchdog, restart, sandbox.
. "${srcdir:-.}/tests/live/bed.sh"

deny() # ERRNO
{
	profile denied <<-PROFILE
		default: allow
		rules:
		  - name: no-parent
		    syscall: getppid
		    action: deny
		    errno: $1
	PROFILE
}

case $(uname -m) in x86_64) getppid=110 ;; *) getppid=173 ;; esac
verdict() # what a new program gets
{
	run --profile denied -- "$attempt" call "$getppid" 2>&1
}

deny EUSERS
unit seccompd.service.d/watchdog.conf <<EOF
[Service]
WatchdogSec=2
EOF
bed_start

# ---- start -----------------------------------------------------------------------

is "systemd finds nothing wrong with the units" "$(bed systemd-analyze verify \
	/etc/systemd/system/seccompd.service /etc/systemd/system/seccompd.socket \
	/etc/systemd/system/seccompd-control.socket 2>&1 | grep -i seccompd | grep -v "Command 'man ")" ""
is "not started before it is needed" "$(property seccompd.service ActiveState)" inactive
check "a request on the control socket starts it" ctl status
is "it is active" "$(property seccompd.service ActiveState)" active
is "it said that it is ready" "$(property seccompd.service StatusText)" Supervising
pid=$(property seccompd.service MainPID)
is "a program started through the client socket gets its verdict" "$(verdict)" "= EUSERS"
is "the daemon that served them is the same" "$(property seccompd.service MainPID)" "$pid"

# ---- sandbox ---------------------------------------------------------------------

status=$(bed cat "/proc/$pid/status")
tab=$(printf '\t')
like "no new privileges" "$status" "^NoNewPrivs:${tab}1\$"
like "a filter of its own" "$status" "^Seccomp:${tab}2\$"
# CAP_DAC_READ_SEARCH 2, CAP_KILL 5, CAP_NET_ADMIN 12, CAP_SYS_PTRACE 19
like "four capabilities" "$status" "^CapEff:${tab}0000000000081024\$"
# Nothing can be run there to try it: the kernel's own list of its mounts tells.
mounted() # PATH: its options
{
	bed sed -n "s,^[0-9]* [0-9]* [0-9:]* [^ ]* $1 \\([^ ]*\\) .*,\\1,p" "/proc/$pid/mountinfo" |
		tail -n 1
}
like "the file system is read-only and runs no programs" "$(mounted /)" '^ro,.*noexec'
like "it can write to its runtime directory" "$(mounted /run/seccompd)" '^rw,'
like "and to its state directory" "$(mounted /var/lib/seccompd)" '^rw,'
exposure=$(bed systemd-analyze security --no-pager seccompd.service 2>/dev/null |
	sed -n 's/.*Overall exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
diag "exposure: ${exposure:-?} of 100"
check "systemd-analyze security finds an exposure below 3.0" [ "${exposure:-100}" -lt 30 ]

# ---- reload ----------------------------------------------------------------------

deny EDQUOT
check "systemctl reload" bed systemctl reload seccompd.service
is "what starts after it gets the new profile" "$(verdict)" "= EDQUOT"

profile denied <<EOF
default: allow
rules:
  - name: no-parent
    syscall: getpppid
    action: deny
EOF
reload_fails() { ! bed systemctl reload seccompd.service; }
check "a refused profile is the result of systemctl reload" reload_fails
is "the running profile stays in force" "$(verdict)" "= EDQUOT"
is "and the daemon active" "$(property seccompd.service ActiveState)" active
is "and the same" "$(property seccompd.service MainPID)" "$pid"
# What the journal says may come a moment later.
refusal_said()
{
	bed journalctl --no-pager -u seccompd.service | grep -Eq 'denied\.yaml:4:[0-9]+:.*getpppid'
}
check "the journal has the reason with its position" wait_until 5 refusal_said
deny EUSERS
check "put right, it reloads" bed systemctl reload seccompd.service
is "and is in force" "$(verdict)" "= EUSERS"

# ---- watchdog and crash --------------------------------------------------------------

sleep 5
is "an idle daemon serves its watchdog" "$(property seccompd.service NRestarts)" 0
bed kill -STOP "$pid"
check "a daemon that stands still is restarted" \
	wait_until 60 property_is seccompd.service NRestarts 1
check "and is active again" wait_until 20 property_is seccompd.service ActiveState active
is "and decides" "$(verdict)" "= EUSERS"

bed kill -KILL "$(property seccompd.service MainPID)"
is "killed, its sockets wait for the next one" "$(verdict)" "= EUSERS"
check "which is active" wait_until 20 property_is seccompd.service ActiveState active
six_records() { [ "$(ctl -o json log --rule no-parent | grep -c '"rule"')" = 6 ]; }
check "each verdict is on record once, across watchdog and SIGKILL" wait_until 5 six_records

# What the catalog shows is there, also where it is empty.
unit_said()
{
	bed journalctl --no-pager -o json SECCOMPD_RULE=no-parent | grep -q '"SECCOMPD_UNIT":'
}
check "a denial in no unit has the field in the journal" wait_until 5 unit_said

bed systemctl stop seccompd.service 2>/dev/null
is "stopped in order" "$(property seccompd.service Result)" success
is "the sockets stay" "$(bed ls /run/seccompd | grep -c '\.sock$')" 2
is "and start it again" "$(verdict)" "= EUSERS"

done_testing
