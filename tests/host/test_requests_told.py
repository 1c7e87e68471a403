#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial plain timeout=300
"""Single requests that failed or were slow: which of them are told, and what of them, in the API and as
exemplars."""

import json
import pathlib
import socket
import sys
import threading
import time
import urllib.parse

from prometheus_client.openmetrics.parser import text_string_to_metric_families

import test_source_dns as dns
from test_source_requests import Pair, SERVER, answer, enter, hear, request, watched

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from test_api import ask  # noqa: E402
from support import equal, require  # noqa: E402

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
DROPPED = "tallyman_request_samples_dropped_total"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SLOW = 0.3
NOBODY = {"id": None, "kind": None, "title": None, "path": None}  # who is at the other end is known to another source


def told(place, group=None, **parameters):
    """What the API says now, the oldest first."""
    place.look()  # a reading of this moment, which the API shares
    query = urllib.parse.urlencode(parameters, doseq=True)
    items = ask(place.daemon, f"/api/v1/requests?{query}")["items"]
    return [item for item in reversed(items) if not group or item["workload"]["id"] == str(group.path.stat().st_ino)]


def traced(value, body=b""):
    head = f"GET /secret HTTP/1.1\r\nHost: a.example\r\nTraceparent: {value}\r\nCookie: secret\r\n\r\n"
    return head.encode() + body


def exchange(pair, asked, answered, slow=0.0):
    pair.ask(asked)
    time.sleep(slow)
    pair.reply(answered)


def test_failed_ones():
    with watched("--requests.slow=1h") as place:
        pair = place.pair()
        for status in (200, 404, 503):
            exchange(pair, request("POST", "/x"), answer(status))
        server, client = told(place, place.server), told(place, place.client)
        equal([item["status"] for item in server], ["503"], "of a server what the client did wrong is none")
        equal([item["status"] for item in client], ["404", "503"])
        for item, end, side in ((server[0], pair.server, "server"), (client[1], pair.client, "client")):
            equal((item["why"], item["side"], item["protocol"], item["operation"], item["error"]),
                  ("failed", side, "http", "POST", None))
            address, port = end.getpeername()
            equal((item["peer"], item["port"]),
                  ({"address": address, "port": port, "workload": NOBODY}, end.getsockname()[1]))
            equal((item["trace_id"], item["span_id"]), (None, None))
            require(0 < item["duration_seconds"] < 60, item)
        require("secret" not in json.dumps(server + client), "a header is told")
        for query, wanted in (({"status": "404"}, 1), ({"side": "server"}, 1), ({"protocol": "redis"}, 0),
                              ({"why": ["failed", "slow"]}, 3), ({"why": "slow"}, 0), ({"operation": "POST"}, 3),
                              ({"kind": "vm"}, 0), ({"limit": 2}, 2)):
            equal(len(told(place, **query)), wanted, query)
        flat = json.loads(place.daemon.get("/api/v1/requests?format=table&limit=1").text)
        equal((flat[0]["peer_port"] > 0, "workload_id" in flat[0]), (True, True))
        for wrong in ("why=x", "side=x", "sort=x", "nothing=1", "why=slow&why=x"):
            ask(place.daemon, f"/api/v1/requests?{wrong}", 400)


def test_slow_ones():
    with watched("--requests.slow=200ms") as place:
        pair = place.pair()
        for slow in (0, SLOW, 0, 2 * SLOW, SLOW):
            exchange(pair, request(), answer(200), slow)
        found = told(place, place.server)
        require([item["why"] for item in found] == ["slow"] * len(found), found)
        # The mark is above each for a while, unless a window ended meanwhile.
        require(2 <= len(found) <= 3, f"{len(found)} of them")
        require(found[0]["duration_seconds"] >= SLOW and found[1]["duration_seconds"] >= 2 * SLOW, found)
        longest = told(place, place.server, sort="-duration_seconds")[-1]
        equal(longest["number"], found[1]["number"])


def test_what_the_thread_did():
    with watched("--requests.slow=50ms") as place:
        pair = place.pair()
        exchange(pair, request(), answer(200), SLOW)
        (slept,) = [item["thread"] for item in told(place, place.server)]
        require(slept["on_cpu_seconds"] < SLOW / 2, slept)
        pair.ask(request())
        end = time.thread_time() + 4 * SLOW
        while time.thread_time() < end:
            pass
        pair.reply(answer(200))
        item = told(place, place.server)[-1]
        require(2 * SLOW < item["thread"]["on_cpu_seconds"] <= item["duration_seconds"] * 1.05, item)
    # Anew: on a busy machine what computed may have taken longer than this, which would not be slow then.
    with watched("--requests.slow=50ms") as place:
        pair = place.pair()
        pair.ask(request())
        other = threading.Thread(target=lambda: (time.sleep(4 * SLOW), pair.server.sendall(answer(200))))
        other.start()
        hear(pair.client, len(answer(200)))
        other.join()
        item = told(place, place.server)[-1]
        require(item["duration_seconds"] > 4 * SLOW, item)
        equal(item["thread"], {"on_cpu_seconds": None, "run_queue_seconds": None, "block_io_seconds": None})


