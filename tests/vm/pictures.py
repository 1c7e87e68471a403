#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: VM_KERNEL=6.12 tests/vm/pictures.py [MINUTES]

Draws the dashboards as docs/images/dashboard-NAME-WIDTH.png: containers under load in the machine for so many
minutes (10), a real Prometheus that scrapes it, and tests/dashboards/preview.py with what that has seen."""

import subprocess
import sys
import time

import bed as beds
import load
import prometheus
import support
from test_dashboards import FLAGS, last_scrape

# The workload that the picture of the dashboard Workload is of.
SHOWN = 'container_info{container="postgres"}'


def draw(server, minutes):
    end = last_scrape(server)
    identity = server.query(f"last_over_time({SHOWN}[5m])")[0][0]["id"]
    subprocess.run(
        [support.ROOT / "tests/dashboards/preview.py", "--at", str(end), "--span", str(minutes * 60 - 30),
         "--prefix", "dashboard-", "--choose", f"id={identity}", "--choose", "window=10m",
         f"http://127.0.0.1:{server.port}", support.ROOT / "docs/images"], check=True)


def main():
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with beds.Bed(FLAGS) as bed:
        load.start(bed)
        job = prometheus.scrape_config("cadvisor", bed.port, honor_labels=True, scrape_interval="10s",
                                       scrape_timeout="10s", relabel_configs=[
                                           {"target_label": "instance", "replacement": "crane-1"}])
        with prometheus.Prometheus(3, [job], native_histograms=True) as server:
            time.sleep(minutes * 40)
            load.deploy(bed)
            time.sleep(minutes * 20)
            draw(server, minutes)


if __name__ == "__main__":
    main()
