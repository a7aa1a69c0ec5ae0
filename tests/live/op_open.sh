#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# op_open.sh - rules on open: what they are asked about, what is done for the target, what is
# recorded, real programs, and opens that block.
. "${srcdir:-.}/tests/live/lib.sh"
need_root
need_user_notif
need_command python3 setpriv mkfifo tar

SECCOMPD=$builddir/tests/live/seccompd-ops
tree=$T/tree
mkdir -p "$tree/good" "$tree/evil" "$tree/ro" "$tree/public"
chmod 1777 "$tree/public"
echo good >"$tree/good/f"
echo evil >"$tree/evil/f"
echo ro >"$tree/ro/f"
echo private >"$tree/private"
chmod 600 "$tree/private"
ln -s evil/f "$tree/link"
ln -s evil "$tree/dirlink"
mkfifo "$tree/fifo"
cd "$tree" || exit 99
python=$(python3 -c 'import sys; print(sys.executable)') # and not a script that looks for it
prefix=$(python3 -c 'import sys; print(sys.prefix)')

rules="rules:
  - name: evil
    open: {path: $tree/evil/**}
    action: deny
    errno: EUSERS
  - name: ro
    open: {path: $tree/ro/**, access: [write, create]}
    action: deny
    errno: EROFS
  - name: rest
    open: {}
    action: allow"
profile logged <<EOF
default: allow
log: denied
$rules
    log: each
EOF
profile plain <<EOF
default: allow
$rules
EOF
profile permissive <<EOF
default: allow
mode: permissive
$rules
EOF
profile narrow <<EOF
default: deny
errno: EUSERS
rules:
  - name: secrets
    open: {path: /etc/shadow}
    action: deny
  - name: system
    open:
      path: ["/usr/**", "$prefix/**", "/etc/**", "/proc/**", "/dev/**", "/sys/**"]
      access: read
    action: allow
  - name: devices
    open: {path: [/dev/null, /dev/tty]}
    action: allow
  - name: own
    open: {path: ["$tree", "$tree/**", "/tmp/**"]}
    action: allow
  - name: other-files
    open: {}
    action: deny
  - name: calls
    syscall: ["@system-service"]
    action: allow
EOF
echo "workers: 1" | settings # what blocks it, blocks all
start_daemon

py() # PROFILE <<EOF: a Python program under a profile; its output
{
	run --profile "$1" -- "$python" - 2>&1
}
other() # COMMAND...: as another user
{
	setpriv --reuid 65534 --regid 65533 --clear-groups "$@"
}

# ---- which object ----------------------------------------------------------------------

out=$(
	py plain <<'EOF'
import errno, os
def o(name, flags=os.O_RDONLY, **kw):
    try:
        fd = os.open(name, flags, **kw)
        s = os.read(fd, 9).decode().strip() if flags == os.O_RDONLY else "open"
        os.close(fd)
        return s
    except OSError as e:
        return errno.errorcode[e.errno]
def say(what, *args, **kw):
    print(what + ":", o(*args, **kw))
cwd = os.getcwd()
say("plain", "good/f")
say("denied", "evil/f")
say("link", "link")
say("dirlink", "dirlink/f")
say("dots", "good/../evil/f")
say("absolute", cwd + "/evil/f")
say("proc root", "/proc/self/root" + cwd + "/evil/f")
say("proc cwd", "/proc/self/cwd/evil/f")
say("missing", "missing")
say("not below", "evil/missing")
d = os.open("evil", os.O_PATH | os.O_DIRECTORY)
say("dirfd", "f", dir_fd=d)
say("magic", "/proc/self/fd/%d/f" % d)
os.mkdir("moved"); open("moved/f", "w").write("moved\n")
d = os.open("moved", os.O_PATH | os.O_DIRECTORY)
say("before rename", "f", dir_fd=d)
os.rename("moved", "evil/moved")
say("after rename", "f", dir_fd=d)
say("ro read", "ro/f")
say("ro write", "ro/f", os.O_WRONLY)
say("ro both", "ro/f", os.O_RDWR)
say("ro truncate", "ro/f", os.O_RDONLY | os.O_TRUNC)
say("ro create", "ro/new", os.O_WRONLY | os.O_CREAT)
say("create", "good/new", os.O_WRONLY | os.O_CREAT)
say("O_PATH", "good/f", os.O_PATH)
say("denied O_PATH", "evil/f", os.O_PATH)
os.chroot("evil")
say("chroot", "/f")
say("chroot dots", "/../../../f")
EOF
)
is "each way to a file is decided by the file" "$out" "plain: good
denied: EUSERS
link: EUSERS
dirlink: EUSERS
dots: EUSERS
absolute: EUSERS
proc root: EUSERS
proc cwd: EUSERS
missing: ENOENT
not below: ENOENT
dirfd: EUSERS
magic: EUSERS
before rename: moved
after rename: EUSERS
ro read: ro
ro write: EROFS
ro both: EROFS
ro truncate: EROFS
ro create: EROFS
create: open
O_PATH: open
denied O_PATH: EUSERS
chroot: EUSERS
chroot dots: EUSERS"
rm -rf evil/moved good/new

# ---- records -----------------------------------------------------------------------------

run --profile logged -- cat good/../good/f link missing "$tree/ro/f" >/dev/null 2>&1
recorded() # EXTENDED-REGULAR-EXPRESSION
{
	log_json --profile logged | grep -Eq -e "$1"
}
records() # NAME EXTENDED-REGULAR-EXPRESSION
{
	if wait_until 5 recorded "$2"; then
		ok "$1"
	else
		not_ok "$1" "no record of: $2
$(log_json --profile logged | tail -n 8)"
	fi
}
records "an allowed open, with both names" \
	"\"path\": ?\"$tree/good/f\", ?\"given\": ?\"good/../good/f\", ?\"access\": ?\"read\".*\"rule\": ?\"rest\", ?\"verdict\": ?\"allow\".*\"basis\": ?\"emulated\""
records "a denied one" \
	"\"path\": ?\"$tree/evil/f\", ?\"given\": ?\"link\".*\"rule\": ?\"evil\", ?\"verdict\": ?\"deny\", ?\"errno\": ?\"EUSERS\".*\"basis\": ?\"emulated\""
records "a name that was given as it is stands once" \
	"\"detail\": ?\{\"path\": ?\"$tree/ro/f\", ?\"access\": ?\"read\"\}"
check_status "what is not there is nothing to decide" 1 recorded '"given": ?"missing"'
other "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile logged -- cat private >/dev/null 2>&1
records "an allowed open that fails has its errno" \
	"\"uid\": ?65534.*\"path\": ?\"$tree/private\".*\"verdict\": ?\"allow\", ?\"errno\": ?\"EACCES\""
like "the text shows what it was about" "$(ctl --no-pager log --profile logged)" \
	"openat\(.*\) \"$tree/evil/f\" read, given \"link\" = deny EUSERS \(rule evil\)"
is "permissive: it goes through" "$(run --profile permissive -- cat link)" evil
permissive_record()
{
	log_json --profile permissive |
		grep -q '"rule": *"evil", *"verdict": *"deny".*"mode": *"permissive"'
}
check "and is recorded as denied" wait_until 5 permissive_record

# ---- rights ---------------------------------------------------------------------------------

is "root reads what is root's" "$(run --profile plain -- cat private)" private
is "another user does not" "$(other "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile plain -- \
	sh -c 'cat private 2>&1')" "cat: private: Permission denied"
for umask in 022 077; do
	(umask $umask && run --profile plain -- sh -c "echo x >public/root-$umask")
	(umask $umask && other "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile plain -- \
		sh -c "echo x >public/other-$umask")
done
is "what is made is the target's, by its umask" "$(stat -c '%n %a %u %g' public/*)" \
	"public/other-022 644 65534 65533
public/other-077 600 65534 65533
public/root-022 644 0 0
public/root-077 600 0 0"
out=$(
	py plain <<'EOF'
import ctypes, fcntl, os
for flag in (os.O_CLOEXEC, 0):
    fd = ctypes.CDLL(None).open(b"good/f", flag)
    print(fcntl.fcntl(fd, fcntl.F_GETFD), fcntl.fcntl(fd, fcntl.F_GETFL) & 3)
EOF
)
is "close-on-exec is as asked for" "$out" "1 0
0 0"
out=$(
	py plain <<'EOF'
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
try:
    for i in range(99): os.open("good/f", os.O_RDONLY)
except OSError as e: print(os.strerror(e.errno))
EOF
)
is "a full table is EMFILE" "$out" "Too many open files"

# ---- real programs --------------------------------------------------------------------------

cat >"$tree/x.c" <<'EOF'
#include <stdio.h>
int main(void) { return puts("x") < 0; }
EOF
same() # NAME COMMAND: as a shell command, the same output without and with a supervisor
{
	sh -c "$2" >"$T/bare.out" 2>&1
	for profile in plain narrow; do
		timeout 60 "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile $profile -- \
			sh -c "$2" >"$T/run.out" 2>&1
		if cmp -s "$T/bare.out" "$T/run.out"; then
			ok "$profile: $1"
		else
			not_ok "$profile: $1" "$(diff "$T/bare.out" "$T/run.out" | head -n 20)"
		fi
	done
}
same "sh" "echo a >sh.out; echo b >>sh.out; cat sh.out; : >sh.out; wc -c <sh.out; rm sh.out
	cat <<E
here
E
	cat missing; echo x >/dev/null; cat good"
same "python3" "$python -c 'import json, ssl, sqlite3, email.mime.text; print(json.dumps({1: 2}))'"
same "tar" "tar cf t.tar good ro x.c && tar tvf t.tar && mkdir u && tar xf t.tar -C u &&
	ls -lR --time-style=+ u && rm -r u t.tar"
same "find and grep" "find /usr/share/doc -name 'c*' 2>&1 | sort | sha256sum;
	grep -rl Debian /usr/share/common-licenses | sort"
if command -v gcc >/dev/null 2>&1; then
	same "gcc" "gcc -O2 -c x.c -o x.o && sha256sum x.o && gcc x.o -o x && ./x; rm -f x.o x"
else
	skip "gcc" "gcc is not installed"
fi
check_status "narrow: a file outside is denied" 1 run --profile narrow -- cat /etc/shadow
like "with its errno" "$(cat "$T/check.out")" 'Too many users'

# ---- opens that block --------------------------------------------------------------------------

no_clients() { ! ctl --no-pager clients | grep -q 'c[0-9]'; }
descriptors() { ls "/proc/$daemon_pid/fd" | wc -l; }
settled() { [ "$(descriptors)" -le "$before" ]; }
# Each that waits has its listener, its root, its directory in /proc and the FIFO at least.
waiting() { [ "$(descriptors)" -ge $((before + 4 * $1)) ]; }
check "the clients are gone" wait_until 10 no_clients
before=$(descriptors)

# In the background; its pid, which is the command's own, in $blocked.
wait_for_fifo()
{
	"$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile plain -- cat fifo >/dev/null 2>&1 &
	blocked=$!
}

pids=
for _ in 1 2 3 4 5 6; do
	wait_for_fifo
	pids="$pids $blocked"
done
check "they wait for the other end of a FIFO" wait_until 10 waiting 6
slow=$(run --profile plain -- "$builddir/tests/live/stalls" 2)
slowest=$(printf '%s\n' "$slow" | sed -n 's/.*slowest \([0-9]*\) ms.*/\1/p')
if [ "${slowest:-99999}" -lt 500 ]; then
	ok "and delay nobody else"
else
	not_ok "and delay nobody else" "$slow"
fi
# shellcheck disable=SC2086
set -- $pids
kill -TERM "$1" "$2"
kill -KILL "$3"
for pid in "$1" "$2" "$3"; do
	wait "$pid"
	echo $?
done >"$T/ended"
is "signals end them" "$(cat "$T/ended")" "143
143
137"
(exec 9>fifo && echo data >&9)
for pid in "$4" "$5" "$6"; do
	wait "$pid"
	echo $?
done >"$T/ended"
is "the other end lets the rest go on" "$(cat "$T/ended")" "0
0
0"
check "nothing is left of them" wait_until 10 settled

interrupt='
import ctypes, os, signal, threading, time
libc = ctypes.CDLL(None, use_errno=True)
ran = []
signal.signal(signal.SIGALRM, lambda *a: ran.append(1))
def wait_in_open(restart):
    signal.siginterrupt(signal.SIGALRM, not restart)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    fd = libc.open(b"fifo", os.O_RDONLY)
    return "open" if fd >= 0 else os.strerror(ctypes.get_errno())
'
interrupted() # PROGRAM
{
	timeout 20 "$SECCOMP_RUN" --socket "$CLIENT_SOCKET" --profile plain -- \
		"$python" -c "$interrupt$1"
}
is "a handled signal ends it" "$(interrupted "print(wait_in_open(False), len(ran))")" \
	"Interrupted system call 1"
(sleep 1.5 && exec 9>fifo) &
is "with SA_RESTART it is made again" "$(interrupted "print(wait_in_open(True), len(ran))")" "open 1"
wait $!
is "a signal to one thread of several" "$(interrupted "
me = threading.get_ident()
def shoot():
    time.sleep(0.3)
    signal.pthread_kill(me, signal.SIGALRM)
    time.sleep(0.7)
signal.siginterrupt(signal.SIGALRM, True)
threading.Thread(target=shoot).start()
print(libc.open(b'fifo', os.O_RDONLY), os.strerror(ctypes.get_errno()))")" \
	"-1 Interrupted system call"
(sleep 1.5 && exec 9>fifo) &
is "one that is ignored does not" "$(interrupted "
signal.signal(signal.SIGALRM, signal.SIG_IGN)
print(wait_in_open(False))")" "open"
wait $!
check "nothing is left of these" wait_until 10 settled

# ---- ends of the daemon --------------------------------------------------------------------------

wait_for_fifo
check "one more waits" wait_until 10 waiting 1
stop_daemon
is "the daemon ends in order around it" "$daemon_status" 0
wait $blocked
like "and its call with it" $? '^[1-9]'
start_daemon
before=$(descriptors)
wait_for_fifo
check "another one waits" wait_until 10 waiting 1
kill_daemon
wait $blocked
like "killed, the daemon leaves no call behind" $? '^[1-9]'
done_testing
