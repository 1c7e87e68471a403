#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=600
"""TCP connections of real containers, against what the kernel counts in each one's network namespace
(/proc/PID/net/snmp): over the bridge, to a published port, to nobody, and over a line that loses packets;
who is at the other end, also behind the address of a service; and the listening socket as ss sees it."""

import socketserver
import threading

import bed as beds
import support
from bed import number, require

REQUESTS, REFUSED = 20, 5
SERVICE, LASTING = "10.96.0.20", "10.96.0.30"

SETUP = r"""
docker run -d --name tcp-server -p 18088:80 demo/busybox:1.0 sh -c '
	mkdir /www && dd if=/dev/zero of=/www/file bs=1k count=64 2> /dev/null && exec httpd -f -p 80 -h /www' > /dev/null
docker run -d --name tcp-client demo/busybox:1.0 sh -c 'while :; do sleep 1000; done' > /dev/null
for name in tcp-server tcp-client; do
	pid=$(docker inspect -f '{{.State.Pid}}' $name)
	echo "@@$name $pid $(cgroup_of "$pid") $(docker inspect -f '{{.NetworkSettings.IPAddress}}' $name)"
done
"""

# Of the kernel's counters, what each of ours has to grow by.
COUNTERS = {
    "ActiveOpens": lambda s, c: total(s, "container_tcp_connects_total", c)
    + total(s, "container_tcp_connect_failures_total", c),
    "AttemptFails": lambda s, c: total(s, "container_tcp_connect_failures_total", c),
    "PassiveOpens": lambda s, c: total(s, "container_tcp_accepts_total", c),
    "RetransSegs": lambda s, c: total(s, "container_tcp_retransmits_total", c),
}


def total(samples, name, cgroup):
    return sum(float(s.value) for s in beds.series_of(samples, name, cgroup))


class Container:
    """One end: where it is, and both readings of it."""

    def __init__(self, bed, pid, cgroup, address):
        self.bed, self.pid, self.cgroup, self.address = bed, pid, cgroup, address

    def kernel(self):
        names, values = [line.split()[1:] for line in
                         self.bed.guest(f"grep ^Tcp: /proc/{self.pid}/net/snmp").splitlines()]
        return dict(zip(names, map(int, values)))

    def readings(self):
        kernel, samples = self.kernel(), self.bed.metrics()
        return {name: (kernel[name], of(samples, self.cgroup)) for name, of in COUNTERS.items()}

    def edge(self, peer, what="connects_total"):
        """Of the connections that it made: `peer` is a cgroup or a group of addresses."""
        return number(self.bed.metrics(), f"container_tcp_edge_{what}", self.cgroup, direction="out", peer=peer) or 0

    def check(self, before, least):
        """What has grown by the same in both readings, and by this at least."""
        after = self.readings()
        for name, (kernel, ours) in after.items():
            grown, counted = kernel - before[name][0], ours - before[name][1]
            require(grown == counted, f"{name} grew by {grown}, ours by {counted}")
            require(grown >= least.get(name, 0), f"{name} grew by {grown}, not {least.get(name)}")


def containers(bed):
    found = {}
    for line in bed.guest(SETUP, 120).splitlines():
        if line.startswith("@@"):
            name, pid, cgroup, address = line[2:].split()
            found[name] = Container(bed, pid, cgroup, address)
    bed.metrics()  # both have been discovered
    return found["tcp-client"], found["tcp-server"]


def fetch(bed, client, times, address, check=True):
    """From the client's network namespace and cgroup: its image has no client of its own."""
    test = "|| exit 1" if check else "|| true"
    bed.guest(f"""bash -c 'echo $$ > /sys/fs/cgroup{client.cgroup}/cgroup.procs
        for i in $(seq {times}); do
            nsenter -t {client.pid} -n curl -s -m 60 -o /dev/null http://{address} {test}
        done'""", 280)


def check_address(bed, client, server, address):
    before = client.readings(), server.readings()
    fetch(bed, client, REQUESTS, address)
    client.check(before[0], {"ActiveOpens": REQUESTS})
    server.check(before[1], {"PassiveOpens": REQUESTS})
    # One that waits in TIME_WAIT is closed; httpd may still be closing the last one.
    require((number(bed.metrics(), "container_tcp_open_connections", client.cgroup) or 0) <= 1, "open connections")
    sent = number(bed.metrics(), "container_tcp_closed_bytes_total", server.cgroup, direction="transmit")
    require(sent >= (REQUESTS - 1) * 65536, f"the server has sent {sent} bytes")


def check_refused(bed, client, server):
    before = client.readings()
    fetch(bed, client, REFUSED, f"{server.address}:81/", check=False)
    client.check(before, {"ActiveOpens": REFUSED, "AttemptFails": REFUSED})
    refused = number(bed.metrics(), "container_tcp_connect_failures_total", client.cgroup, reason="refused")
    require(refused == REFUSED, f"{refused} were refused")
    require(client.edge("private", "connect_failures_total") == REFUSED, "not told by address")


