#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial timeout=300
"""A storm of 10,000 cgroups, made and removed as fast as one process can and another follow: each has one start and
one end in /api/v1/events, the counters have all of them, and nothing of them is left. Containers, with processes and
names and more slowly, are in tests/vm/test_storm.py."""

import collections
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import require  # noqa: E402

NUMBER, ALIVE = 10000, 100
AHEAD = 1500  # groups whose ends were not yet seen: the exporter keeps 4,096 events
MADE, REMOVED = "tallyman_cgroups_created_total", "tallyman_cgroups_removed_total"


def name_of(number):
    return f"storm-{number}.service"


def storm(top, listener):
    """Seconds."""
    begin = time.monotonic()
    for number in range(NUMBER + ALIVE):
        patience = time.monotonic() + 10
        while number - ALIVE - listener.ends > AHEAD and time.monotonic() < patience:
            time.sleep(0.01)
        if number < NUMBER:
            pathlib.Path(top, name_of(number)).mkdir()
        if number >= ALIVE:
            pathlib.Path(top, name_of(number - ALIVE)).rmdir()
    return time.monotonic() - begin


class Listener(threading.Thread):
    """Follows the events, as whoever wants them all does."""

    def __init__(self, daemon, folder):
        super().__init__()
        self.daemon_process, self.folder = daemon, folder
        self.last, self.ends, self.events, self.failure = 0, 0, [], None
        self.ending = threading.Event()

    def ask(self):
        """What is new; the newest come first."""
        path, newest = f"/api/v1/events?limit=10000&after={self.last}", self.last
        while path:
            page = json.loads(self.daemon_process.get(path, timeout=60).text)
            for item in page["items"]:
                newest = max(newest, int(item["number"]))
                if (item["path"] or "").startswith(self.folder):
                    self.events.append((item["type"], item["path"].rpartition("/")[2]))
                    self.ends += item["type"] == "gone"
            path = page["next"]
        self.last = newest

    def run(self):
        try:
            while not self.ending.is_set():
                self.ask()
                time.sleep(0.02)
            quiet = time.monotonic() + 15  # for what is still to be told
            while time.monotonic() < quiet and len(self.events) < 2 * NUMBER:
                self.ask()
                time.sleep(0.1)
            self.ask()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure


def counted(samples):
    return [int(float(support.value(samples, name))) for name in (MADE, REMOVED)]


def test_ten_thousand():
    """None is lost, none told twice."""
    with support.Cgroup() as top, support.Daemon("--web.min-scrape-interval=0s") as daemon:
        folder = f"/{top.path.name}/"
        before = counted(daemon.metrics())
        listener = Listener(daemon, folder)
        listener.start()
        seconds = storm(top.path, listener)
        listener.ending.set()
        listener.join()
        if listener.failure:
            raise listener.failure
        print(f"# {NUMBER} made and removed in {seconds:.1f} s")
        samples = daemon.metrics()
        more = [now - then for now, then in zip(counted(samples), before)]
        require(min(more) >= NUMBER, f"{more} of {NUMBER} were counted")
        for kind in ("started", "gone"):
            count = collections.Counter(name for told, name in listener.events if told == kind)
            lost = [number for number in range(NUMBER) if name_of(number) not in count]
            support.equal(lost[:3], [], f"{kind}: {len(lost)} are lost")
            support.equal([name for name, n in count.items() if n > 1], [], f"{kind}: told twice")
        left = [sample for sample in samples["container_last_seen"] if sample.labels["id"].startswith(folder)]
        support.equal(left, [], "groups that are gone")


if __name__ == "__main__":
    support.main(globals())
