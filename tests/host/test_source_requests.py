#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial plain timeout=300
"""Requests between sockets of two cgroups, one call at a time: what is counted is what was said, whichever
system calls said it."""

import contextlib
import ctypes
import os
import pathlib
import re
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import equal  # noqa: E402

SERVER = "http_server_request_duration_seconds"
CLIENT = "http_client_request_duration_seconds"
BYTES = "container_request_bytes_total"
UNPARSED = "container_unparsed_bytes_total"
FAULTS = "container_request_faults_total"
IN_FLIGHT = "container_requests_in_flight"

LIBC = ctypes.CDLL(None, use_errno=True)


def request(method="GET", path="/", body=b""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: a.example\r\n{length}\r\n".encode() + body


def answer(status=200, body=b""):
    return f"HTTP/1.1 {status} Reason\r\nServer: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def enter(path):
    """Sockets belong to the group in which their maker was then."""
    (path / "cgroup.procs").write_text("0")


class Pair:
    """A connection: the end that asks, and the one that answers."""

    def __init__(self, place):
        enter(place.client.path)
        self.client = socket.create_connection(place.address)
        enter(support.cgroup2_mount())
        self.server = place.listener.accept()[0]

    def close(self):
        """Until the kernel has closed both ends."""
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)
        self.client.close()
        with contextlib.suppress(OSError):
            while self.server.recv(65536):
                pass
        self.server.close()

    def ask(self, text):
        self.client.sendall(text)
        equal(hear(self.server, len(text)), text)

    def reply(self, text):
        self.server.sendall(text)
        equal(hear(self.client, len(text)), text)


def hear(end, n):
    heard = b""
    while len(heard) < n:
        piece = end.recv(n - len(heard))
        if not piece:
            raise AssertionError(f"closed after {heard!r}")
        heard += piece
    return heard


def can_be_had():
    """Whether this machine has what the probe wants: a skip must not hide that the verifier refuses it."""
    version = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
    return version >= (5, 17) and os.geteuid() == 0 and os.path.exists("/sys/kernel/btf/vmlinux")


class Place(contextlib.ExitStack):
    """An exporter, a group of clients, and a group of servers with a listener."""

    def __enter__(self):
        super().__enter__()
        self.callback(enter, support.cgroup2_mount())
        self.client = self.enter_context(support.Cgroup())
        self.server = self.enter_context(support.Cgroup())
        self.callback(enter, support.cgroup2_mount())
        enter(self.server.path)
        self.listener = self.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.address = self.listener.getsockname()
        enter(support.cgroup2_mount())
        return self

    def watch(self, *arguments):
        wanted = "|".join(re.escape(group.id) for group in (self.client, self.server))
        self.daemon = self.enter_context(support.Daemon(
            f"--cgroups.include-id={wanted}", "--collector.disable-defaults", "--collector.requests",
            "--collector.probes", "--web.min-scrape-interval=0s", *arguments))
        up = support.wait_for(lambda: self.daemon.metrics().get("tallyman_probe_up"), "the probe is tried")
        if any(probe.value != "1" for probe in up):
            why = self.daemon.get("/api/v1/sources").text
            if can_be_had():
                raise AssertionError(f"the probe is down: {why}")
            support.skip(f"the probe is down: {why}")
        return self

    def pair(self):
        pair = Pair(self)
        self.callback(pair.close)
        return pair

    def look(self):
        self.samples = self.daemon.metrics()
        return self

    def counts(self, group, name):
        """{(method, status): count} of a group."""
        return {(s.labels["http_request_method"], s.labels["http_response_status_code"]): int(s.value)
                for s in self.samples.get(name + "_count", ()) if s.labels["id"] == group.id}

    def expect_both(self, wanted):
        self.look()
        equal(self.counts(self.server, SERVER), wanted, "server")
        equal(self.counts(self.client, CLIENT), wanted, "client")
        equal(self.counts(self.server, CLIENT), {}, "the server asks nobody")
        equal(self.counts(self.client, SERVER), {}, "nobody asks the client")

    def value(self, name, group, **labels):
        return float(support.value(self.samples, name, id=group.id, **labels) or 0)

    def others(self, name, group):
        """{reason: value} of a group."""
        return {s.labels["reason"]: int(s.value) for s in self.samples.get(name, ())
                if s.labels["id"] == group.id}


@contextlib.contextmanager
def watched(*arguments):
    if os.geteuid() != 0:
        support.skip("only root may load programs")
    with Place() as place:
        yield place.watch(*arguments)