def test_unanswered():
    with watched("--requests.slow=1h") as place:
        pair = place.pair()
        pair.ask(request())
        pair.close()
        for group in (place.server, place.client):
            (item,) = support.wait_for(lambda of=group: told(place, of), "it is told")
            equal((item["why"], item["status"], item["operation"]), ("unanswered", None, "GET"))
        place.look()
        equal(place.counts(place.server, SERVER), {}, "it is no answer")


def test_traces():
    rows = (
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN)),
        (f"00-{'0' * 32}-{SPAN}-01", (None, None)),
        (f"00-{TRACE.upper()}-{SPAN}-01", (None, None)),
        (f"00-{TRACE[:-1]}-{SPAN}-01", (None, None)),
        (f"ff-{TRACE}-{SPAN}-01", (None, None)),
        (f"01-{TRACE}-{SPAN}-01-more", (TRACE, SPAN)),
        ("", (None, None)),
    )
    with watched("--requests.slow=1h", "--requests.traceparent") as place:
        for value, wanted in rows:
            pair = place.pair()
            exchange(pair, traced(value), answer(503))
            item = told(place, place.server)[-1]
            equal((item["trace_id"], item["span_id"]), wanted, value)
            pair.close()
    with watched("--requests.slow=1h", "--requests.traceparent") as place:
        pair = place.pair()
        exchange(pair, traced(rows[0][0]), answer(503))
        exchange(pair, request(), answer(503))
        # The second of two at once is not known to be the one whose id is kept.
        exchange(pair, traced(rows[0][0]) + traced(rows[0][0]), answer(503) + answer(503))
        exchange(pair, request() + traced(rows[0][0]), answer(503) + answer(503))
        equal([item["trace_id"] for item in told(place, place.server)], [TRACE, None, TRACE, None, None, None])


def test_traces_are_an_option():
    with watched("--requests.slow=1h") as place:
        exchange(place.pair(), traced(f"00-{TRACE}-{SPAN}-01"), answer(503))
        equal([item["trace_id"] for item in told(place, place.server)], [None])


def test_one_does_not_take_all():
    with watched("--requests.slow=1h") as place:
        pair = place.pair()
        for _ in range(400):
            exchange(pair, request(), answer(503))
        enter(place.client.path)
        other = socket.create_server(("127.0.0.1", 0))
        enter(place.server.path)
        caller = socket.create_connection(other.getsockname())
        enter(support.cgroup2_mount())
        with other, caller, other.accept()[0] as server:
            caller.sendall(request())
            server.recv(1000)
            server.sendall(answer(502))
            caller.recv(1000)
            equal([item["status"] for item in told(place, place.client, side="server")], ["502"])
            server_side = told(place, place.server, side="server", limit=1000)
        require(8 <= len(server_side) <= 32, f"{len(server_side)} of one")
        place.look()
        dropped = {s.labels["reason"]: float(s.value) for s in place.samples[DROPPED]}
        equal(set(dropped), {"limit", "full", "replaced", "gone"})
        clients = len(told(place, place.client, side="client", limit=1000))
        equal(dropped["limit"] + dropped["replaced"] + len(server_side) + clients, 800, dropped)
        equal(place.counts(place.server, SERVER), {("GET", "503"): 400}, "all are counted")


def test_lookups():
    with watched("--requests.slow=1h") as place:
        enter(place.client.path)
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        enter(support.cgroup2_mount())
        with client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            client.connect(server.getsockname())
            for number, code in enumerate((0, dns.REFUSED)):
                client.send(dns.question(number))
                asked, peer = server.recvfrom(512)
                server.sendto(dns.answer(asked, code), peer)
                client.recv(512)
            (item,) = told(place, place.client)
            equal((item["protocol"], item["operation"], item["error"], item["peer"]["port"]),
                  ("dns", "A", "REFUSED", server.getsockname()[1]))


def exemplars(text, group):
    return [(sample.labels, sample.exemplar) for family in text_string_to_metric_families(text)
            for sample in family.samples if sample.exemplar and sample.labels["id"] == group.id]


def test_exemplars():
    with watched("--requests.slow=1h", "--requests.traceparent") as place:
        pair = place.pair()
        exchange(pair, request(), answer(200))
        exchange(pair, traced(f"00-{TRACE}-{SPAN}-01"), answer(503), SLOW)
        (item,) = told(place, place.server)
        found = exemplars(place.daemon.get("/metrics", OPENMETRICS).text, place.server)
        equal(len(found), 1)
        labels, exemplar = found[0]
        equal(labels["http_response_status_code"], "503")
        address, port = pair.server.getpeername()
        equal(exemplar.labels, {"trace_id": TRACE, "span_id": SPAN, "peer": f"{address}:{port}"})
        equal(round(exemplar.value, 6), round(item["duration_seconds"], 6))
        require(exemplar.value <= float(labels["le"]), found)
        require(abs(float(exemplar.timestamp) - time.time()) < 60, exemplar)
        again = exemplars(place.daemon.get("/metrics", OPENMETRICS).text, place.server)
        equal(again[0][1].timestamp, exemplar.timestamp, "the same one again")
        require(TRACE not in place.daemon.get("/metrics").text, "in text there are no exemplars")


if __name__ == "__main__":
    support.main(globals())
