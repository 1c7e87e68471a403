#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: records.sh start | freeze | end, in the guest
# Cgroups below /records that use all that a record has numbers of: quotas with bursts, limits that are met,
# page cache and disk, processes that are killed, forks that are refused, weights.
set -eu
top=/sys/fs/cgroup/records

# group NAME FILE=TEXT...
group() {
	local dir=$top/$1 setting
	mkdir -p "$dir"
	shift
	for setting; do
		echo "${setting#*=}" > "$dir/${setting%%=*}"
	done
}

# run NAME COMMAND: a process that lives until the end
run() {
	local name=$1
	shift
	(
		echo 0 > "$top/$name/cgroup.procs"
		exec setsid "$@" > /dev/null 2>&1 < /dev/null
	) &
}

start() {
	echo '+cpu +memory +io +pids' > /sys/fs/cgroup/cgroup.subtree_control
	mkdir -p $top
	echo '+cpu +memory +io +pids' > $top/cgroup.subtree_control
	group quota 'cpu.max=10000 50000' cpu.max.burst=5000 cpu.weight=321
	group idle cpu.idle=1
	group light cpu.weight=1 'io.weight=default 250'
	group pages memory.high=60M memory.max=80M memory.low=4M memory.min=1M memory.swap.max=8M
	group killed memory.max=24M memory.oom.group=1
	group forks pids.max=4
	mkdir -p $top/deep
	echo '+memory +pids' > $top/deep/cgroup.subtree_control
	mkdir -p $top/deep/er
	run quota sh -c 'while :; do :; done'
	run idle sh -c 'while :; do :; done'
	run light sh -c 'while :; do head -c 200000 /dev/zero > /dev/null; done'
	run pages sh -c "while :; do dd if=/dev/zero of=/var/tmp/records bs=64k count=1600; cat /var/tmp/records; done"
	run killed python3 -c 'held = b"x" * (64 << 20)'
	run forks sh -c 'while :; do for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait; sleep 0.1; done'
	run deep/er python3 -c 'import time
while True:
    held = b"x" * 4000000
    time.sleep(0.01)'
}

freeze() {
	# Only now: with one limit the kernel keeps one for all groups that have used the device, and files are read.
	echo "$(cat /sys/block/vda/dev) wbps=1000000000" > $top/pages/io.max
	echo 1 > $top/cgroup.freeze
	for _ in $(seq 300); do
		grep -q 'frozen 1' $top/cgroup.events && break
		sleep 0.1
	done
	grep -q 'frozen 1' $top/cgroup.events
	sleep 5 # write-back and what is delayed
}

end() {
	echo 0 > $top/cgroup.freeze
	for _ in $(seq 300); do
		for kill in "$top"/*/cgroup.kill "$top"/deep/er/cgroup.kill; do
			echo 1 > "$kill"
		done
		grep -q 'populated 0' $top/cgroup.events && break
		sleep 0.1
	done
	rmdir "$top"/deep/er "$top"/*/ "$top"
	rm -f /var/tmp/records
}

"$1"
