#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=900 kernels=5.10,sid
"""On a kernel that is only visited: the exporter starts, says who the workloads are of those runtimes
that start within a minute, their values equal the kernel's files, and no source fails."""

import bed as beds
from bed import RUNTIMES, require
from test_runtimes import EXPECTED, check_files, check_identity, check_limits, check_scrape

LEFT_OUT = ("docker", "containerd", "CRI")  # slow to start; make test-full has them


def test(bed):
    samples = bed.metrics()
    runtimes = [runtime for runtime in RUNTIMES if not runtime.title.startswith(LEFT_OUT)]
    require(len(runtimes) >= 12, "too few runtimes")
    places = bed.locate(runtimes)
    check_identity(bed, samples, places, runtimes)
    check_limits(bed, samples, places, runtimes)
    names = sorted({file for _, _, file, _, _ in EXPECTED})
    before = bed.files(names)
    samples = bed.metrics()
    check_files(bed, samples, before, bed.files(names), places, runtimes)
    check_scrape(bed, samples)
    bed.row(", ".join(LEFT_OUT), "on this kernel", "skip", "only make test-full runs them here")


if __name__ == "__main__":
    beds.main(test, steps="[1356]0-*")
