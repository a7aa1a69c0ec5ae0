# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# bed.sh - lib.sh for tests in the test bed: systemd as PID 1 (tests/testbed), with the units as
# they are built, the programs at the paths that the units name, and settings and profiles bound
# to /etc/seccompd. $T is seen inside under the same name.
. "${srcdir:-.}/tests/live/lib.sh"
need_root
need_user_notif
need_command unshare nsenter script findmnt systemctl
grep -qsw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
	skip_all "the kernel has no overlayfs"
grep -qsw cgroup2 /proc/mounts || skip_all "no cgroup2 file system is mounted"

SDNS_STATE=$T/sdns
SDNS_NAME=seccompd-$$
export SDNS_STATE SDNS_NAME
units=$T/units
mkdir -p "$units" "$T/etc/profiles"

sdns()
{
	"$srcdir/tests/testbed/sdns" "$@"
}

# COMMAND...: inside
bed()
{
	sdns exec "$@"
}

profile() # NAME <<EOF
{
	cat >"$T/etc/profiles/$1.yaml"
}

settings() # <<EOF
{
	cat >"$T/etc/seccompd.yaml"
}

unit() # NAME <<EOF: another unit or drop-in (NAME.d/x.conf); before bed_start
{
	mkdir -p "$units/$(dirname "$1")"
	cat >"$units/$1"
}

# UNIT PROPERTY
property()
{
	bed systemctl show -P "$2" "$1"
}

property_is() # UNIT PROPERTY VALUE
{
	[ "$(property "$1" "$2")" = "$3" ]
}

# Words of the daemon, for a test that failed.
bed_explain()
{
	[ "$tests_failed" -eq 0 ] || diag "$(bed journalctl --no-pager -n 60 -o short-precise 2>&1)"
}
# Where the programs stand inside.
bed_daemon=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$builddir/units/seccompd.service")
bed_bin=$(sed -n 's/^ExecReload=+\(.*\)\/seccompctl .*/\1/p' "$builddir/units/seccompd.service")

# [SDNS-OPTION...]: boots
bed_start()
{
	cp "$builddir"/units/*.service "$builddir"/units/*.socket "$units/"
	if [ -n "${SECCOMPD_SANITIZERS-}" ]; then
		# The search for leaks wants ptrace(2), which the unit's sandbox has not.
		unit seccompd.service.d/sanitizers.conf <<-DROPIN
			[Service]
			Environment=ASAN_OPTIONS=detect_leaks=0
		DROPIN
	fi
	for bed_program in "$SECCOMPD" "$SECCOMP_RUN" "$SECCOMPCTL"; do
		[ -x "$bed_program" ] || { echo "Bail out! no $bed_program"; exit 99; }
	done
	at_exit "sdns stop"
	at_exit bed_explain
	if ! sdns start --units "$units" --bind "$T" --bind "$T/etc:/etc/seccompd" \
		--bind-ro "$SECCOMPD:$bed_daemon" --bind-ro "$SECCOMP_RUN:$bed_bin/seccomp-run" \
		--bind-ro "$SECCOMPCTL:$bed_bin/seccompctl" --with-pid $$ "$@" >"$T/sdns.log" 2>&1; then
		diag "$(cat "$T/sdns.log")"
		skip_all "the test bed does not boot here"
	fi
	bed systemctl start seccompd.socket seccompd-control.socket
}

ctl()
{
	bed "$bed_bin/seccompctl" "$@"
}

run()
{
	bed "$bed_bin/seccomp-run" "$@"
}

attempt=${ATTEMPT:-$builddir/tests/live/attempt}
cp "$attempt" "$T/attempt"
attempt=$T/attempt
