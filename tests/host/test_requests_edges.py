#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial plain timeout=300
"""Requests by who is at the other end: what edges have of them, and whose the peer of a single one is."""

import contextlib
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import equal, require  # noqa: E402
from test_api import ask  # noqa: E402
from test_requests_told import OPENMETRICS, exchange, exemplars, told  # noqa: E402
from test_source_requests import CLIENT, Pair, Place, answer, request, watched  # noqa: E402

EDGE = "container_edge_"
EDGES = "--collector.connections"
SETTLED = 1.1  # who is outside is told a second after a connection was made


def figures(place, group, **labels):
    """(requests, failures) of its edges, by peer."""
    place.look()
    return {s.labels["peer"]: (int(s.value), place.value(EDGE + "request_failures_total", group, peer=s.labels["peer"],
                                                         **labels))
            for s in place.samples.get(EDGE + "requests_total", ()) if s.labels["id"] == group.id
            and all(s.labels[key] == value for key, value in labels.items())}


def name_of(group):
    return {"id": str(group.path.stat().st_ino), "path": group.id}


def peer_of(item):
    return {key: item["peer"]["workload"][key] for key in ("id", "path")}


def test_edges_count_what_histograms_count():
    """Of connections that are open and of those that are closed, each request once, on the row of who asked."""
    with watched(EDGES) as place:
        open_one = place.pair()
        for status in (200, 200, 404, 503):
            exchange(open_one, request(), answer(status))
        equal(figures(place, place.client), {place.server.id: (4, 2)}, "open")
        for _ in range(20):
            pair = Pair(place)
            exchange(pair, request() * 3, answer(200) * 3)
            pair.close()
        equal(figures(place, place.client), {place.server.id: (64, 2)}, "with those that are closed")
        equal(figures(place, place.server), {}, "the end that asked tells")
        exchange(open_one, request(), answer(500))
        equal(figures(place, place.client, direction="out"), {place.server.id: (65, 3)}, "it goes on")
        equal(figures(place, place.client), {place.server.id: (65, 3)}, "and not twice")
        seconds = place.value(EDGE + "request_seconds_total", place.client)
        summed = sum(float(s.value) for s in place.samples[CLIENT + "_sum"] if s.labels["id"] == place.client.id)
        count = sum(place.counts(place.client, CLIENT).values())
        equal(count, 65)
        # Histograms add up the middles of their buckets, which at schema 3 are 9 % wide.
        require(abs(seconds - summed) <= 0.1 * summed, f"{seconds} and {summed}")
        (edge,) = [e for e in ask(place.daemon, "/api/v1/map")["edges"] if e["requests"]]
        equal((edge["source"], edge["target"]), (name_of(place.client)["id"], name_of(place.server)["id"]))
        equal((edge["requests"], edge["request_failures"]), (65, 3))
        require(abs(edge["request_seconds"] - seconds / 65) < 1e-9, edge)
        equal(place.value("tallyman_probe_lost_total", place.client, reason="pairs"), 0)


def test_the_peer_of_single_ones():
    """Whether it is told at once or after the connection was looked at, and of both ends."""
    with watched(EDGES, "--requests.slow=1h") as place:
        pair = place.pair()
        for turn in range(2):
            exchange(pair, request(), answer(503))
            for group, other in ((place.server, place.client), (place.client, place.server)):
                items = told(place, group)
                equal(len(items), turn + 1)
                equal([peer_of(item) for item in items], [name_of(other)] * (turn + 1), group.id)
                equal({item["peer"]["workload"]["title"] for item in items},
                      {pathlib.Path(other.id).name})
            time.sleep(SETTLED)
            place.look()
        flat = json.loads(place.daemon.get("/api/v1/requests?format=table&limit=1").text)
        require(flat[0]["peer_workload_path"] in (place.client.id, place.server.id), flat)
        found = exemplars(place.daemon.get("/metrics", OPENMETRICS).text, place.server)
        equal(found[0][1].labels["peer_name"], pathlib.Path(place.client.id).name)


def test_a_client_that_has_left():
    """Its connection was settled at its close, when the server had not answered yet."""
    with watched(EDGES, "--requests.slow=1h") as place:
        pair = place.pair()
        pair.ask(request())
        pair.client.close()
        time.sleep(0.1)
        pair.server.sendall(answer(503))
        (item,) = told(place, place.server)
        equal(peer_of(item), name_of(place.client))
        (item,) = told(place, place.client)
        equal((item["why"], peer_of(item)), ("unanswered", name_of(place.server)))


def test_connections_of_before():
    """Nobody knows who is at the other end of them."""
    with Place() as place:
        older = place.pair()
        place.watch(EDGES, "--requests.slow=1h")
        exchange(older, request(), answer(503))
        equal(figures(place, place.client), {})
        (item,) = told(place, place.server)
        equal(peer_of(item), {"id": None, "path": None})


def test_sources_that_come_and_go():
    """The two probes share maps: with what was opened anew the other one is, too."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        config = pathlib.Path(folder, "config.yaml")

        def write(connections):
            config.write_text(f"collector:\n  requests: true\n  connections: {str(connections).lower()}\n")

        write(True)
        place = stack.enter_context(watched(f"--config.file={config}"))

        def reload(connections):
            write(connections)
            place.daemon.process.send_signal(signal.SIGHUP)
            support.wait_for(lambda: place.look().samples["tallyman_probe_up"]
                             and len(place.samples["tallyman_probe_up"]) == 1 + connections, "it is applied")

        exchange(place.pair(), request(), answer(503))
        equal(figures(place, place.client), {place.server.id: (1, 1)})
        reload(False)
        exchange(place.pair(), request(), answer(503))
        equal(figures(place, place.client), {})
        equal(place.counts(place.client, CLIENT), {("GET", "503"): 1}, "it was opened anew")
        reload(True)
        exchange(place.pair(), request(), answer(200))
        equal(figures(place, place.client), {place.server.id: (1, 0)})


if __name__ == "__main__":
    support.main(globals())