def check_losses(bed, client, server):
    """Every fifth packet to the server is dropped on its way."""
    rule = "INPUT -p tcp --dport 80 -m statistic --mode nth --every 5 --packet 0 -j DROP"
    bed.guest(f"nsenter -t {server.pid} -n iptables -A {rule}")
    before = client.readings(), server.readings()
    fetch(bed, client, REQUESTS // 2, f"{server.address}/file")
    bed.guest(f"nsenter -t {server.pid} -n iptables -D {rule}")
    client.check(before[0], {"RetransSegs": 1})
    server.check(before[1], {})


def check_edge(bed, client, server):
    """Both ends of the bridge are here: the client's row tells of the server, and the server's of nobody."""
    before = client.edge(server.cgroup)
    fetch(bed, client, REQUESTS, f"{server.address}/file")
    made = client.edge(server.cgroup) - before
    require(made == REQUESTS, f"{made} connections")
    (edge,) = [s for s in beds.series_of(bed.metrics(), "container_tcp_edge_receive_bytes_total", client.cgroup)
               if s.labels["peer"] == server.cgroup]
    require(edge.labels["peer_kind"] == "container" and edge.labels["peer_name"] == "tcp-server", edge.labels)
    require(float(edge.value) >= REQUESTS * 65536, f"{edge.value} bytes")
    inbound = [s for s in beds.series_of(bed.metrics(), "container_tcp_edge_connects_total", server.cgroup)]
    require(not inbound, f"edges of the server: {inbound}")


def check_translated(bed, server):
    """The published port on the host's own address: what the client connects to is not where the server listens."""
    group = "/tallyman-edges"
    bed.guest(f"""mkdir -p /sys/fs/cgroup{group} && bash -c 'echo $$ > /sys/fs/cgroup{group}/cgroup.procs
        for i in $(seq {REQUESTS}); do curl -s -m 60 -o /dev/null http://172.17.0.1:18088/file || exit 1; done'""", 280)
    edges = beds.series_of(bed.metrics(), "container_tcp_edge_connects_total", group)
    bed.guest(f"rmdir /sys/fs/cgroup{group}")
    require([(s.labels["peer"], float(s.value)) for s in edges] == [(server.cgroup, REQUESTS)], edges)


class Server(socketserver.ThreadingTCPServer):
    """On this host, which is another one for the guest."""
    daemon_threads = True
    block_on_close = False  # a connection that lasts is not waited for


class Silent(socketserver.BaseRequestHandler):
    """Answers with as much as curl -s calls success."""

    def handle(self):
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.0 204 None\r\n\r\n")


def translate(bed, address, port):
    """To a port outside of the guest, which there has the address 10.0.2.2."""
    bed.guest(f"iptables -t nat -A PREROUTING -p tcp -d {address} --dport 8000 -j DNAT --to 10.0.2.2:{port}")


def check_service_outside(bed, client):
    """The address of a service is nobody's; who is behind it is on another host."""
    with Server(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        translate(bed, SERVICE, server.server_address[1])
        for _ in range(2):  # what is short may end before anybody knows what is behind
            before = client.edge("backend")
            fetch(bed, client, REQUESTS, f"{SERVICE}:8000/")
            made = client.edge("backend") - before
        require(made == REQUESTS, f"{made} connections")
        server.shutdown()
    fetch(bed, client, REFUSED, f"{SERVICE}:8000/", check=False)
    failed = client.edge("backend", "connect_failures_total")
    require(failed == REFUSED, f"{failed} were not made")


def check_lasting(bed, client):
    """A connection that lasts is told when it is known what is behind."""
    before = client.edge("backend", "open_connections"), client.edge("private")
    with Server(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        translate(bed, LASTING, server.server_address[1])
        bed.guest(f"""bash -c 'echo $$ > /sys/fs/cgroup{client.cgroup}/cgroup.procs
            exec nsenter -t {client.pid} -n bash -c "exec 3<> /dev/tcp/{LASTING}/8000; sleep 1000"' > /dev/null 2>&1 &""")
        support.wait_for(lambda: client.edge("backend", "open_connections") == before[0] + 1, "it is told", 60)
        require(client.edge("private") == before[1], "it is told by the service's address")
        server.shutdown()


def check_listen_queue(bed, server):
    """The listening socket as ss tells of it: who listens there was started before anybody counted."""
    line = bed.guest(f"nsenter -t {server.pid} -n ss -Hltn sport = :80").split()
    limit = number(bed.metrics(), "container_tcp_listen_queue_limit", server.cgroup)
    require(limit == int(line[2]), f"a limit of {limit}, and ss says {line}")
    require(number(bed.metrics(), "container_tcp_listen_drops_total", server.cgroup) == 0, "drops")


def test(bed):
    client, server = containers(bed)
    with bed.check("docker", "TCP over the bridge"):
        check_address(bed, client, server, f"{server.address}/file")
    with bed.check("docker", "TCP to a published port"):
        check_address(bed, client, server, "172.17.0.1:18088/file")
    with bed.check("docker", "edge over the bridge"):
        check_edge(bed, client, server)
    with bed.check("docker", "edge through address translation"):
        check_translated(bed, server)
    with bed.check("docker", "listen queue"):
        check_listen_queue(bed, server)
    with bed.check("docker", "TCP, refused"):
        check_refused(bed, client, server)
    with bed.check("docker", "TCP, lost packets"):
        check_losses(bed, client, server)
    with bed.check("docker", "edge to a service on another host"):
        check_service_outside(bed, client)
    with bed.check("docker", "edge to a service on another host, open"):
        check_lasting(bed, client)


if __name__ == "__main__":
    beds.main(test, beds.only("connections") + " --connections.conntrack --connections.outside=backend=10.0.2.2 "
              "--web.min-scrape-interval=0s")
