#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# register.sh - bad registrations: none ends, blocks or grows the daemon, each gets a clear error.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

bad=${REGISTER_BAD:-$builddir/tests/live/register_bad}

profile plain <<EOF
default: allow
rules:
  - name: parent
    syscall: getppid
    action: allow
    log: each
EOF

# Whose first use in the daemon opens something for good is used before the count.
start_daemon
check "a good registration before the bad ones" run --profile plain -- true

descriptors()
{
	ls "/proc/$daemon_pid/fd" | wc -l
}
resident()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$daemon_pid/status"
}
settled() # the descriptors are back
{
	[ "$(descriptors)" -le "$descriptors_before" ]
}
descriptors_before=$(descriptors)
resident_before=$(resident)

# The slow ones side by side.
for slow in half dribble idle compiled-then-silence; do
	"$bad" "$CLIENT_SOCKET" "$slow" >"$T/$slow.out" 2>&1 &
	eval "slow_$(echo "$slow" | tr -d -)=$!"
done

reply() # CASE WANTED
{
	like "$1" "$("$bad" "$CLIENT_SOCKET" "$1" 2>&1)" "$2"
}

reply garbage '^refused: not one whole JSON object$'
reply binary '^refused: not one whole JSON object$'
reply array '^refused: not one whole JSON object$'
reply version '^refused: .*version 2'
reply unknown '^refused: unknown request approve'
reply types '^refused: profile is not a string'
reply no-profile '^refused: .*no-such'
reply path-profile '^refused: '
reply control-characters '^refused: unknown request \?\[31m\?FAKE'
reply huge '^refused: the message is longer than 65536 bytes$'
reply no-descriptor '^refused: no descriptor'
reply no-descriptor-compiled '^refused: no descriptor'
reply pipe '^refused: the descriptor is not a seccomp listener$'
reply two-descriptors '^refused: more than one descriptor'
reply many-descriptors '^refused: too many descriptors'
reply compile-with-descriptor '^refused: .*without descriptors'
reply compile-twice '^refused: a second compile request'
reply oci '^closed$'
reply oci-no-profile '^refused: .*no-such'
reply dying '^ok$'

started=$(date +%s)
reply lingering '^(ok|no loopback)$'
check "a socket that lingers holds nobody up" [ $(($(date +%s) - started)) -lt 5 ]

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$T/run"
	chmod 666 "$CLIENT_SOCKET"
	# A copy, since others may not read the build tree.
	cp "$bad" "$T/register_bad"
	chmod 755 "$T/register_bad"
	is "connections of one user are counted" \
		"$(setpriv --reuid 65534 --clear-groups "$T/register_bad" "$CLIENT_SOCKET" crowd 2>&1)" \
		"36 refused"
	check "while others come in" run --profile plain -- true
else
	skip "connections of one user are counted" "not root"
fi

wait "$slow_half" "$slow_dribble" "$slow_idle" "$slow_compiledthensilence"
like half "$(cat "$T/half.out")" '^refused: nothing whole came within 5 seconds$'
like dribble "$(cat "$T/dribble.out")" '^refused: nothing whole came within 5 seconds$'
is idle "$(cat "$T/idle.out")" silence
like compiled-then-silence "$(cat "$T/compiled-then-silence.out")" '^refused: nothing whole'

check "a good registration after them" run --profile plain -- true
check "the daemon is alive" daemon_is_alive
# One lingering socket may still be there.
descriptors_before=$((descriptors_before + 2))
check "no descriptor is left" wait_until 5 settled
check "the daemon has not grown by what was sent" \
	[ "$(resident)" -lt $((resident_before + 32768)) ]
like "refusals stand in the journal" "$(cat "$T/daemon.log")" 'not a seccomp listener'
stop_daemon
is "it ends in order" "$daemon_status" 0

# 14 connections are for others than root: two users have them, and say nothing.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	settings <<EOF
limits: {connections: 16, connections_per_uid: 7}
EOF
	start_daemon
	cp "$SECCOMP_RUN" "$T/seccomp-run"
	descriptors_before=$(descriptors)
	squat() # UID TOTAL: in the background, until so many are connected
	{
		setpriv --reuid "$1" --clear-groups \
			"$T/register_bad" "$CLIENT_SOCKET" squat >"$T/squat.$1" 2>&1 &
		eval "squat_$1=$!"
		wait_until 5 connected "$2"
	}
	connected() # N; each has a pidfd with it
	{
		[ "$(descriptors)" -ge $((descriptors_before + 2 * $1)) ]
	}
	squat 65531 7
	squat 65532 14
	check "a full table makes room for who speaks" setpriv --reuid 65533 --clear-groups \
		"$T/seccomp-run" --socket "$CLIENT_SOCKET" --profile plain -- true
	wait "$squat_65531" "$squat_65532"
	like "the oldest of who said nothing is sent away" \
		"$(sort "$T/squat.65531" "$T/squat.65532" | tr '\n' ' ')" \
		'^refused: it said nothing, and .*connections silence $'
	stop_daemon
else
	skip "a full table makes room for who speaks" "not root"
	skip "the oldest of who said nothing is sent away" "not root"
fi
done_testing
