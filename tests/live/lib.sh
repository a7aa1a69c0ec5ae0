# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# lib.sh - what the live tests share: TAP, capabilities, a daemon of their own.
# POSIX sh; a test starts with
#
#	. "${srcdir:-.}/tests/live/lib.sh"
#
# and ends with done_testing. Everything that a test makes stands below $T, which goes at exit,
# and with it the daemon. A test that hangs is ended by tests/tap-run.

T=$(mktemp -d "${TMPDIR:-/tmp}/seccompd-test.XXXXXX") || exit 99
chmod 755 "$T" # other users' programs run below it

: "${srcdir:=.}" "${builddir:=.}"
: "${SECCOMPD:=$builddir/seccompd}"
: "${SECCOMP_RUN:=$builddir/seccomp-run}"
: "${SECCOMPCTL:=$builddir/seccompctl}"
CLIENT_SOCKET=$T/run/client.sock
CONTROL_SOCKET=$T/run/control.sock
export SECCOMPD SECCOMP_RUN SECCOMPCTL CLIENT_SOCKET CONTROL_SOCKET T
mkdir "$T/profiles" "$T/run" "$T/state"

tests_run=0
tests_failed=0
tests_plan=
daemon_pid=
cleanup_commands=

# ---- TAP -----------------------------------------------------------------------

plan() # N: known beforehand; without it done_testing prints the plan
{
	tests_plan=$1
	echo "1..$1"
}

diag() # TEXT...: for people; any number of lines
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

ok() # NAME
{
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1"
}

not_ok() # NAME [WHY...]
{
	tests_run=$((tests_run + 1))
	tests_failed=$((tests_failed + 1))
	echo "not ok $tests_run - $1"
	shift
	[ $# -eq 0 ] || diag "$@"
}

# NAME COMMAND...: passes where COMMAND exits 0. The output is shown where it does not.
check()
{
	check_name=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then
		ok "$check_name"
	else
		not_ok "$check_name" "exit status $?: $*" "
$(head -n 40 "$T/check.out")"
	fi
}

# NAME STATUS COMMAND...: passes where COMMAND exits with STATUS; the output is in $T/check.out.
check_status()
{
	check_name=$1
	check_want=$2
	shift 2
	"$@" >"$T/check.out" 2>&1
	check_got=$?
	if [ "$check_got" -eq "$check_want" ]; then
		ok "$check_name"
	else
		not_ok "$check_name" "exit status $check_got, wanted $check_want: $*" "
$(head -n 40 "$T/check.out")"
	fi
}

is() # NAME GOT WANTED
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got:    $2
wanted: $3"
	fi
}

like() # NAME TEXT EXTENDED-REGULAR-EXPRESSION
{
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		ok "$1"
	else
		not_ok "$1" "no match of: $3
in: $2"
	fi
}

unlike() # NAME TEXT EXTENDED-REGULAR-EXPRESSION
{
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		not_ok "$1" "unwanted match of: $3
in: $2"
	else
		ok "$1"
	fi
}

done_testing()
{
	[ -n "$tests_plan" ] || echo "1..$tests_run"
	[ "$tests_failed" -eq 0 ]
	exit
}

# REASON: what this machine lacks. With SECCOMPD_TESTS_NO_SKIP=1 it is a failure.
skip_all()
{
	if [ "${SECCOMPD_TESTS_NO_SKIP:-0}" = 1 ]; then
		echo "1..1"
		echo "not ok 1 - must not skip: $*"
		exit 1
	fi
	echo "1..0 # SKIP $*"
	exit 77
}

skip() # NAME REASON: one test
{
	tests_run=$((tests_run + 1))
	if [ "${SECCOMPD_TESTS_NO_SKIP:-0}" = 1 ]; then
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $1: must not skip: $2"
	else
		echo "ok $tests_run - $1 # SKIP $2"
	fi
}

# ---- what is needed --------------------------------------------------------------

need_root()
{
	[ "$(id -u)" = 0 ] || skip_all "not root"
}

need_user_notif()
{
	grep -qsw user_notif /proc/sys/kernel/seccomp/actions_avail ||
		skip_all "the kernel has no seccomp user notification"
}

need_command() # PROGRAM...
{
	for need_name in "$@"; do
		command -v "$need_name" >/dev/null 2>&1 || skip_all "$need_name is not installed"
	done
}

# ---- end ---------------------------------------------------------------------------

at_exit() # COMMAND: run before $T goes, the last one given first
{
	cleanup_commands="$1
$cleanup_commands"
}