def pieces(text, n):
    """About n of them, some of them empty."""
    size = max(1, len(text) // n)
    cut = [text[i:i + size] for i in range(0, len(text), size)]
    return [b"", *cut[:1], b"", *cut[1:]]


SENDS = {
    "send": lambda end, text: end.send(text),
    "write": lambda end, text: os.write(end.fileno(), text),
    "writev": lambda end, text: os.writev(end.fileno(), pieces(text, 5)),
    "writev of many": lambda end, text: os.writev(end.fileno(), pieces(text, 60)),
    "sendmsg": lambda end, text: end.sendmsg(pieces(text, 3)),
    "sendto": lambda end, text: end.sendto(text, 0, end.getpeername()),
}


def readv(end, n):
    buffers = [bytearray(7), bytearray(0), bytearray(n)]
    got = os.readv(end.fileno(), buffers)
    return b"".join(buffers)[:got]


RECEIVES = {
    "recv": lambda end, n: end.recv(n),
    "read": lambda end, n: os.read(end.fileno(), n),
    "readv": readv,
    "recvmsg": lambda end, n: end.recvmsg(n)[0],
    "recvfrom": lambda end, n: end.recvfrom(n)[0],
    "recv_into": lambda end, n: end.recv(n, socket.MSG_WAITALL),
}


def test_every_call_counts():
    with watched() as place:
        status = 205
        wanted = {}
        for send in SENDS.values():
            for receive in RECEIVES.values():
                pair = place.pair()
                for _ in range(3):
                    asked, answered = request("POST", "/x", b"abc" * 50), answer(status, b"z" * 400)
                    for out, text, into in ((pair.client, asked, pair.server),
                                            (pair.server, answered, pair.client)):
                        equal(send(out, text), len(text))
                        heard = b""
                        while len(heard) < len(text):
                            heard += receive(into, len(text) - len(heard))
                        equal(heard, text)
                # At most 32 pairs of a method and a status have series of their own.
                key = ("POST", str(status))
                wanted[key] = wanted.get(key, 0) + 3
                status = 205 + (status - 204) % 16
        place.expect_both(wanted)
        equal(place.others(UNPARSED, place.client), {})
        equal(place.others(UNPARSED, place.server), {})


def test_bytes_are_those_that_were_sent():
    with watched() as place:
        pair = place.pair()
        asked, answered = request("PUT", "/", b"x" * 100000), answer(201, b"y" * 300)
        for _ in range(4):
            pair.client.sendall(asked[:50000])
            hear(pair.server, 50000)
            pair.client.sendall(asked[50000:])
            hear(pair.server, len(asked) - 50000)
            pair.reply(answered)
        place.expect_both({("PUT", "201"): 4})
        for group, side in ((place.client, "client"), (place.server, "server")):
            equal(place.value(BYTES, group, protocol="http", side=side, message="request"), 4 * len(asked))
            equal(place.value(BYTES, group, protocol="http", side=side, message="response"), 4 * len(answered))


def test_single_bytes():
    with watched() as place:
        pair = place.pair()
        pair.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("DELETE", "/" + "long" * 100):
            pair.client.send(bytes([byte]))
            equal(pair.server.recv(1), bytes([byte]))
        chunked = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        for byte in chunked:
            pair.server.send(bytes([byte]))
            equal(pair.client.recv(1), bytes([byte]))
        pair.ask(request())
        pair.reply(answer())
        place.expect_both({("DELETE", "202"): 1, ("GET", "200"): 1})


def test_pipelines():
    with watched() as place:
        pair = place.pair()
        pair.ask(request() * 300 + request("HEAD") * 2)
        pair.reply(answer(200, b"body") * 300 + b"HTTP/1.1 200 x\r\nContent-Length: 77\r\n\r\n" * 2)
        pair.ask(request("GET", "/end"))
        pair.reply(answer(404))
        place.expect_both({("GET", "200"): 300, ("HEAD", "200"): 2, ("GET", "404"): 1})


def test_bodies_by_sendfile_and_splice():
    with watched() as place, tempfile.TemporaryFile() as file:
        pair = place.pair()
        size = 3 * 1024 * 1024
        file.write(b"f" * size)
        file.flush()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
        for splice in (False, True):
            pair.ask(request("GET", "/file"))
            pair.server.sendall(head)
            equal(hear(pair.client, len(head)), head)
            read_end, write_end = os.pipe()
            sent = 0
            while sent < size:
                if splice:
                    os.splice(file.fileno(), write_end, 65536, offset_src=sent)
                    n = os.splice(read_end, pair.server.fileno(), 65536)
                else:
                    n = os.sendfile(pair.server.fileno(), file.fileno(), sent, 100000)
                hear(pair.client, n)
                sent += n
            os.close(read_end)
            os.close(write_end)
        place.expect_both({("GET", "200"): 2})
        equal(place.others(UNPARSED, place.server), {})


def take(end, pipe, n):
    """Takes bytes of a socket through a pipe, which no call that reads a socket sees."""
    while n:
        n -= os.splice(end.fileno(), pipe[1], n)
        os.read(pipe[0], 65536)


def test_bodies_that_are_spliced_from_sockets():
    """Where sockets tell what was read this is looked for when it was seen to happen: the next connections are whole."""
    with watched() as place:
        pipe = os.pipe()
        place.callback(os.close, pipe[0])
        place.callback(os.close, pipe[1])
        size, head = 60000, b"HTTP/1.1 203 x\r\nContent-Length: 60000\r\n\r\n"

        def whole():
            pair = Pair(place)
            before = place.look().counts(place.client, CLIENT).get(("GET", "203"), 0)
            for _ in range(3):
                pair.ask(request())
                pair.reply(head)
                pair.server.sendall(b"b" * size)
                take(pair.client, pipe, size)
            pair.close()
            return place.look().counts(place.client, CLIENT).get(("GET", "203"), 0) - before == 3

        support.wait_for(whole, "what is spliced is seen", 30)
        unseen = place.others(UNPARSED, place.client)
        for _ in range(3):
            equal(whole(), True)
        equal(place.others(UNPARSED, place.client), unseen)
        equal(place.others(UNPARSED, place.server), {})


def test_peeking_takes_nothing():
    with watched() as place:
        pair = place.pair()
        pair.client.sendall(request())
        for _ in range(3):
            pair.server.recv(1000, socket.MSG_PEEK)
        hear(pair.server, len(request()))
        pair.reply(answer())
        place.expect_both({("GET", "200"): 1})


def test_what_ends_with_the_connection():
    with watched() as place:
        for _ in range(5):
            pair = place.pair()
            pair.ask(b"GET / HTTP/1.0\r\n\r\n")
            pair.server.sendall(b"HTTP/1.0 200 OK\r\n\r\nsome text")
            pair.server.sendall(b", and more")
            pair.server.close()
            while pair.client.recv(1000):
                pass
            pair.client.close()
        place.expect_both({("GET", "200"): 5})
        equal(place.others(FAULTS, place.server), {})


def test_answers_after_the_end_of_requests():
    """Who has shut down its half reads what the other one said before it closed its own."""
    with watched() as place:
        for _ in range(3):
            pair = place.pair()
            pair.ask(request())
            pair.client.shutdown(socket.SHUT_WR)
            equal(pair.server.recv(10), b"")
            pair.server.sendall(answer(200, b"x" * 1000))
            pair.server.close()
            time.sleep(0.05)  # both have ended the connection
            hear(pair.client, len(answer(200, b"x" * 1000)))
            pair.client.close()
        place.expect_both({("GET", "200"): 3})
        for group in (place.client, place.server):
            equal(place.others(FAULTS, group), {})
            equal(place.others(UNPARSED, group), {})


def test_sockets_that_are_connected_again():
    with watched() as place:
        pair = place.pair()
        pair.ask(request())
        address = struct.pack("H14x", socket.AF_UNSPEC)
        equal(LIBC.connect(pair.client.fileno(), address, len(address)), 0)
        pair.client.connect(place.address)
        pair.server.close()
        pair.server = place.listener.accept()[0]
        pair.ask(request("PUT"))
        pair.reply(answer(204))
        place.expect_both({("PUT", "204"): 1})
        equal(place.others(FAULTS, place.client), {"unanswered": 1})


def test_closed_in_flight():
    with watched() as place:
        for status in (200, 0):
            pair = place.pair()
            pair.ask(request() + request("POST"))
            if status:
                pair.reply(answer(status))
            pair.close()
        place.expect_both({("GET", "200"): 1})
        for group in (place.client, place.server):
            equal(place.others(FAULTS, group), {"unanswered": 3})


def test_in_flight():
    def under_way(group):
        return {s.labels["age"]: int(s.value) for s in place.samples.get(IN_FLIGHT, ())
                if s.labels["id"] == group.id}

    with watched() as place:
        old = place.pair()
        old.ask(request())
        time.sleep(1.1)
        pair = place.pair()
        pair.ask(request() * 4 + request("PUT"))
        place.look()
        for group in (place.client, place.server):
            equal(under_way(group), {"1": 5, "3": 1, "8": 0, "+Inf": 0})
        # What nobody understands any more is not under way for ever.
        lost = place.pair()
        lost.ask(request("DELETE"))
        lost.reply(b"this is no answer, and nobody waits for its end" * 2)
        old.reply(answer())
        pair.reply(answer() * 5)
        place.look()
        for group in (place.client, place.server):
            equal(set(under_way(group).values()), {0})


def test_durations_are_from_first_to_last_byte():
    with watched() as place:
        pair = place.pair()
        pair.ask(request()[:4])
        time.sleep(0.05)
        pair.ask(request()[4:])
        pair.server.sendall(answer(200, b"12345")[:-1])
        time.sleep(0.05)
        pair.server.sendall(b"5")
        hear(pair.client, len(answer(200, b"12345")))
        place.expect_both({("GET", "200"): 1})
        server = place.value(SERVER + "_sum", place.server)
        client = place.value(CLIENT + "_sum", place.client)
        if not 0.1 <= server <= client + 0.01 or client < 0.1:
            raise AssertionError(f"server {server} s, client {client} s")


def test_sockets_that_move():
    """A duplicate, a child, and a socket that is passed to a process of another group: all one connection."""
    with watched() as place:
        pair = place.pair()
        again = os.dup(pair.server.fileno())
        pair.client.sendall(request())
        equal(os.read(again, 1000), request())
        os.close(again)
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            ours.close()  # so that it ends with us
            with contextlib.suppress(BaseException):
                enter(place.client.path)
                pair.server.send(answer())
                _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
                os.read(fds[0], 1000)
                os.write(fds[0], answer(503))
                os._exit(0)
            os._exit(1)
        equal(hear(pair.client, len(answer())), answer())
        fresh = place.pair()
        socket.send_fds(ours, [b"x"], [fresh.server.fileno()])
        fresh.client.sendall(request("POST"))
        equal(hear(fresh.client, len(answer(503))), answer(503))
        equal(os.waitpid(child, 0)[1], 0)
        place.expect_both({("GET", "200"): 1, ("POST", "503"): 1})


def test_other_protocols():
    with watched() as place:
        said = {"unknown": b"SSH-2.0-client\r\n", "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "broken": request() + b"\0" * 100}
        for text in said.values():
            pair = place.pair()
            pair.ask(text)
            pair.reply(b"whatever it is")
            pair.ask(b"and so on")
        switched = place.pair()
        switched.ask(request("GET", "/chat"))
        switched.reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
        switched.reply(b"\x81\x02hi")
        switched.ask(b"\x81\x82xxxxxx")
        place.expect_both({("GET", "101"): 1})
        wanted = {reason: len(text) + 14 + 9 for reason, text in said.items()}
        wanted["upgrade"] = 4 + 8
        for group in (place.client, place.server):
            equal(place.others(UNPARSED, group), wanted)


def test_connections_from_before():
    with Place() as place:
        kept, strange = place.pair(), place.pair()
        kept.ask(request())
        kept.reply(answer())
        place.watch()
        for _ in range(3):
            kept.ask(request("PUT"))
            kept.reply(answer(204))
        for _ in range(100):
            strange.reply(b"something")
        place.expect_both({("PUT", "204"): 3})
        for group in (place.client, place.server):
            equal(set(place.others(UNPARSED, group)), {"older"})


def test_sockets_that_are_no_connections():
    """The protocol's number 6 has other meanings elsewhere, and a raw socket is connected without a connection."""
    with watched() as place:
        enter(place.client.path)
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        xfrm = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
        enter(support.cgroup2_mount())
        with raw, xfrm:
            raw.connect(("127.0.0.1", 0))
            xfrm.connect((0, 0))
            for _ in range(100):
                raw.send(b"something")
                xfrm.send(b"something")
        place.look()
        equal(place.others(UNPARSED, place.client), {})


def test_bytes_that_no_program_saw():
    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]

    with watched() as place:
        pair = place.pair()
        text = request() + answer()
        vector = Vector(text, len(text))
        # A call that is not looked at, as io_uring is none.
        equal(LIBC.pwritev2(pair.client.fileno(), ctypes.byref(vector), 1, ctypes.c_long(-1), 0), len(text))
        equal(hear(pair.server, len(text)), text)
        pair.close()
        place.look()
        unseen = place.others(UNPARSED, place.client).get("unseen", 0)
        if not len(text) <= unseen <= len(text) + 2:
            raise AssertionError(f"{unseen} bytes of {len(text)} are known to be unseen")
        equal(place.others(UNPARSED, place.server).get("unseen"), None)


def test_bytes_that_nobody_read():
    with watched() as place:
        pair = place.pair()
        pair.ask(request())
        pair.client.sendall(b"and more that is never read")
        pair.reply(answer())
        pair.server.close()
        pair.client.close()
        place.expect_both({("GET", "200"): 1})
        equal(place.others(UNPARSED, place.server), {})


def test_many_statuses_are_one():
    with watched() as place:
        pair = place.pair()
        for status in range(200, 260):
            pair.ask(request())
            pair.reply(answer(status, b"" if status == 204 else b"x"))
        place.look()
        counts = place.counts(place.server, SERVER)
        equal(sum(counts.values()), 60)
        equal(counts.get(("_OTHER", "2xx")), 28)
        equal(len(counts), 33)


if __name__ == "__main__":
    support.main(globals())
