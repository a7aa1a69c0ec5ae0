# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# oci.sh - a container runtime hands its containers over, as the OCI runtime specification says.
# For oci_runc.sh and oci_crun.sh, which set $runtime, and the calls that it refuses to have
# notified in $never_notified. In the test bed: what a runtime does to control groups, mounts and
# /run is done there.
. "${srcdir:-.}/tests/live/bed.sh"
need_command "$runtime" busybox ldd cc

# ---- containers --------------------------------------------------------------------

rootfs=$T/rootfs
mkdir -p "$rootfs/bin" "$rootfs/proc" "$rootfs/dev" "$rootfs/tmp"
busybox=$(command -v busybox)
cp -L "$busybox" "$rootfs/bin/busybox"
for file in $(ldd "$busybox" 2>/dev/null | grep -o '/[^ ]*'); do
	mkdir -p "$rootfs$(dirname "$file")"
	cp -L "$file" "$rootfs$file"
done
for applet in sh mkdir chmod sleep ls true; do
	ln -s busybox "$rootfs/bin/$applet"
done

socket=/run/seccompd/client.sock
notified='"mkdir", "mkdirat", "chmod", "fchmodat", "getppid"'
no_new_privileges=true

# NAME SHELL-COMMANDS [ANNOTATION=VALUE...]: a bundle for a container of that name
bundle()
{
	bundle_dir=$T/$1
	bundle_commands=$2
	shift 2
	bundle_annotations=
	for pair; do
		bundle_annotations="$bundle_annotations${bundle_annotations:+, }\"${pair%%=*}\": \"${pair#*=}\""
	done
	mkdir -p "$bundle_dir"
	cat >"$bundle_dir/config.json" <<-JSON
		{
			"ociVersion": "1.0.2",
			"process": {
				"user": {"uid": 0, "gid": 0},
				"args": ["/bin/sh", "-c", "$bundle_commands"],
				"env": ["PATH=/bin"],
				"cwd": "/",
				"noNewPrivileges": $no_new_privileges
			},
			"root": {"path": "$rootfs", "readonly": true},
			"mounts": [
				{"destination": "/proc", "type": "proc", "source": "proc"},
				{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
				{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}
			],
			"annotations": {$bundle_annotations},
			"linux": {
				"namespaces": [
					{"type": "pid"}, {"type": "mount"}, {"type": "ipc"},
					{"type": "uts"}, {"type": "network"}
				],
				"seccomp": {
					"defaultAction": "SCMP_ACT_ALLOW",
					"listenerPath": "$socket",
					"syscalls": [{"names": [$notified], "action": "SCMP_ACT_NOTIFY"}]
				}
			}
		}
	JSON
}

# VERB [ARGUMENT...]: what the runtime and the container say is in $T/out
oci()
{
	bed timeout 30 "$runtime" "$@" >"$T/out" 2>&1 </dev/null
}

oci_fails() { ! oci "$@"; }

# NAME: in the foreground; prints what is said
oci_run()
{
	oci run --bundle "$T/$1" "$1"
	cat "$T/out"
}

client_of() # NAME
{
	ctl clients | awk -v name="$1" '$NF == name { print $1; exit }'
}
is_client() { [ -n "$(client_of "$1")" ]; }
no_clients() { [ -z "$(ctl -o short clients)" ]; }
journal_says() { bed journalctl --no-pager -u seccompd.service | grep -Eq "$1"; }
said() { grep -Eq "$1" "$T/out"; }

profile container <<EOF
description: for containers
default: allow
rules:
  - name: no-directories
    syscall: [mkdir, mkdirat]
    action: deny
    errno: EDQUOT
  - name: no-modes-at-the-front
    syscall: [chmod, fchmodat]
    when: {label: {org.example.tier: front}}
    action: deny
    errno: ETXTBSY
  - name: modes
    syscall: [chmod, fchmodat]
    action: allow
    log: each
  - name: parent
    syscall: getppid
    action: return
    value: 4242
EOF
profile ops <<EOF
default: allow
rules:
  - name: no-directories-for-ops
    syscall: [mkdir, mkdirat]
    action: deny
    errno: ENOSPC
EOF
profile all <<EOF
default: allow
log: changes
rules: []
EOF
profile units <<EOF
default: allow
rules:
  - name: not-at-night
    syscall: [mkdir, mkdirat]
    when: {unit: night.service}
    action: deny
EOF
settings <<EOF
clients:
  - match: {label: {org.example.team: ops}}
    profile: ops
  - match: {label: {org.example.team: units}}
    profile: units
  - match: {label: {org.example.team: front}}
    profile: container
  - match: {unit: night.service}
    profile: ops
  - match: {user: root}
    profile: container
    choose: [all]
  - refuse: true
EOF
bed_start

# ---- run ---------------------------------------------------------------------------

bundle first 'mkdir /tmp/a; echo parent $PPID; chmod 700 /tmp && ls -ld /tmp'
out=$(oci_run first)
diag "$out"
like "run: a call that the profile denies" "$out" "^mkdir: .*Disk quota exceeded"
like "run: one that it answers" "$out" '^parent 4242$'
like "run: one that it allows" "$out" '^drwx------ '
pid=$(property seccompd.service MainPID)

three_records() { [ "$(ctl -o json log --client c1 | grep -c '"seq"')" = 3 ]; }
check "each is on record" wait_until 5 three_records
record=$(ctl -o json log --rule no-directories)
diag "$record"
is "record: client" "$(json_get "$record" client)" c1
is "record: profile" "$(json_get "$record" profile)" container
is "record: verdict" "$(json_get "$record" verdict)" deny
is "record: errno" "$(json_get "$record" errno)" EDQUOT
is "record: comm" "$(json_get "$record" comm)" mkdir
is "record: exe, by its name in the container" "$(json_get "$record" exe)" /bin/busybox
check "the client ends with the container" wait_until 5 no_clients

# What is opened for good on first use is open by now.
descriptors() { bed sh -c "ls /proc/$pid/fd | wc -l"; }
descriptors_before=$(descriptors)

bundle labelled 'chmod 700 /tmp' org.example.tier=front
like "annotations are labels in rules" "$(oci_run labelled)" '^chmod: .*Text file busy'
bundle ops 'mkdir /tmp/a' org.example.team=ops
like "and in the assignment" "$(oci_run ops)" '^mkdir: .*No space left'
bed systemd-run -q --unit night --wait --pipe timeout 30 "$runtime" run --bundle "$T/first" night \
	>"$T/out" 2>&1 </dev/null
like "the unit is the runtime's" "$(cat "$T/out")" '^mkdir: .*No space left'
is "on record too" "$(ctl -o json log --unit night.service |
	grep -c no-directories-for-ops)" 1
