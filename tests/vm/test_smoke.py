#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=1200 kernels=5.10,sid booted=5.10,sid
"""On a kernel that is only visited: the exporter starts, says who the workloads are of those runtimes
that start within seconds, their values equal the kernel's files, no source fails, each probe that can be
had is loaded. With --long what probes count is right, too: that takes a machine that is not too slow."""

import bed as beds
from bed import RUNTIMES, require
import support
import test_probes
import test_probes_memory
import test_probes_syscalls
from test_runtimes import EXPECTED, check_files, check_identity, check_limits, check_scrape

LEFT_OUT = ("docker", "podman", "containerd", "CRI")  # slow to start; make test-full has them


def test(bed):
    samples = bed.metrics()
    runtimes = [runtime for runtime in RUNTIMES if not runtime.title.startswith(LEFT_OUT)]
    require(len(runtimes) >= 8, "too few runtimes")
    places = bed.locate(runtimes)
    check_identity(bed, samples, places, runtimes)
    check_limits(bed, samples, places, runtimes)
    names = sorted({file for _, _, file, _, _ in EXPECTED})
    before = bed.files(names)
    samples = bed.metrics()
    check_files(bed, samples, before, bed.files(names), places, runtimes)
    check_scrape(bed, samples)
    test_probes.check_loads(bed)
    test_probes.check_rights(bed)
    if support.long_run():
        test_probes_syscalls.check_places(bed, places, ("crun", "runc"))
        test_probes_memory.check_groups(bed)  # not the host: where much is free, that takes minutes
    bed.row(", ".join(LEFT_OUT), "on this kernel", "skip", "only make test-full runs them here")


if __name__ == "__main__":
    beds.main(test, "--probe.budget=0", steps="[156]0-*")  # whatever the probes cost in a slow machine
