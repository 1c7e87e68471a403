#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP as clients and attackers speak it: methods, headers, choices, floods, slow ones."""

import concurrent.futures
import contextlib
import gzip
import json
import resource
import socket
import time

import support
import web_support as web


def serving(*flags, **options):
    return support.Daemon(*support.fixture(web.FIXTURE), *flags, **options)


def problem(reply, status):
    support.equal(reply.status, status)
    support.equal(reply.headers["Content-Type"], "application/problem+json")
    document = json.loads(reply.text)
    support.equal(document["status"], status)
    if not document["title"] or not document["detail"]:
        raise AssertionError(f"poor problem document: {document}")


def test_headers():
    with serving() as daemon:
        reply = daemon.get("/metrics")
        support.equal(reply.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        support.equal(reply.headers["Cache-Control"], "no-store")
        support.equal(reply.headers["Vary"], "Accept, Accept-Encoding")
        support.equal(reply.headers["X-Content-Type-Options"], "nosniff")
        page = daemon.get("/")
        support.equal(page.status, 200)
        for name, wanted in (("X-Frame-Options", "deny"), ("X-Content-Type-Options", "nosniff")):
            support.equal(page.headers[name].lower(), wanted)
        if "default-src" not in page.headers["Content-Security-Policy"]:
            raise AssertionError("no content security policy")
    with web.directory() as where:
        config = where / "web.yml"
        config.write_text("http_server_config:\n  headers:\n    Content-Security-Policy: sandbox\n")
        with serving(f"--web.config.file={config}") as daemon:
            for path in ("/", "/api/", "/metrics"):
                support.equal(daemon.get(path).headers["Content-Security-Policy"], "sandbox", path)


def test_head_does_not_collect():
    with serving("--web.min-scrape-interval=0s") as daemon:
        before = support.value(daemon.metrics(), "tallyman_http_requests_total", code="200")
        head = daemon.get("/metrics", method="HEAD")
        support.equal((head.status, head.body), (200, b""))
        support.equal(head.headers["Content-Type"], daemon.get("/metrics").headers["Content-Type"])
        support.equal(head.headers["Content-Length"], None)
        after = support.value(daemon.metrics(), "tallyman_http_requests_total", code="200")
        support.equal(int(after) - int(before), 3)


def test_choices():
    with serving() as daemon:
        def names(query):
            reply = daemon.get("/metrics" + query)
            support.equal(reply.status, 200, query)
            return set(support.parse_text(reply.text))

        everything = names("")
        one = names("?name[]=tallyman_build_info")
        support.equal(one, {"tallyman_build_info"})
        support.equal(names("?name%5B%5D=tallyman_build_info&name[]=container_info"),
                      {"tallyman_build_info", "container_info"})
        only = names("?collect[]=container")
        if not only or not only < everything:
            raise AssertionError(f"collect[] gives {only}")
        without = names("?exclude[]=container")
        support.equal(without & {"container_last_seen"}, set())
        if not without < everything:
            raise AssertionError("exclude[] adds something")
        # Known, but without a sample on this host.
        support.equal(names("?name[]=container_oom_kills_total") - {"container_oom_kills_total"},
                      set())
        for query, detail in (
                ("?collect[]=container&exclude[]=container", "cannot be used together"),
                ("?collect[]=nonsense", "collect[]=nonsense: there is no such source."),
                ("?collect[]=contaner", "no such source; did you mean container?"),
                ("?exclude[]=nonsense", "exclude[]=nonsense: there is no such source."),
                ("?collect[]=", "collect[]=: there is no such source"),
                ("?collect[]=tcp", "switched off"),
                ("?name[]=nonsense", "name[]=nonsense: there is no such metric."),
                ("?name[]=", "name[]=: there is no such metric."),
                ("?name[]=container_info&name[]=container_memory_rsss",
                 "name[]=container_memory_rsss: there is no such metric; did you mean "
                 "container_memory_rss?"),
                ("?name[]=container_memory_percpu_bytes", "is switched off"),
                ("?name[]=container_network_tcp_usage_total", "is switched off"),
                # In the JSON API alone.
                ("?name[]=container_pressure_cpu_waiting_ratio", "there is no such metric")):
            for method in "GET", "HEAD":
                reply = daemon.get("/metrics" + query, method=method)
                support.equal(reply.status, 400, query)
            reply = daemon.get("/metrics" + query)
            problem(reply, 400)
            if detail not in json.loads(reply.text)["detail"]:
                raise AssertionError(f"{query}: {reply.text}")
        for timeout in ("10", "2.000", "0.001", "0", "-1", "nan", "inf", "1e308", "x" * 100, "10x"):
            reply = daemon.get("/metrics", {"X-Prometheus-Scrape-Timeout-Seconds": timeout})
            support.equal(reply.status, 200, timeout)


def test_codings():
    with serving() as daemon:
        plain = daemon.get("/metrics?name[]=container_info")
        for accepted, coding in (
                ("gzip", None), ("gzip, deflate, br", None), (None, None), ("identity", None),
                ("gzip;q=1.0", "gzip"), ("gzip;q=1, identity;q=0.5", "gzip"),
                ("identity;q=1, gzip;q=0", None), ("gzip, identity;q=0", "gzip"),
                ("nonsense;q=1", None), ("q=" * 200, None)):
            reply = daemon.get("/metrics?name[]=container_info",
                               {"Accept-Encoding": accepted} if accepted else {})
            support.equal(reply.headers["Content-Encoding"], coding, accepted)
            body = gzip.decompress(reply.body) if coding else reply.body
            support.equal(body, plain.body)


def test_methods_and_paths():
    with serving() as daemon:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "NONSENSE", "get"):
            reply = daemon.get("/metrics", method=method)
            if method != "get":
                problem(reply, 405)
                support.equal(reply.headers["Allow"], "GET, HEAD")
        for path in ("/nothing", "/metrics/", "//metrics", "/%2e%2e/metrics", "/../metrics", "/metricsx",
                     "/metrics%2f", "/-/", "/-/quit"):
            problem(daemon.get(path), 404)
        for path in ("/metrics", "/-/healthy", "/-/ready", "/metrics?", "/metrics?a=b&c", "/%6detrics"):
            support.equal(daemon.get(path).status, 200, path)
        with serving("--web.telemetry-path=/elsewhere") as other:
            support.equal(other.get("/elsewhere").status, 200)
            problem(other.get("/metrics"), 404)


