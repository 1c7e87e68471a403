#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial plain timeout=300
"""Lookups over UDP between sockets of two cgroups, and those of the C library: each question that is answered is
counted once, and other datagrams are not."""

import contextlib
import ctypes
import os
import pathlib
import resource
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

import test_source_requests as requests
from test_source_requests import LIBC, enter, watched

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import equal  # noqa: E402

LOOKUPS = "dns_lookup_duration_seconds"
TYPES = {"A": 1, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65}
NXDOMAIN, REFUSED = 3, 5


def question(number, kind="A", name="www.example"):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", TYPES[kind], 1)


def answer(asked, code=0):
    """With the address 192.0.2.1 to who asks for one, and no record to others."""
    number, _, _, _, _, _ = struct.unpack_from(">6H", asked)
    end = asked.index(0, 12) + 5
    found = code == 0 and struct.unpack_from(">H", asked, end - 4)[0] == TYPES["A"]
    record = b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 60, 4) + socket.inet_aton("192.0.2.1") if found else b""
    return struct.pack(">6H", number, 0x8180 | code, 1, found, 0, 0) + asked[12:end] + record


class Message(ctypes.Structure):
    """struct mmsghdr, of one piece."""

    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint), ("pieces", ctypes.POINTER(Vector)),
                ("n_pieces", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("padding", ctypes.c_int), ("size", ctypes.c_uint)]


def messages(buffers):
    made = (Message * len(buffers))()
    for message, buffer in zip(made, buffers):
        message.pieces = ctypes.pointer(Message.Vector(ctypes.addressof(buffer), len(buffer)))
        message.n_pieces = 1
    return made


def send_many(end, texts):
    buffers = [ctypes.create_string_buffer(text, len(text)) for text in texts]
    equal(LIBC.sendmmsg(end.fileno(), messages(buffers), len(buffers), 0), len(texts))


def receive_many(end, n):
    buffers = [ctypes.create_string_buffer(512) for _ in range(n)]
    made = messages(buffers)
    equal(LIBC.recvmmsg(end.fileno(), made, n, 0, None), n)
    return [buffer.raw[:message.size] for buffer, message in zip(buffers, made)]


def readv(end):
    """The first of the pieces has all that is looked at."""
    pieces = [bytearray(200), bytearray(312)]
    n = os.readv(end.fileno(), pieces)
    return b"".join(pieces)[:n]


SENDS = {
    "sendto": lambda end, text: end.sendto(text, end.getpeername()),
    "send": lambda end, text: end.send(text),
    "write": lambda end, text: os.write(end.fileno(), text),
    "writev": lambda end, text: os.writev(end.fileno(), [text]),
    "sendmsg": lambda end, text: end.sendmsg([text]),
    "sendmmsg": lambda end, text: send_many(end, [text]),
}
RECEIVES = {
    "recv": lambda end: end.recv(512),
    "read": lambda end: os.read(end.fileno(), 512),
    "readv": readv,
    "recvmsg": lambda end: end.recvmsg(512)[0],
    "recvmmsg": lambda end: receive_many(end, 1)[0],
}


class Names:
    """A name server's socket in the group of servers."""

    def __init__(self, place):
        self.place = place
        enter(place.server.path)
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        enter(support.cgroup2_mount())
        self.server.bind(("127.0.0.1", 0))
        self.server.settimeout(10)
        place.callback(self.server.close)

    def client(self):
        enter(self.place.client.path)
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        enter(support.cgroup2_mount())
        client.connect(self.server.getsockname())
        return client

    def hear(self, wanted):
        heard, who = self.server.recvfrom(512)
        equal(heard, wanted)
        return who

    def reply(self, asked, code=0):
        self.server.sendto(answer(asked, code), self.hear(asked))

    def lookups(self, group=None):
        """{(type, error): count} of the clients, or of a group."""
        return {(s.labels["dns_question_type"], s.labels["error_type"]): int(s.value)
                for s in self.place.samples.get(LOOKUPS + "_count", ())
                if s.labels["id"] == (group or self.place.client).id}

    def expect(self, wanted):
        self.place.look()
        equal(self.lookups(), wanted, "client")
        equal(self.lookups(self.place.server), {}, "the server asks nobody")


@contextlib.contextmanager
def named():
    with watched() as place:
        yield place, Names(place)


def test_every_call_counts():
    with named() as (place, names):
        wanted = {}
        asked_bytes = answered_bytes = 0
        kinds = list(TYPES)
        for i, send in enumerate(SENDS.values()):
            for j, receive in enumerate(RECEIVES.values()):
                kind, code = kinds[(i + j) % len(kinds)], (0, NXDOMAIN, REFUSED)[j % 3]
                with names.client() as client:
                    for number in range(1, 4):
                        asked = question(number + 10 * i, kind)
                        send(client, asked)
                        names.reply(asked, code)
                        equal(receive(client), answer(asked, code))
                        asked_bytes += len(asked)
                        answered_bytes += len(answer(asked, code))
                key = (kind, {0: "", NXDOMAIN: "NXDOMAIN", REFUSED: "REFUSED"}[code])
                wanted[key] = wanted.get(key, 0) + 3
        names.expect(wanted)
        for message, n in (("request", asked_bytes), ("response", answered_bytes)):
            equal(place.value(requests.BYTES, place.client, protocol="dns", side="client", message=message), n)
        equal(place.others(requests.FAULTS, place.client), {})
        equal(place.others(requests.FAULTS, place.server), {})
        equal(place.others(requests.UNPARSED, place.client), {})


