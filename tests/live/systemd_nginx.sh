#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# systemd_nginx.sh - Debian's nginx.service under a profile by the example drop-in.
. "${srcdir:-.}/tests/live/bed.sh"
PATH=$PATH:/usr/sbin:/sbin
need_command nginx curl
[ -e /lib/systemd/system/nginx.service ] || skip_all "nginx.service is not installed"

unit nginx.service.d/seccompd.conf <"$builddir/units/examples/nginx.service.d/seccompd.conf"
profile nginx <<EOF
description: may send no file of 64 KiB or more
default: allow
rules:
  - name: no-large-files
    syscall: sendfile
    args: {count: {ge: 65536}}
    action: deny
    errno: EFBIG
  - name: starts-no-programs
    syscall: [execve, execveat]
    when: {exe: /usr/sbin/nginx}
    action: deny
EOF
mkdir "$T/www"
echo hello >"$T/www/index.html"
head -c 200000 /dev/zero >"$T/www/large.bin"
chmod -R a+rX "$T/www"
cat >"$T/nginx.conf" <<EOF
user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
	access_log off;
	sendfile on;
	sendfile_max_chunk 0;
	server {
		listen 127.0.0.1:80;
		root $T/www;
	}
}
EOF
bed_start --bind-ro "$T/nginx.conf:/etc/nginx/nginx.conf"

check "nginx.service starts" bed systemctl start nginx.service
serves() { bed curl -sf -o /dev/null http://127.0.0.1/; }
check "it serves" wait_until 20 serves
main=$(property nginx.service MainPID)
is "MainPID is nginx itself" "$(bed cat "/proc/$main/comm")" nginx
like "its master" "$(bed cat "/proc/$main/cmdline" | tr '\0' ' ')" \
	'^nginx: master process /usr/sbin/nginx'
comms()
{
	for pid in $(bed cat /sys/fs/cgroup/system.slice/nginx.service/cgroup.procs); do
		bed cat "/proc/$pid/comm"
	done | sort -u
}
is "no launcher is left in the unit" "$(comms)" nginx

# ---- 1,000 requests ----------------------------------------------------------------

codes=$(bed curl -s -o /dev/null -w '%{http_code}\n' 'http://127.0.0.1/?[1-1000]')
is "1,000 requests are served" "$(printf '%s\n' "$codes" | grep -c '^200$')" 1000

# ---- what is denied ------------------------------------------------------------------

size=$(bed curl -s --max-time 20 http://127.0.0.1/large.bin 2>/dev/null | wc -c)
check "a large file is not sent ($size bytes)" [ "$size" -lt 65536 ]
logged() { ctl -o json log --unit nginx.service | grep -q no-large-files; }
check "the denied call is in the log of the unit" wait_until 10 logged
record=$(ctl -o json log --unit nginx.service --rule no-large-files | head -n 1)
diag "$record"
is "rule" "$(json_get "$record" rule)" no-large-files
is "errno" "$(json_get "$record" errno)" EFBIG
is "syscall" "$(json_get "$record" syscall)" sendfile
is "exe" "$(json_get "$record" exe)" /usr/sbin/nginx
is "profile" "$(json_get "$record" profile)" nginx
is "user" "$(json_get "$record" uid)" "$(id -u www-data)"
like "args: the size of the file" "$record" '"0x30d40"'
like "the text form" "$(ctl log --unit nginx.service)" 'nginx.*sendfile\(.*EFBIG.*no-large-files'
in_journal()
{
	bed journalctl --no-pager SECCOMPD_UNIT=nginx.service SECCOMPD_RULE=no-large-files |
		grep -q sendfile
}
check "the denial is in the journal, with its fields" wait_until 10 in_journal

clients=$(ctl clients)
diag "$clients"
like "clients: unit and profile" "$clients" 'nginx\.service.*nginx'
is "clients: one for the whole service" \
	"$(printf '%s\n' "$clients" | grep -c 'nginx\.service')" 1

# ---- the service's own life ------------------------------------------------------------

check "systemctl reload nginx" bed systemctl reload nginx.service
check "it serves after it" wait_until 20 serves
is "with the same main process" "$(property nginx.service MainPID)" "$main"
check "systemctl stop nginx" bed systemctl stop nginx.service
is "ended in order" "$(property nginx.service Result)" success
client_gone() { ! ctl clients | grep -q nginx.service; }
check "its client ends with it" wait_until 10 client_gone

bed systemctl stop seccompd.service seccompd.socket seccompd-control.socket 2>/dev/null
bed rm /etc/systemd/system/seccompd.socket
bed systemctl daemon-reload
bed systemctl start nginx.service 2>/dev/null
check "without seccompd nginx does not run" \
	wait_until 10 property_is nginx.service ActiveState failed
is "for its launcher gives up" "$(property nginx.service ExecMainStatus)" 125

done_testing