bundle greedy 'mkdir /tmp/a' io.seccompd.profile=units
like "a profile that may not be chosen: notified calls fail" "$(oci_run greedy)" \
	'^mkdir: .*Function not implemented'
check "the journal has the reason" wait_until 5 journal_says 'may not choose profile units'

# ---- create, start, exec -------------------------------------------------------------

# Its runtime may be gone before the daemon looks: assigned by what stands in the message.
bundle life 'mkdir /tmp/a; sleep 1000' org.example.tier=front org.example.team=front
check "create" oci create --bundle "$T/life" life
check "start" oci start life
check "it is a client" wait_until 5 is_client life
id=$(client_of life)
clients=$(ctl clients)
diag "$clients"
like "clients: profile, user, the container's name" "$clients" \
	"^$id +- +container +[0-9]+ +root .* life\$"
client=$(ctl client "$id")
diag "$client"
like "client: its annotations" "$client" '^label +org\.example\.tier=front$'
like "client: where it came from" "$client" '^origin +oci$'
denied() { [ "$(ctl -o json log --rule no-directories --client "$1" | grep -c '"seq"')" = 1 ]; }
check "its denial is on record" wait_until 5 denied "$id"

check_status "exec: a denied call" 1 oci exec life mkdir /tmp/b
check "its program says so" said 'Disk quota exceeded'
check "exec: an allowed call" oci exec life ls /
exec_denied() { denied "c$((${id#c} + 1))"; }
check "exec is a client of its own in the log" wait_until 5 exec_denied

check "kill" oci kill life KILL
check "the client ends" wait_until 5 no_clients
check "delete" wait_until 5 oci delete life

# ---- starts that fail ------------------------------------------------------------------

bundle missing true
sed -i 's|/bin/sh|/bin/none|' "$T/missing/config.json"
check "a program that is not there: run fails" oci_fails run --bundle "$T/missing" missing
bundle unstarted 'mkdir /tmp/a'
check "a container is created" oci create --bundle "$T/unstarted" unstarted
check "and deleted before it starts" oci delete --force unstarted
socket=/run/seccompd/none.sock
bundle lost 'echo ran'
check "no such socket: run fails" oci_fails run --bundle "$T/lost" lost
check_status "and nothing ran" 1 said '^ran'
socket=/run/seccompd/client.sock
check "no client is left of them" wait_until 5 no_clients

# ---- the runtime is gone before the daemon looks ---------------------------------------

# A detached container that makes no notified call for now does not keep its runtime.
notified='"mkdir", "mkdirat"'
run_late() # NAME
{
	bed kill -STOP "$pid"
	oci run --detach --bundle "$T/$1" "$1"
	bed kill -CONT "$pid"
}
bundle late 'mkdir /tmp/a' org.example.team=ops
run_late late
check "its container is decided on" wait_until 5 said '^mkdir: .*No space left'
bundle nobody 'mkdir /tmp/a'
run_late nobody
check "not where the unit counts in the assignment" wait_until 5 said 'Function not implemented'
check "as the journal says" wait_until 5 journal_says 'user 0 is gone, and line 9 of'
bundle units 'mkdir /tmp/a' org.example.team=units
run_late units
check "nor where it counts in the profile's rules" wait_until 5 said 'Function not implemented'
check "as the journal says" wait_until 5 journal_says 'is gone, and profile units has rules'
for name in late nobody units; do
	wait_until 5 oci delete "$name"
done

# ---- everything is notified ------------------------------------------------------------

# The runtime's own calls between its filter and its message too. Without noNewPrivileges the
# filter is loaded earlier.
notified=$(printf '#include <sys/syscall.h>\n' | cc -E -dM - |
	sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/"\1"/p' | grep -vw "${never_notified:-none}" |
	paste -sd,)
for no_new_privileges in true false; do
	bundle all 'for i in 1 2 3; do ls / >/dev/null; done; echo done' io.seccompd.profile=all
	is "every call is notified, noNewPrivileges $no_new_privileges" "$(oci_run all)" "done"
done
if [ -n "${never_notified-}" ]; then
	notified="\"$never_notified\""
	bundle never 'echo ran' io.seccompd.profile=all
	check "$never_notified notified: run fails" oci_fails run --bundle "$T/never" never
	check_status "and nothing ran" 1 said '^ran'
fi

# ---- end -------------------------------------------------------------------------------

check "no client is left" wait_until 5 no_clients
settled() { [ "$(descriptors)" -le "$descriptors_before" ]; }
check "no descriptor is left" wait_until 5 settled
is "by one and the same daemon" "$(property seccompd.service MainPID)" "$pid"

done_testing
