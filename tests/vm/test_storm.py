#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900 kernels=6.12 long-kernels=6.1,6.12
"""A storm of containers between two scrapes loses none: each cgroup that the kernel's tracepoints say
was made and removed has a start and an end in /api/v1/events, under its name. 1,000 within a minute
that consist of a cgroup, a process and a file; 100 that runc and crun make."""

import collections
import contextlib
import json
import re
import time

import bed as beds
from bed import require
import support

TRACE = """mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing
echo 8192 > buffer_size_kb
echo > trace
echo 1 > events/cgroup/cgroup_mkdir/enable
echo 1 > events/cgroup/cgroup_rmdir/enable
cd - > /dev/null
"""
TOLD = """
cd /sys/kernel/tracing
echo 0 > events/cgroup/enable
grep -h 'entries-in-buffer' trace
sed -n 's/.*cgroup_\\(mkdir\\|rmdir\\): .* path=/@@\\1 /p' trace
"""
CPU = """cat /proc/"$(systemctl show -P MainPID tallyman)"/task/*/schedstat | awk '{ n += $1 } END { printf "@@cpu %.0f\\n", n }'
"""
REAL = """for i in $(seq {0}); do
	[ $((i % 2)) = 0 ] && tool=crun || tool=runc
	mkdir -p /run/storm/$i
	sed -e 's|"/bundles/[a-z]*"|"/storm-real/real-'$i'"|' -e 's|"1000000"|"{1}"|' -e 's|"path": "rootfs"|"path": "/srv/bundle-crun/rootfs"|' \
		/srv/bundle-$tool/config.json > /run/storm/$i/config.json
	while [ "$(jobs -r | wc -l)" -ge 8 ]; do sleep 0.05; done
	$tool run --bundle /run/storm/$i real-$i < /dev/null > /dev/null &
done
wait
"""


def made(output, prefix):
    """{mkdir or rmdir: paths below a folder}, by the kernel; fails if it has lost some of them."""
    entries = re.search(r"entries-in-buffer/entries-written: (\d+)/(\d+)", output)
    require(entries and entries[1] == entries[2], f"the trace is not whole: {entries and entries[0]}")
    found = collections.defaultdict(list)
    for what, path in re.findall(r"^@@(mkdir|rmdir) (/.*)$", output, re.MULTILINE):
        if re.fullmatch(prefix, path):
            found[what].append(path)
    return found


def told(bed, kind, prefix):
    """[(path, name)] of all events of a type for cgroups below a folder."""
    found, path = [], f"/api/v1/events?type={kind}&limit=10000"
    while path:
        page = json.loads(support.http_get("127.0.0.1", bed.port, path).text)
        found += [(item["path"], item["name"]) for item in page["items"] if re.fullmatch(prefix, item["path"] or "")]
        path = page["next"]
    return found


def check_storm(bed, title, script, prefix, name_of, number):
    with bed.check("all", title):
        output = bed.guest(TRACE + CPU + "time=$(date +%s%N)\n" + script +
                           "echo \"@@$((($(date +%s%N) - time) / 1000000))@@\"\n" + CPU + TOLD, 400)
        kernel = made(output, prefix)
        before, after = map(int, re.findall(r"^@@cpu (\d+)$", output, re.MULTILINE))
        took = int(re.search(r"^@@(\d+)@@$", output, re.MULTILINE)[1]) / 1e3
        print(f"# {title}: {took:.1f} s, in which the exporter used {(after - before) / 1e9:.2f} s of CPU")
        support.equal([len(kernel[what]) for what in ("mkdir", "rmdir")], [number, number], f"made\n{output[:1000]}")

        def all_told():
            time.sleep(1)
            return len(told(bed, "gone", prefix)) >= number
        with contextlib.suppress(AssertionError):  # which ones are missing is said below
            support.wait_for(all_told, "all ends are told", 15)
        for kind in ("started", "gone"):
            events = told(bed, kind, prefix)
            count = collections.Counter(path for path, _ in events)
            lost = sorted(set(kernel["mkdir"]) - set(count))
            require(not lost, f"{len(lost)} not told: {kind}: {lost[:3]}")
            support.equal([path for path, n in count.items() if n > 1], [], f"told twice: {kind}")
            wrong = [(path, name) for path, name in events if name != name_of(path)]
            support.equal(wrong[:3], [], f"{len(wrong)} {kind}, but not by name")


def test(bed):
    bed.metrics()
    check_storm(bed, "1,000 within a minute", "python3 /tallyman/storm.py 1000 40 2\n",
                r"/storm/docker-[0-9a-f]{64}\.scope",
                lambda path: f"storm-{int(path[len('/storm/docker-'):-len('.scope')], 16) - 1}", 1000)
    check_storm(bed, "100 by runc and crun", REAL.format(100, 3), r"/storm-real/real-\d+",
                lambda path: path.rpartition("/")[2], 100)


if __name__ == "__main__":
    beds.main(test)
