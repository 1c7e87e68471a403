# SPDX-License-Identifier: Apache-2.0
"""Other exporters and tools beside ours, on the same machine, in the same run. Without arguments all of
it: exporters here (`host`) and in a virtual machine (`machine`; KERNEL=6.1 for another than 6.12), tools
that trace system calls (`probes`), and `applications` under them. What only this needs is fetched now."""

import os
import subprocess
import sys

from bench.peers import applications, scrapes
from bench.support.daemon import BUILD, ROOT


def probes():
    subprocess.run([BUILD / "bench/probes"], env=dict(os.environ, BENCH_PEERS="1"), check=True)


PARTS = {"host": scrapes.here, "machine": scrapes.in_a_machine, "probes": probes,
         "applications": applications.main}


def main():
    subprocess.run([ROOT / "tools/install-packages", "bench"], check=True)
    subprocess.run([ROOT / "bench/peers/fetch"], check=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