cleanup()
{
	cleanup_status=$?
	trap - EXIT INT TERM HUP PIPE
	eval "$cleanup_commands"
	stop_daemon
	if [ "$tests_failed" -gt 0 ] && [ -s "$T/daemon.log" ]; then
		diag "the daemon said:
$(tail -n 40 "$T/daemon.log")"
	fi
	[ "${SECCOMPD_TESTS_KEEP:-0}" = 1 ] && diag "kept: $T" || rm -rf "$T"
	exit "$cleanup_status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
trap 'exit 141' PIPE

# ---- daemon ------------------------------------------------------------------------

# [SECONDS] COMMAND...: until COMMAND succeeds; fails after SECONDS (10).
wait_until()
{
	case $1 in
	[0-9]*)
		wait_tries=$(($1 * 50))
		shift
		;;
	*) wait_tries=500 ;;
	esac
	until "$@" >/dev/null 2>&1; do
		wait_tries=$((wait_tries - 1))
		[ "$wait_tries" -gt 0 ] || return 1
		sleep 0.02
	done
}

# NAME <<EOF: a profile of the daemon's
profile()
{
	cat >"$T/profiles/$1.yaml"
}

# <<EOF: the daemon's settings (before start_daemon or reload)
settings()
{
	cat >"$T/seccompd.yaml"
}

daemon_is_up()
{
	[ -S "$CLIENT_SOCKET" ] && [ -S "$CONTROL_SOCKET" ]
}

daemon_is_up_or_gone()
{
	daemon_is_up || ! daemon_is_alive
}

daemon_is_alive()
{
	[ -n "$daemon_pid" ] && kill -0 "$daemon_pid" 2>/dev/null &&
		! grep -qs '^State:.[ZX]' "/proc/$daemon_pid/status"
}

# [OPTION...]: a daemon on $T, its pid in $daemon_pid, its words in $T/daemon.log. Without
# $T/seccompd.yaml it has its defaults. Ends the test where the daemon does not come up.
start_daemon()
{
	# A daemon that was killed leaves its sockets behind.
	rm -f "$CLIENT_SOCKET" "$CONTROL_SOCKET"
	[ ! -e "$T/seccompd.yaml" ] || set -- --config "$T/seccompd.yaml" "$@"
	CONFIGURATION_DIRECTORY=$T "$SECCOMPD" --runtime-dir "$T/run" --state-dir "$T/state" \
		--profile-dir "$T/profiles" "$@" >>"$T/daemon.log" 2>&1 </dev/null &
	daemon_pid=$!
	wait_until 20 daemon_is_up_or_gone
	if ! daemon_is_alive || ! daemon_is_up; then
		echo "Bail out! the daemon did not start"
		diag "$(cat "$T/daemon.log")"
		exit 99
	fi
}

# Ends it in order; its exit status is in $daemon_status ("" where there is none).
stop_daemon()
{
	daemon_status=
	[ -n "$daemon_pid" ] || return 0
	kill -TERM "$daemon_pid" 2>/dev/null
	(
		# A daemon that does not end by itself must not hang the test.
		wait_until 20 grep -qs '^State:.[ZX]' "/proc/$daemon_pid/status" ||
			kill -KILL "$daemon_pid" 2>/dev/null
	) &
	stop_watch=$!
	wait "$daemon_pid"
	daemon_status=$?
	kill "$stop_watch" 2>/dev/null
	wait "$stop_watch" 2>/dev/null
	daemon_pid=
}

# SIGKILL, as a crash
kill_daemon()
{
	[ -n "$daemon_pid" ] || return 0
	kill -KILL "$daemon_pid" 2>/dev/null
	wait "$daemon_pid" 2>/dev/null
	daemon_pid=
}

# [OPTION...] -- COMMAND...
run()
{
	"$SECCOMP_RUN" --socket "$CLIENT_SOCKET" "$@"
}

# VERB...
ctl()
{
	"$SECCOMPCTL" --socket "$CONTROL_SOCKET" "$@"
}

# [FILTER...]: the decision log as JSON lines
log_json()
{
	"$SECCOMPCTL" --socket "$CONTROL_SOCKET" -o json log "$@"
}

# TEXT NAME: the value of a member in a JSON object of one level (strings without their quotes)
json_get()
{
	printf '%s\n' "$1" | sed -n 's/.*"'"$2"'": *\("\([^"]*\)"\|\([^,}]*\)\).*/\2\3/p' | head -n 1
}
