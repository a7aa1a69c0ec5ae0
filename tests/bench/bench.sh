#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# bench.sh - the benchmarks: ratios against a baseline of the same run, medians of interleaved
# pairs. Absolute times say nothing on another machine. Not part of `make check`: a loaded
# machine is no defect.
#
# usage: bench.sh [PAIRS]   (9)     BENCH_CALLS, BENCH_SPAWNS: sizes
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

measure=${MEASURE:-$builddir/tests/bench/measure}
pairs=${1:-9}
calls=${BENCH_CALLS:-30000}
spawns=${BENCH_SPAWNS:-50}

profile logged <<EOF
default: allow
rules:
  - name: counted
    syscall: getppid
    action: allow
    log: each
EOF
profile unlogged <<EOF
default: allow
rules:
  - name: limited
    syscall: getppid
    action: allow
    limit: {rate: 1000000000/s, burst: 1000000000}
EOF
profile kernel <<EOF
default: allow
rules:
  - name: in-kernel
    syscall: getppid
    action: allow
EOF
profile opens <<EOF
default: allow
rules:
  - name: shadow
    open: {path: /etc/shadow}
    action: deny
  - name: rest
    open: {}
    action: allow
EOF
SECCOMPD=$builddir/tests/live/seccompd-ops
start_daemon

median() # FILE
{
	sort -n "$1" | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}
rm -f "$T"/b.*
i=0
while [ $i -lt "$pairs" ]; do
	"$measure" calls "$calls" >>"$T/b.plain"
	"$measure" raw "$calls" >>"$T/b.raw"
	run --profile logged -- "$measure" calls "$calls" >>"$T/b.logged"
	run --profile unlogged -- "$measure" calls "$calls" >>"$T/b.unlogged"
	run --profile kernel -- "$measure" calls "$calls" >>"$T/b.kernel"
	"$measure" opens "$calls" >>"$T/b.opens"
	"$measure" rawopens "$calls" >>"$T/b.rawopens"
	run --profile opens -- "$measure" opens "$calls" >>"$T/b.emulated"
	"$measure" spawn "$spawns" true >>"$T/b.true"
	"$measure" spawn "$spawns" "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile kernel -- true \
		>>"$T/b.run"
	i=$((i + 1))
done

row() # LABEL FIGURE BASE UNIT GOAL
{
	awk -v l="$1" -v a="$(median "$T/b.$2")" -v b="$(median "$T/b.$3")" -v u="$4" -v g="$5" \
		'BEGIN {printf "%-44s %9.0f %s  against %9.0f %s  ratio %5.2f  %s\n", l, a, u, b, u, a / b, g}'
}
echo "medians of $pairs interleaved pairs, $calls calls each"
row "notified call, decided and logged / raw loop" logged raw ns "(goal 1.50)"
row "notified call, decided, not logged / raw loop" unlogged raw ns ""
row "emulated open and close / raw loop" emulated rawopens ns "(goal 1.25)"
row "emulated open and close / no filter" emulated opens ns ""
row "call that the kernel decides / no filter" kernel plain ns ""
awk -v a="$(median "$T/b.run")" -v b="$(median "$T/b.true")" \
	'BEGIN {printf "%-44s %9.0f us over %9.0f us  adds %.2f ms  (goal 3.00 ms)\n", "seccomp-run true / true", a, b, (a - b) / 1000}'
exit 0