def test_several_at_once():
    with named() as (_, names), names.client() as client:
        for round_ in range(20):
            asked = [question(100 * round_ + i, kind) for i, kind in enumerate(TYPES)]
            send_many(client, asked)
            who = [names.hear(one) for one in asked][0]
            for one in reversed(asked):
                names.server.sendto(answer(one), who)
            equal(receive_many(client, len(asked)), [answer(one) for one in reversed(asked)])
        names.expect({(kind, ""): 20 for kind in TYPES})


def test_asked_again():
    with named() as (place, names), names.client() as client:
        asked = question(7)
        client.send(asked)
        names.hear(asked)
        time.sleep(0.1)
        client.send(asked)
        names.reply(asked)
        client.recv(512)
        names.expect({("A", ""): 1})
        seconds = place.value(LOOKUPS + "_sum", place.client)
        if not 0.1 <= seconds < 5:
            raise AssertionError(f"{seconds} s")


def test_what_has_no_pair():
    with named() as (place, names), names.client() as client:
        for number in range(20):
            client.send(question(number))
            who = names.hear(question(number))
        for number in (19, 99):
            names.server.sendto(answer(question(number)), who)
            client.recv(512)
        names.expect({("A", ""): 1})
        # Of 20 questions 16 are kept.
        equal(place.others(requests.FAULTS, place.client), {"unanswered": 4, "unmatched": 1})


def test_other_datagrams():
    """A socket that begins with something else is let alone, and one with the same address later is not."""
    with named() as (place, names):
        for number in range(50):
            with names.client() as client:
                client.send(b"something that is no question, for all of its length")
                names.server.recv(512)
                client.send(question(number))
                names.reply(question(number))
                client.recv(512)
            with names.client() as client:
                client.send(question(number, "MX"))
                names.reply(question(number, "MX"))
                client.recv(512)
        names.expect({("MX", ""): 50})
        equal(place.others(requests.FAULTS, place.client), {})


def test_more_sockets_than_places():
    """What is forgotten because others came is told by its answer."""
    others, n = 5000, 50
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 2 * others:
        support.skip(f"no more than {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * others, hard))
    with named() as (place, names), contextlib.ExitStack() as open_sockets:
        clients = [open_sockets.enter_context(names.client()) for _ in range(n)]
        asked = [question(1000 + i) for i in range(n)]
        who = []
        for client, one in zip(clients, asked):
            client.send(one)
            who.append(names.hear(one))
        sink = open_sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sink.bind(("127.0.0.1", 0))
        for _ in range(others):
            other = open_sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            other.sendto(b"something else", sink.getsockname())
        for client, one, address in zip(clients, asked, who):
            names.server.sendto(answer(one), address)
            equal(client.recv(512), answer(one))
        place.look()
        counted = sum(names.lookups().values())
        unmatched = place.others(requests.FAULTS, place.client).get("unmatched", 0)
        equal(counted + unmatched, n)
        if not unmatched:
            raise AssertionError(f"there is a place for {others} sockets")


def test_over_tcp():
    with named() as (place, names):
        pair = place.pair()
        for number, code in ((1, 0), (2, NXDOMAIN)):
            asked = question(number, "TXT")
            pair.ask(struct.pack(">H", len(asked)) + asked)
            pair.reply(struct.pack(">H", len(answer(asked, code))) + answer(asked, code))
        names.expect({("TXT", ""): 1, ("TXT", "NXDOMAIN"): 1})
        equal(place.samples.get("db_client_operation_duration_seconds_count"), None)


def resolve(n):
    """Asks the C library, in a network with a name server of ours. It asks for A and AAAA at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))

        def serve():
            while True:
                asked, who = server.recvfrom(512)
                server.sendto(answer(asked, NXDOMAIN if b"\7missing" in asked else 0), who)

        threading.Thread(target=serve, daemon=True).start()
        for i in range(n):
            equal({row[4][0] for row in socket.getaddrinfo(f"host{i}.example.", None)}, {"192.0.2.1"})
            with contextlib.suppress(socket.gaierror):
                socket.getaddrinfo("missing.example.", None)
                raise AssertionError("it is there")


def test_the_library_of_c():
    if not shutil.which("ip"):
        support.skip("there is no ip")
    with watched() as place, tempfile.TemporaryDirectory() as where:
        files = pathlib.Path(where)
        (files / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (files / "nsswitch.conf").write_text("hosts: dns\n")
        script = (f"ip link set lo up && mount --bind {where}/resolv.conf /etc/resolv.conf && "
                  f"mount --bind {where}/nsswitch.conf /etc/nsswitch.conf && exec {sys.executable} {__file__} resolve 10")
        resolver = place.client.run(["unshare", "-n", "-m", "sh", "-c", script])
        equal(resolver.wait(60), 0)
        place.look()
        names = Names(place)
        names.expect({(kind, error): 10 for kind in ("A", "AAAA") for error in ("", "NXDOMAIN")})
        equal(place.others(requests.FAULTS, place.client), {})


if __name__ == "__main__":
    if sys.argv[1:2] == ["resolve"]:
        resolve(int(sys.argv[2]))
    else:
        support.main(globals())
