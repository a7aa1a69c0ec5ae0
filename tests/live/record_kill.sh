#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# record_kill.sh - the daemon is killed at random moments while clients make denied calls: each
# call that was answered has exactly one record, and of those that were not, at most one a worker.
. "${srcdir:-.}/tests/live/lib.sh"
need_user_notif

counter=$builddir/tests/live/counter
case $(uname -m) in x86_64) getppid=110 ;; *) getppid=173 ;; esac
eusers=87
workers=2
rounds=${KILL_ROUNDS:-25}
seed=${KILL_SEED:-$(date +%s)}
diag "KILL_SEED=$seed"

echo "workers: $workers" | settings
profile denied <<EOT
default: allow
rules:
  - name: denied
    syscall: getppid
    action: deny
    errno: EUSERS
EOT
mkdir "$T/answered"

random() # N: below N
{
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	random=$((seed / 65536 % $1))
}

# TAG: a client until the daemon dies. What it says is how many of its calls were answered.
client()
{
	run --profile denied -- "$counter" $getppid $eusers "$1" \
		>"$T/answered/$1" 2>"$T/answered/$1.err"
}

# Has one of this round's clients had an answer?
one_answer() { cat "$T/answered/$round"[012] | grep -q .; }

round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	start_daemon # drains what the one before has left
	pids=
	i=0
	while [ $i -le $((round % 3)) ]; do
		client $((round * 10 + i)) &
		pids="$pids $!"
		i=$((i + 1))
	done
	# One round in five is killed while the clients come, the others while they make calls.
	[ $((round % 5)) -eq 0 ] || wait_until 5 one_answer
	random 25
	sleep "0.$(printf %03d "$random")"
	kill_daemon
	for pid in $pids; do
		wait "$pid"
	done
done
# Twice: an orderly end means that all is in the database.
start_daemon
stop_daemon
is "the daemon ends in order" "$daemon_status" 0
start_daemon
log_json --profile denied >"$T/log"
stop_daemon

# Those that the daemon did not live to take are told of by the launcher, not by the counter.
is "no call ended in another way" "$(cat "$T"/answered/*.err | grep '^call ')" ""
# "TAG ANSWERED" of each client, then "TAG NUMBER" of each record, in decimal.
for file in "$T"/answered/*; do
	case $file in *.err) continue ;; esac
	n=$(tail -n 1 "$file")
	echo "${file##*/} ${n:-0}"
done >"$T/clients"
sed -n 's/.*"args": *\["0x\([0-9a-f]*\)", *"0x\([0-9a-f]*\)".*/0x\1 0x\2/p' "$T/log" >"$T/hex"
is "every record was understood" "$(wc -l <"$T/hex")" "$(wc -l <"$T/log")"
awk -v workers=$workers '
	function number(s, n, i)
	{
		n = 0
		for (i = 3; i <= length(s); i++)
			n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
		return n
	}
	FNR == NR { answered[$1] = $2; calls += $2; if ($2 > 0) clients++; next }
	{
		tag = number($1)
		n = number($2)
		if (seen[tag, n]++)
			print "twice: call " n " of client " tag
		else if (n > answered[tag] + 1)
			print "never made: call " n " of client " tag
		else if (n > answered[tag]) {
			ahead++
			if (++extra[int(tag / 10)] > workers)
				print "round " int(tag / 10) ": more than one a worker not answered"
		}
	}
	END {
		for (tag in answered)
			for (n = 1; n <= answered[tag]; n++)
				if (!((tag, n) in seen))
					print "missing: call " n " of " answered[tag] " of client " tag
		print clients + 0, calls + 0, ahead + 0 >"'"$T/sums"'"
	}
' "$T/clients" "$T/hex" >"$T/wrong"
read -r clients calls ahead <"$T/sums"
diag "$clients clients, $calls calls answered, $ahead recorded and not answered"
is "each answered call has its record, once" "$(head -n 20 "$T/wrong")" ""
check "most rounds had calls" [ "$clients" -ge "$rounds" ]
done_testing
