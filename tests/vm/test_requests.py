#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600
"""Requests of real containers: who answered them, on edges and one by one, over the bridge and at a service
address that is nobody's; their routes; and those that come from outside."""

import bed as beds
import support
from bed import number, require
from test_connections import containers
from test_api import ask

REQUESTS, MISSING, REFUSED = 20, 6, 3  # busybox closes after each answer
EDGE = "container_edge_"
SERVICE = "10.96.0.10:8000"

# As kube-proxy does it: what goes to the address goes to the server, and comes back the same way.
TRANSLATE = """
iptables -t nat -A PREROUTING -p tcp -d {address} --dport {port} -j DNAT --to-destination {to}
iptables -t nat -A POSTROUTING -p tcp -d {backend} -m conntrack --ctstate DNAT -j MASQUERADE
"""


def fetch(bed, client, times, url, more=""):
    """From the client's network namespace and cgroup, which has no client of its own; whatever is answered."""
    bed.guest(f"""bash -c 'echo $$ > /sys/fs/cgroup{client.cgroup}/cgroup.procs
        for i in $(seq {times}); do
            nsenter -t {client.pid} -n curl -s -m 60 -o /dev/null {more} http://{url} || exit 1
        done'""", 280)


def figures(bed, cgroup, peer, direction="out"):
    samples = bed.metrics()
    labels = {"direction": direction, "peer": peer}
    return tuple(number(samples, f"{EDGE}{what}_total", cgroup, **labels) or 0
                 for what in ("requests", "request_failures"))


def grown(after, before):
    return tuple(a - b for a, b in zip(after, before))


def check_edge(bed, client, server, address):
    before = figures(bed, client.cgroup, server.cgroup)
    fetch(bed, client, REQUESTS, f"{address}/file")
    fetch(bed, client, MISSING, f"{address}/nothing")
    fetch(bed, client, REFUSED, f"{address}/file", "-d x")  # there is no CGI: 501
    made = grown(figures(bed, client.cgroup, server.cgroup), before)
    require(made == (REQUESTS + MISSING + REFUSED, MISSING + REFUSED), f"requests and failures: {made}")
    told = [s.labels["peer"] for s in beds.series_of(bed.metrics(), EDGE + "requests_total", client.cgroup)]
    require(told == [server.cgroup], f"edges to {told}")
    require(not beds.series_of(bed.metrics(), EDGE + "requests_total", server.cgroup), "edges of the server")


def check_map(bed, client, server):
    graph = ask(bed, "/api/v1/map?name=tcp-client")
    ids = {node["path"]: node["id"] for node in graph["nodes"]}
    (edge,) = [e for e in graph["edges"] if e["requests"]]
    require((edge["source"], edge["target"]) == (ids[client.cgroup], ids[server.cgroup]), edge)
    require((edge["requests"], edge["request_failures"]) == figures(bed, client.cgroup, server.cgroup), edge)
    require(edge["request_seconds"] > 0, edge)


def check_peers(bed, client, server):
    """Of a failed request on both ends, however its address was translated."""
    for name, side, peer in (("tcp-client", "client", server), ("tcp-server", "server", client)):
        items = ask(bed, f"/api/v1/requests?name={name}&side={side}&why=failed")["items"]
        found = {(item["peer"]["workload"]["path"], item["peer"]["workload"]["kind"]) for item in items}
        require(found == {(peer.cgroup, "container")}, f"{name}: {found}")


def check_routes(bed, client, server):
    """As curl asks and busybox answers: the ids of paths are one route, and no query is told."""
    for number in range(MISSING):
        fetch(bed, client, 1, f"{server.address}/users/{number}?token=secret")
    text = bed.get("/metrics").text
    found = {(s.labels["http_response_status_code"], s.labels["http_route"]): int(s.value)
             for s in beds.series_of(support.parse_text(text), "http_server_request_duration_seconds_count", server.cgroup)}
    require(found.get(("404", "/users/{id}")) == MISSING, f"routes: {found}")
    require({route for _, route in found} == {"/users/{id}", "/file", "/nothing"}, f"routes: {found}")
    require("secret" not in text + bed.get("/api/v1/requests?limit=1000").text, "a query is told")


def check_outside(bed):
    """This test's own scrapes come from another host."""
    cgroup = "/system.slice/tallyman.service"
    before = figures(bed, cgroup, "private", "in")
    for _ in range(REQUESTS):
        bed.get("/-/ready")
    # Each of the two readings of figures() answers the one before it.
    made = grown(figures(bed, cgroup, "private", "in"), before)
    require(made == (REQUESTS + 1, 0), f"requests and failures: {made}")


def test(bed):
    client, server = containers(bed)
    with bed.check("docker", "requests over the bridge"):
        check_edge(bed, client, server, server.address)
    address, port = SERVICE.split(":")
    bed.guest(TRANSLATE.format(address=address, port=port, to=f"{server.address}:80", backend=server.address))
    with bed.check("docker", "requests to a service address"):
        check_edge(bed, client, server, SERVICE)
    with bed.check("docker", "requests on the map"):
        check_map(bed, client, server)
    with bed.check("docker", "peers of single requests"):
        check_peers(bed, client, server)
    with bed.check("docker", "routes"):
        check_routes(bed, client, server)
    with bed.check("exporter", "requests from outside"):
        check_outside(bed)


if __name__ == "__main__":
    beds.main(test, beds.only("connections", "requests") + " --collector.requests --requests.routes=10 --probe.max-memory=96 "
              "--web.min-scrape-interval=0s")
