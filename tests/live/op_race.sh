#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# op_race.sh - an attacker with two threads that swaps the path, a link or a directory between an
# allowed and a denied file never gets the denied one.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

SECCOMPD=$builddir/tests/live/seccompd-ops
op_race=$builddir/tests/live/op_race
calls=${RACE_CALLS:-1000000} # in all
case $SECCOMPD_SANITIZERS in *-fsanitize*) calls=${RACE_CALLS:-50000} ;; esac

mkdir -p "$T/tree/good" "$T/tree/evil"
echo A >"$T/tree/good/f"
echo D >"$T/tree/evil/f"
profile race <<EOT
default: allow
log: none
rules:
  - name: evil
    open: {path: $T/tree/evil/**}
    action: deny
  - name: rest
    open: {}
    action: allow
EOT
start_daemon
cd "$T/tree" || exit 99

# MODE PERCENT-OF-THE-CALLS: names take longer, to swap and to find.
attack()
{
	mode=$1
	# That it attacks at all: nobody keeps it from the denied file.
	bare=$("$op_race" $mode 20000)
	like "$mode: unsupervised it gets both" "$bare" '^[1-9][0-9]* allowed, [1-9][0-9]* denied'
	got=$(run --profile race -- "$op_race" $mode $((calls * $2 / 100)))
	diag "$mode: $got"
	like "$mode: supervised it never gets the denied one" "$got" \
		'^[1-9][0-9]* allowed, 0 denied, [1-9][0-9]* errors$'
}
attack path 70
attack link 15
attack dir 15
stop_daemon
is "the daemon ends in order" "$daemon_status" 0
done_testing