def test_bad_requests():
    line = b"GET /metrics HTTP/1.1\r\n"
    host = b"Host: localhost\r\nConnection: close\r\n"
    with serving() as daemon:
        for data, wanted in (
                (line + host + b"\r\n", (200,)),
                (b"GET /metrics HTTP/1.0\r\n\r\n", (200,)),
                (line + b"\r\n", (400,)),
                (line + host + b"Host: other\r\n\r\n", (400,)),
                (line + host + b"Content-Length: 5\r\n\r\nabcde", (413,)),
                (line + host + b"Content-Length: 99999999999999999999\r\n\r\n", (400, 413)),
                (line + host + b"Content-Length: -1\r\n\r\n", (400,)),
                (line + host + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 413)),
                (line + host + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
                (b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n" + host + b"\r\n", (413, 414)),
                (line + host + b"X: " + b"a" * 200000 + b"\r\n\r\n", (413, 431)),
                (line + host + b"".join(b"X%d: y\r\n" % i for i in range(30000)) + b"\r\n", (413, 431)),
                (b"GET /metrics?" + b"a=b&" * 600 + b" HTTP/1.1\r\n" + host + b"\r\n", (400,)),
                (b"GET\r\n\r\n", (200, 400, 404, None)),
                (b"GET /metrics HTTP/9.9\r\n" + host + b"\r\n", (200, 400, 505, None)),
                (b"A" * 300000, (None, 400, 413, 414, 431))):
            answer = web.raw(daemon.port, data, half=True)
            status = web.status_of(answer)
            # A server that closes while data is on its way may take its own answer with it.
            if status not in wanted and not (status is None and len(data) > 60000):
                raise AssertionError(f"status {status} for {data[:80]!r}")
        # A body is not taken for a second request.
        inner = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = web.raw(daemon.port, line + b"Host: localhost\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
        support.equal(answer.count(b"HTTP/1.1 "), 1)
        # A reply to HEAD has none, not even a last chunk, whatever the format.
        for path in (b"/metrics", b"/api/v1/workloads", b"/"):
            for more in (b"", b"Accept-Encoding: gzip;q=1\r\n"):
                answer = web.raw(daemon.port, b"HEAD " + path + b" HTTP/1.1\r\nHost: localhost\r\n" +
                                 more + b"\r\n" + line + host + b"\r\n")
                head, rest = answer.split(b"\r\n\r\n", 1)
                support.equal(web.status_of(head), 200)
                if rest and not rest.startswith(b"HTTP/1.1 200"):
                    raise AssertionError(f"HEAD {path} has a body: {rest[:40]}")
        # Two requests at once are.
        answer = web.raw(daemon.port, inner + line + host + b"\r\n")
        support.equal(answer.count(b"HTTP/1.1 200"), 2)
        daemon.require_alive()


def test_other_sites_cannot_read():
    """A page whose name resolves to loopback is told apart by that name, unless users or TLS do it."""
    with web.directory() as where, serving() as daemon:
        for host, wanted in (("localhost", 200), (f"localhost:{daemon.port}", 200), ("127.0.0.1", 200),
                             ("[::1]:10061", 200), (socket.gethostname(), 200), ("evil.example", 421),
                             (f"evil.example:{daemon.port}", 421), ("127.0.0.1.evil.example", 421)):
            reply = daemon.get("/metrics", {"Host": host, "Origin": "http://evil.example"})
            support.equal(reply.status, wanted, host)
            for name in reply.headers:
                if name.lower().startswith("access-control"):
                    raise AssertionError(f"{name} lets other sites read")
        config = where / "web.yml"
        config.write_text("http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
        with serving(f"--web.config.file={config}") as other:
            support.equal(other.get("/metrics").status, 200)
            problem(other.get("/metrics", {"Host": "evil.example"}), 421)
            config.write_text(f"basic_auth_users:\n  ann: {web.bcrypt('secret')}\n")
            known = web.basic("ann", "secret")
            support.equal(other.get("/metrics", {"Host": "proxied.example", **known}).status, 200)


def test_hundred_scrapes_at_once():
    with web.directory() as where:
        with support.Daemon(*web.big_host(where, 300), "--web.max-requests=200") as daemon:
            wanted = len(daemon.get("/metrics").body)
            idle = daemon.rss_anon()
            with concurrent.futures.ThreadPoolExecutor(100) as pool:
                for body in pool.map(lambda _: daemon.get("/metrics").body, range(300)):
                    if abs(len(body) - wanted) > wanted // 50 or not body.endswith(b"\n"):
                        raise AssertionError(f"{len(body)} bytes instead of {wanted}")
            print(f"# resident: {idle >> 10} KiB before, {daemon.rss_anon() >> 10} KiB after")
            if daemon.rss_anon() > 2 * idle + (4 << 20) and "asan" not in support.binary():
                raise AssertionError("the memory of the crowd is not given back")
            support.equal(support.value(daemon.metrics(), "tallyman_http_requests_total", code="503"),
                          None)


def test_too_many_requests():
    """Those that do not read hold their places; everyone else is told, and health is answered."""
    with web.directory() as where, contextlib.ExitStack() as stack:
        daemon = stack.enter_context(support.Daemon(*web.big_host(where, 1200), "--web.max-requests=3",
                                                     "--web.min-scrape-interval=1s"))
        for _ in range(3):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", daemon.port))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(100)
        reply = daemon.get("/metrics")
        problem(reply, 503)
        support.equal(reply.headers["Retry-After"], "1")
        support.equal(daemon.get("/-/healthy").status, 200)
        # They are cut after ten seconds without reading.
        support.wait_for(lambda: daemon.get("/metrics?name[]=tallyman_build_info").status == 200,
                         "places for others", 30)
        time.sleep(1.1)  # the last snapshot is not shared any more
        rejected = support.value(daemon.metrics(), "tallyman_http_requests_rejected_total")
        if not int(rejected or 0):
            raise AssertionError(f"{rejected} rejected requests are counted")


def test_slow_clients_keep_nobody_out():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with web.directory() as where, contextlib.ExitStack() as stack:
        daemon = stack.enter_context(support.Daemon(*web.big_host(where, 400)))
        daemon.get("/metrics")  # opens the cgroups
        before = daemon.fds()
        half_open = []
        for i in range(1500):  # more than there are places
            connection = stack.enter_context(socket.socket())
            connection.connect(("127.0.0.1", daemon.port))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: "[:10 + i % 30])
            half_open.append(connection)
            if i % 500 == 499:
                support.equal(daemon.get("/metrics").status, 200)
        start = time.monotonic()
        while time.monotonic() - start < 14:
            for connection in half_open[::7]:
                with contextlib.suppress(OSError):
                    connection.send(b"a")  # never silent for ten seconds
            support.equal(daemon.get("/metrics").status, 200)
            time.sleep(1)
        support.wait_for(lambda: daemon.fds() < before + 20, "slow clients to be cut", 10)


def test_one_stranger_takes_not_all_places():
    """An address other than loopback has a limit of its own; its oldest connection makes room."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            support.skip("no address but loopback")
        address = probe.getsockname()[0]
    port = support.free_port()
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(
            serving(f"--web.listen-address=:{port}", port=port))
        daemon.wait_log("other hosts can read everything")
        daemon.get("/metrics")  # opens the cgroups
        before = daemon.fds()
        for _ in range(200):
            stack.enter_context(socket.create_connection((address, port)))
        support.equal(support.http_get(address, port, "/metrics").status, 200)
        if daemon.fds() - before > 140:
            raise AssertionError(f"{daemon.fds() - before} connections of one address")


if __name__ == "__main__":
    support.main(globals())
