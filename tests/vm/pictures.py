#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: VM_KERNEL=6.12 tests/vm/pictures.py [MINUTES]

Draws the dashboards: containers under load in the machine for so many minutes (10), a real Prometheus 3.x with
native histograms and a 2.x with classic ones that scrape it, and tests/dashboards/preview.py with what these have
seen, to build/pictures/. Those of 3.x that are 1280 pixels wide become docs/images/dashboard-NAME-1280.png, with
fewer colours (pngquant)."""

import subprocess
import sys
import time

import bed as beds
import load
import prometheus
import support
import situations
from shown import last_scrape

# Two that scrape share what is read.
FLAGS = situations.FLAGS.replace("3500ms", "12s")
# The workload that the picture of the dashboard Workload is of.
SHOWN = 'container_info{name="web"}'


def draw(server, minutes, folder):
    end = last_scrape(server)
    identity = server.query(f"last_over_time({SHOWN}[5m])")[0][0]["id"]
    return subprocess.run(
        [support.ROOT / "tests/dashboards/preview.py", "--at", str(end), "--span", str(minutes * 60 - 30),
         "--prefix", "dashboard-", "--choose", f"id={identity}", "--choose", "window=10m",
         f"http://127.0.0.1:{server.port}", support.ROOT / folder], check=False).returncode


def publish(folder):
    for picture in sorted((support.ROOT / folder).glob("*-1280.png")):
        target = support.ROOT / "docs/images" / picture.name
        subprocess.run(["pngquant", "--quality", "60-90", "--force", "--output", target, picture], check=True)


def main():
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with beds.Bed(FLAGS) as bed:
        situations.add_disks(bed)
        # It has ended once, so that there is an exit code; longer ago than --containers.settle.
        bed.guest("docker restart -t 1 web > /dev/null\nsleep 8")
        load.start(bed)
        job = prometheus.scrape_config("cadvisor", bed.port, honor_labels=True, scrape_interval="15s",
                                       scrape_timeout="15s", relabel_configs=[
                                           {"target_label": "instance", "replacement": "crane-1"}])
        with prometheus.Prometheus(3, [job], native_histograms=True) as native, \
                prometheus.Prometheus(2, [job]) as classic:
            time.sleep(minutes * 40)
            load.deploy(bed)
            for number in range(5):
                load.stop_one(bed, number)
            time.sleep(minutes * 20)
            status = max(draw(native, minutes, "build/pictures/native"), draw(classic, minutes, "build/pictures/classic"))
            publish("build/pictures/native")
            return status


if __name__ == "__main__":
    sys.exit(main())
