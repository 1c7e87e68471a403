#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600
"""Every kernel probe on this kernel: that it loads and attaches, also for a user with two capabilities
alone, that it says why when it may not, and that nothing of it stays behind."""

import time

import bed as beds
from bed import require
import support

SECOND = "127.0.0.1:10062"
CANNOT = beds.CANNOT.get(beds.KERNEL, ())
# How many programs the kernel has: BPF_PROG_GET_NEXT_ID (bpf(2)) until there is none.
COUNT = r"""perl -e 'my ($at, $n) = (0, 0);
while (1) {
	my $attributes = pack("III", $at, 0, 0) . "\0" x 116;
	last if syscall(321, 11, $attributes, 128) < 0;
	($at) = unpack("x4I", $attributes);
	$n++;
}
print $n'"""


def programs(bed):
    return int(bed.guest(COUNT))


def start_second(bed, prefix=""):
    """Another exporter in the guest, with all probes that there are; its text, from there."""
    bed.guest(f"systemd-run --quiet --unit=second {prefix} /tallyman/tallyman --web.listen-address={SECOND} "
              "--collector.requests --probe.max-memory=96\n"
              f"for _ in $(seq 100); do curl -sf http://{SECOND}/-/ready > /dev/null && break; sleep 0.2; done\n"
              f"for _ in $(seq 200); do curl -sf http://{SECOND}/api/v1/sources | grep -q 'has not been opened yet' || break; "
              "sleep 0.5; done")
    return metrics_of_second(bed)


def metrics_of_second(bed):
    return support.parse_text(bed.guest(f"curl -sf http://{SECOND}/metrics"))


def stop_second(bed, how="systemctl stop second"):
    bed.guest(f"{how}; for _ in $(seq 100); do systemctl is-active --quiet second || break; sleep 0.1; done; "
              "systemctl reset-failed second 2> /dev/null || true")


def up(samples):
    return {s.labels["probe"]: float(s.value) for s in samples["tallyman_probe_up"]}


def check_loads(bed):
    with bed.check("probes", "all are attached"):
        samples = bed.metrics()
        require(up(samples), "there are no probes")
        reasons = {s["name"]: s["reason"] for s in bed.sources() if s.get("reason")}
        support.equal({name: reasons.get(name) for name, value in up(samples).items()
                       if value != 1 and name not in CANNOT}, {})
        for name in set(CANNOT) & set(up(samples)):
            require("refuses" in (reasons.get(name) or ""), f"{name} does not say why it is down: {reasons.get(name)}")
        support.equal({s.labels["mode"] for s in samples["tallyman_probe_mode"]}, {"full"})
    with bed.check("probes", "kernel memory"):
        total = sum(float(s.value) for s in samples["tallyman_probe_map_bytes"])
        shared = float(support.value(samples, "tallyman_probe_map_bytes", probe="shared"))
        require(shared > beds.MIB, f"{shared} bytes for the ring and the places of cgroups")
        require(0 < total <= 96 * beds.MIB, f"{total} bytes")


def check_rights(bed):
    with bed.check("probes", "with CAP_BPF and CAP_PERFMON alone"):
        samples = start_second(bed, "-p DynamicUser=yes -p AmbientCapabilities='CAP_BPF CAP_PERFMON' "
                                    "-p CapabilityBoundingSet='CAP_BPF CAP_PERFMON' -p LimitMEMLOCK=infinity")
        support.equal({name for name, value in up(samples).items() if value != 1}, set(CANNOT))
    stop_second(bed)
    with bed.check("probes", "without rights"):
        samples = start_second(bed, "-p DynamicUser=yes -p CapabilityBoundingSet=")
        support.equal({name for name, value in up(samples).items() if value != 0}, set())
        require(samples["container_cpu_usage_seconds_total"], "the rest is not served")
        log = bed.guest("journalctl -u second")
        for name in up(samples):
            said = [line for line in log.splitlines() if f"source={name} " in line and "CAP_BPF" in line]
            support.equal(len(said), 1, f"lines about {name}")
    stop_second(bed)


def check_measured(bed, samples):
    """There is a window at the start and one each minute, and it needs some runs."""
    end = time.monotonic() + 150
    while True:
        costs = samples["tallyman_probe_run_cost_seconds"]
        if any(s.labels["measured"] == "true" for s in costs):
            break
        require(time.monotonic() < end, f"none is: {costs}")
        time.sleep(2)
        samples = metrics_of_second(bed)


def check_nothing_stays(bed):
    before = programs(bed)
    with bed.check("probes", "programs are measured"):
        bed.guest("systemd-run --quiet --unit=busy timeout 200 sh -c 'while :; do /bin/true; done'")
        check_measured(bed, start_second(bed))
    with bed.check("probes", "nothing stays after SIGKILL"):
        bed.guest("systemctl stop busy")
        require(programs(bed) > before, "no program was loaded")
        stop_second(bed, "systemctl kill -s KILL second")
        end = time.monotonic() + 30
        while programs(bed) > before:
            require(time.monotonic() < end, f"{programs(bed)} programs, {before} before")
            time.sleep(1)


def test(bed):
    check_loads(bed)
    check_rights(bed)
    check_nothing_stays(bed)


if __name__ == "__main__":
    beds.main(test)
