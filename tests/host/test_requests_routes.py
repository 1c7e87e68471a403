#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial plain timeout=300
"""Routes of HTTP requests: which there are, that they are capped, and that nothing else of a path leaves the kernel."""

import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import equal, require  # noqa: E402
from test_requests_told import exchange, told  # noqa: E402
from test_source_requests import CLIENT, SERVER, Pair, answer, enter, request, watched  # noqa: E402

LOST = "tallyman_probe_lost_total"


def routes(place, group, name=SERVER):
    """{(method, status, route): count} of a group."""
    place.look()
    return {(s.labels["http_request_method"], s.labels["http_response_status_code"], s.labels.get("http_route")):
            int(s.value) for s in place.samples.get(name + "_count", ()) if s.labels["id"] == group.id}


def lost(place):
    return float(support.value(place.samples, LOST, probe="requests", reason="routes"))


def test_paths_become_routes():
    with watched("--requests.routes=10", "--requests.slow=1h") as place:
        pair = place.pair()
        for number in range(30):
            exchange(pair, request("GET", f"/users/{number}?token=secret{number}"), answer(200))
            exchange(pair, request("POST", f"/users/{number}/orders"), answer(503 if number % 2 else 201))
        exchange(pair, request("OPTIONS", "*"), answer(204))
        equal(routes(place, place.server), {
            ("GET", "200", "/users/{id}"): 30, ("POST", "201", "/users/{id}/orders"): 15,
            ("POST", "503", "/users/{id}/orders"): 15, ("OPTIONS", "204", "_OTHER"): 1})
        equal(routes(place, place.client, CLIENT),
              {("GET", "200", None): 30, ("POST", "201", None): 15, ("POST", "503", None): 15,
               ("OPTIONS", "204", None): 1}, "who asks has none")
        equal(lost(place), 0)
        equal({item["route"] for item in told(place, place.server)}, {"/users/{id}/orders"})
        equal({item["route"] for item in told(place, place.client)}, {None})
        everything = place.daemon.get("/metrics").text + json.dumps(told(place))
        require("secret" not in everything, "a query is told")


def test_pipelines_keep_their_order():
    with watched("--requests.routes=10") as place:
        pair = place.pair()
        paths = ["/a", "/b", "/b", "/c/1", "/a", "/c/2"]
        asked = b"".join(request("HEAD" if path == "/b" else "GET", path) for path in paths)
        # An answer to HEAD has no body, whatever it says: it is known by the method, beside which the route is.
        length = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        exchange(pair, asked, b"".join(length + (b"" if path == "/b" else b"12345") for path in paths))
        equal(routes(place, place.server), {("GET", "200", "/a"): 2, ("HEAD", "200", "/b"): 2,
                                            ("GET", "200", "/c/{id}"): 2})
        equal(place.others("container_unparsed_bytes_total", place.server), {})


def test_a_line_that_comes_in_pieces():
    with watched("--requests.routes=10") as place:
        pair = place.pair()
        asked = request("GET", "/short/1")
        for at in range(0, len(asked), 3):
            pair.ask(asked[at:at + 3])
        pair.reply(answer(200))
        exchange(pair, request("GET", "/long/" + "x" * 3000), answer(200))
        found = routes(place, place.server)
        equal(found.pop(("GET", "200", "/short/{id}")), 1)
        equal(found, {("GET", "200", "/long/*"): 1}, "what is behind the window is not looked at")


def test_there_is_a_limit():
    with watched("--requests.routes=3") as place:
        pair = place.pair()
        for turn in range(2):
            for number in range(20):
                exchange(pair, request("GET", f"/page{chr(ord('a') + number)}"), answer(200))
            found = routes(place, place.server)
            equal(found, {("GET", "200", f"/page{name}"): turn + 1 for name in "abc"}
                  | {("GET", "200", "_OTHER"): 17 * (turn + 1)})
            equal(lost(place), 17 * (turn + 1))
        # Another one may name as many, and uses those that are there.
        enter(place.client.path)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            place.listener, place.address = listener, listener.getsockname()
            enter(place.server.path)
            other = Pair(place)
            for name in ("a", "x", "y", "z", "q"):
                exchange(other, request("GET", f"/page{name}"), answer(200))
            other.close()
        equal({key[2]: n for key, n in routes(place, place.client).items()},
              {"/pagea": 1, "/pagex": 1, "/pagey": 1, "/pagez": 1, "_OTHER": 1})


def test_off():
    with watched("--requests.slow=1h") as place:
        exchange(place.pair(), request("GET", "/users/1"), answer(503))
        place.look()
        (labels,) = [s.labels for s in place.samples[SERVER + "_count"] if s.labels["id"] == place.server.id]
        require("http_route" not in labels, labels)
        equal([item["route"] for item in told(place, place.server)], [None])


if __name__ == "__main__":
    support.main(globals())
