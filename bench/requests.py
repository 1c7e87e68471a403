# SPDX-License-Identifier: Apache-2.0
"""What requests cost server and client while they are counted: CPU time per request of both groups, by
their cpu.stat, with the probe alone, with all probes that are on by default beside it, and with none, in turns."""

import contextlib
import os
import random
import statistics
import tempfile
import time

from bench.support.daemon import FULL, Daemon, figure, note
from bench.support.loads import Groups, loads

PAIRS = int(os.environ.get("BENCH_PAIRS", 31 if FULL else 15))
NAMES = ("redis_10k", "redis", "nginx", "pgbench", "redis_pipelined")
ROOM = "--probe.max-memory=96"
# {name: (flags, bar)}
WATCHED = {
    "alone": (["--collector.disable-defaults", "--collector.requests", ROOM], 1.05),
    "all": (["--collector.requests", ROOM], 1.10),
}


def interval(ratios):
    """95 % of the median: by the binomial order of the values."""
    ordered, n = sorted(ratios), len(ratios)
    skip = max(0, int(n / 2 - 0.98 * n ** 0.5))
    return ordered[skip], ordered[n - 1 - skip]


def cost(groups, load, flags):
    with contextlib.ExitStack() as stack:
        if flags:
            stack.enter_context(Daemon(*flags))
            time.sleep(1)
        return groups.cost(load)


def tell(name, how, pairs, bar):
    """Of pairs of (cost, speed), watched and not."""
    ratios = [watched[0] / free[0] for watched, free in pairs]
    low, high = interval(ratios)
    verdict = "met" if high <= bar else "not met" if low > bar else "undecided"
    note(f"{name}, {how}: CPU per request {statistics.median(free[0] for _, free in pairs):.2f} us unwatched, watched "
         f"{statistics.median(ratios):.3f} times, 95 % between {low:.3f} and {high:.3f}: {verdict}; requests per second "
         f"{statistics.median(watched[1] / free[1] for watched, free in pairs):.3f}")
    figure(f"requests/{name}/{how}", high, "ratio", bar=bar, runs=len(pairs),
           method="CPU time per request of server and client, watched over unwatched, upper bound of the median")


def measure(groups, name, load):
    pairs = {how: [] for how in WATCHED}
    groups.cost(load)  # warm
    for _ in range(PAIRS):
        found = {}
        for how in random.sample([None, *WATCHED], 1 + len(WATCHED)):
            found[how] = cost(groups, load, WATCHED[how][0] if how else None)
        for how, so_far in pairs.items():
            so_far.append((found[how], found[None]))
    for how, so_far in pairs.items():
        tell(name, how, so_far, WATCHED[how][1])


def main():
    with tempfile.TemporaryDirectory() as folder, Groups() as groups:
        found = loads(groups, folder)
        for name in os.environ.get("BENCH_LOADS", " ".join(NAMES)).split():
            if name in found:
                measure(groups, name, found[name])
            else:
                note(f"{name}: not measured, its programs are not here: tools/install-packages bench, bench/peers/fetch")


if __name__ == "__main__":
    main()
