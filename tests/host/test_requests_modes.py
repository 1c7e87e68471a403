#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: serial plain timeout=300
"""How much of what a workload says is understood, what becomes of connections when the probe of requests does
less for a while, and when there are more of them than it has places."""

import contextlib
import os
import pathlib
import resource
import socket
import sys
import tempfile

from test_source_requests import (BYTES, CLIENT, FAULTS, IN_FLIGHT, SERVER, UNPARSED, answer, enter, hear, request,
                                  watched)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import support  # noqa: E402
from support import equal, require  # noqa: E402

SEEN, PARSED = "container_request_seen_bytes_total", "container_request_parsed_bytes_total"
MODE = "tallyman_probe_mode"
ASKED, ANSWERED = request("POST", "/", b"x" * 700), answer(200, b"y" * 3000)


def exchange(pair, times=1):
    for _ in range(times):
        pair.ask(ASKED)
        pair.reply(ANSWERED)


def understood(place, group):
    return int(place.value(PARSED, group)), int(place.value(SEEN, group))


def test_coverage():
    size = len(ASKED) + len(ANSWERED)
    with watched() as place:
        place.look()
        equal([place.samples.get(name) or [] for name in (SEEN, PARSED)], [[], []], "of nothing there is no share")
        stranger = place.pair()
        stranger.ask(b"\x01\x02\x03\x04" * 100)
        place.look()
        for group in (place.client, place.server):
            equal(understood(place, group), (0, 400), "a share of 0 is there")
        exchange(place.pair(), 5)
        place.look()
        for group in (place.client, place.server):
            equal(understood(place, group), (5 * size, 5 * size + 400))
            equal(sum(int(s.value) for s in place.samples[BYTES] if s.labels["id"] == group.id), 5 * size)


@contextlib.contextmanager
def configured():
    """watched() with a way to switch the mode."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("probe:\n  requests: full\n")
        file.flush()
        with watched(f"--config.file={file.name}") as place:
            def switch(mode):
                pathlib.Path(file.name).write_text(f"probe:\n  requests: {mode}\n")
                place.daemon.reload()
                support.wait_for(lambda: [s.labels["mode"] for s in place.look().samples[MODE]
                                          if s.labels["probe"] == "requests" and s.value == "1"] == [mode], "the mode")
            yield place, switch


def expect_budget(place, group, wanted, connections):
    """The kernel counts also the beginning and the end of a connection, a byte each, of both directions."""
    got = place.others(UNPARSED, group).get("budget", 0)
    if not wanted <= got <= wanted + 4 * connections:
        raise AssertionError(f"{got} bytes, and not {wanted}")
    return got


def test_less_for_a_while():
    size = len(ASKED) + len(ANSWERED)
    with configured() as (place, switch):
        old, waiting = place.pair(), place.pair()
        exchange(old, 2)
        waiting.ask(ASKED)
        place.expect_both({("POST", "200"): 2})
        switch("count")
        for name in (SERVER + "_count", CLIENT + "_count", IN_FLIGHT):
            equal(place.samples.get(name) or [], [], f"{name} would stand still")
        exchange(old)
        new = place.pair()
        exchange(new, 3)
        new.close()
        stays = place.pair()
        exchange(stays)
        place.look()
        for group in (place.server, place.client):
            expect_budget(place, group, 3 * size, 1)
        switch("full")
        place.expect_both({("POST", "200"): 2})
        exchange(old)
        exchange(stays)
        waiting.reply(ANSWERED)
        place.expect_both({("POST", "200"): 2})
        equal([s.value for s in place.samples.get(IN_FLIGHT, ()) if float(s.value)], [], "nobody knows")
        exchange(place.pair(), 4)
        place.expect_both({("POST", "200"): 6})
        for pair in (old, stays, waiting):
            pair.close()
        place.expect_both({("POST", "200"): 6})
        for group in (place.server, place.client):
            equal(place.others(FAULTS, group), {}, "faults")
            # All that was said behind the beginning of the pause, but the request that came before it.
            got = expect_budget(place, group, (3 + 2 + 2) * size + len(ANSWERED), 4)
            parsed, seen = understood(place, group)
            equal(seen - parsed, got)
            equal(parsed, 6 * size + len(ASKED))


PAIRS = 10000
MEMORY = 96  # MiB, of which the probe has three sixteenths


def probe_memory(place):
    return float(support.value(place.samples, "tallyman_probe_map_bytes", probe="requests"))


def call_often(place, end, other):
    """Another process: one has not so many descriptors. Its clients ask once each, and stay until `other` is closed."""
    child = os.fork()
    if child:
        return child
    with contextlib.suppress(Exception):
        os.close(other)
        enter(place.client.path)
        clients = []
        for _ in range(PAIRS):
            clients.append(socket.create_connection(place.address))
            clients[-1].sendall(ASKED)
            hear(clients[-1], len(ANSWERED))
        os.read(end, 1)
    os._exit(0)  # nothing of the parent's is to be cleaned up here


def total(place):
    return sum(place.counts(group, name).get(("POST", "200"), 0)
               for group, name in ((place.server, SERVER), (place.client, CLIENT)))


def test_ten_thousand_connections():
    resource.setrlimit(resource.RLIMIT_NOFILE, (PAIRS + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with watched(f"--probe.max-memory={MEMORY}") as place, contextlib.ExitStack() as stack:
        before = probe_memory(place.look())
        inner, outer = os.pipe()
        child = call_often(place, inner, outer)
        place.listener.settimeout(60)
        for _ in range(PAIRS):
            server = stack.enter_context(place.listener.accept()[0])
            equal(hear(server, len(ASKED)), ASKED)
            server.sendall(ANSWERED)
        support.wait_for(lambda: total(place.look()) >= PAIRS, "most are counted")
        after = probe_memory(place)
        equal(after, before, "kernel memory")
        require(before <= MEMORY * 2**20 * 3 / 16, f"{before} bytes")
        lost = support.value(place.samples, "tallyman_probe_lost_total", probe="requests", reason="connections")
        # Others may have connections, too.
        require(total(place) + float(lost) >= 2 * PAIRS, f"{total(place)} are counted, {lost} connections lost")
        stack.close()
        os.close(outer)
        os.close(inner)
        os.waitpid(child, 0)
        counted = total(place.look())
        exchange(place.pair(), 3)
        equal(total(place.look()), counted + 6, "there is place again")


if __name__ == "__main__":
    support.main(globals())
