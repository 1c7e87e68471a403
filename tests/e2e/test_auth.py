#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Users with bcrypt passwords: who is let in, and that it covers everything but /-/healthy."""

import base64
import concurrent.futures
import contextlib
import json

import support
import web_support as web


@contextlib.contextmanager
def guarded(users, *flags, **options):
    with web.directory() as where:
        config = where / "web.yml"
        config.write_text("basic_auth_users:\n" +
                          "".join(f"  {json.dumps(name)}: {hashed}\n" for name, hashed in users.items()))
        with support.Daemon(*support.fixture(web.FIXTURE), f"--web.config.file={config}", *flags,
                            ready="/-/healthy", **options) as daemon:
            yield daemon, config


def test_right_wrong_and_unknown():
    with guarded({"ann": web.bcrypt("secret", 64), "bob": web.bcrypt("hidden")}) as (daemon, _):
        for _ in range(3):  # hashed, then remembered
            support.equal(daemon.get("/metrics", web.basic("ann", "secret")).status, 200)
            support.equal(daemon.get("/metrics", web.basic("bob", "hidden")).status, 200)
            for user, password in (("ann", "hidden"), ("bob", "secret"), ("eve", "secret"), ("ann", ""),
                                   ("", "secret"), ("Ann", "secret"), ("ann", "secret ")):
                reply = daemon.get("/metrics", web.basic(user, password))
                support.equal(reply.status, 401, f"{user}:{password}")
                support.equal(reply.headers["WWW-Authenticate"].split()[0], "Basic")
                support.equal(reply.headers["Content-Type"], "application/problem+json")


def test_parts_are_not_confused():
    with guarded({"a": web.bcrypt("b:c"), "a:b": web.bcrypt("c")}) as (daemon, _):
        # A user's name cannot have a colon on the wire, so the second line lets in `a`, whose password is `b:c`.
        support.equal(daemon.get("/metrics", web.basic("a", "b:c")).status, 200)
        support.equal(daemon.get("/metrics", web.basic("a:b", "c")).status, 200)
    with guarded({"a": web.bcrypt("bc")}) as (daemon, _):
        support.equal(daemon.get("/metrics", web.basic("a", "bc")).status, 200)
        for user, password in (("ab", "c"), ("a", "b:c"), ("abc", ""), ("a:b", "c")):
            support.equal(daemon.get("/metrics", web.basic(user, password)).status, 401)


def test_every_path_but_healthy():
    with guarded({"ann": web.bcrypt("secret")}) as (daemon, _):
        support.equal(daemon.get("/-/healthy").status, 200)
        document = daemon.get("/api/v1/openapi.json", web.basic("ann", "secret"))
        paths = list(json.loads(document.text).get("paths", []))
        for path in ["/", "/metrics", "/-/ready", "/nothing", "/api/v1/workloads", "/static/x", "//",
                     "/-/healthy/", "/-/healthy%00", "/-/healthy/../metrics", "//-/healthy",
                     "/%2e%2e/metrics", "/-/healthyx", "/-/HEALTHY", *paths]:
            for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
                status = daemon.get(path, method=method).status
                if path == "/-/healthy%00" and status in (200, 400, 405):
                    continue  # the same path to libmicrohttpd
                support.equal(status, 401, f"{method} {path}")
        absolute = f"GET http://localhost:{daemon.port}/metrics HTTP/1.1\r\nHost: localhost\r\n"
        absolute = absolute.encode() + b"Connection: close\r\n"
        support.equal(web.status_of(web.raw(daemon.port, absolute + b"\r\n")), 401)
        header = f"Authorization: {web.basic('ann', 'secret')['Authorization']}\r\n".encode()
        support.equal(web.status_of(web.raw(daemon.port, absolute + header + b"\r\n")), 200)


def test_strange_headers():
    right = web.basic("ann", "secret")["Authorization"]
    with guarded({"ann": web.bcrypt("secret")}) as (daemon, _):
        for value, wanted in (
                (right, 200), (right.replace("Basic", "basic"), 200), (right.replace("Basic", "BASIC"), 200),
                (right.replace(" ", "  "), 200), (right.replace(" ", ""), 401), ("Basic", 401),
                ("Basic ", 401), ("Basic :", 401), ("Basic ####", 401), ("Bearer abc", 401), ("", 401),
                ("Basic " + base64.b64encode(b"ann").decode(), 401),
                ("Basic " + base64.b64encode(b"ann:secret\0").decode(), 401),
                ("Basic " + base64.b64encode(b"ann\0x:secret").decode(), 401),
                ("Basic " + base64.b64encode(b"\xff\xfe:\x80").decode(), 401),
                ("Basic " + base64.b64encode(b"ann:" + b"x" * 2000).decode(), 401),
                ("Basic " + base64.b64encode(b"ann:" + b"x" * 20000).decode(), 401)):
            support.equal(daemon.get("/metrics", {"Authorization": value}).status, wanted, value[:40])
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        twice = f"Authorization: {right}\r\n".encode() * 2
        support.equal(web.status_of(web.raw(daemon.port, request + twice + b"\r\n")), 401)
        huge = b"Authorization: Basic " + b"A" * 200000 + b"\r\n\r\n"
        status = web.status_of(web.raw(daemon.port, request + huge))
        if status not in (None, 400, 413, 431):
            raise AssertionError(f"status {status} for huge headers")
        support.equal(daemon.get("/metrics", web.basic("ann", "secret")).status, 200)


def test_hashing_does_not_stop_the_loop():
    """Strangers keep the hashing thread busy; those who are known, and health checks, go on."""
    with guarded({"ann": web.bcrypt("secret", 2048)}) as (daemon, _):
        support.equal(daemon.get("/-/ready", web.basic("ann", "secret")).status, 200)
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            guesses = [pool.submit(daemon.get, "/-/ready", web.basic("ann", f"guess {i}"), timeout=120)
                       for i in range(10)]
            answered = 0
            while not all(guess.done() for guess in guesses):
                support.equal(daemon.get("/-/ready", web.basic("ann", "secret")).status, 200)
                support.equal(daemon.get("/-/healthy").status, 200)
                answered += sum(guess.done() for guess in guesses) < 10
            if answered < 3:
                raise AssertionError("nobody was served while passwords were hashed")
            for guess in guesses:
                support.equal(guess.result().status, 401)


def test_same_password_is_hashed_once():
    with guarded({"ann": web.bcrypt("secret", 4096)}) as (daemon, _):
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            replies = list(pool.map(lambda _: daemon.get("/-/ready", web.basic("ann", "secret")).status,
                                    range(60)))
        support.equal(replies, [200] * 60)


def test_end_while_hashing():
    with guarded({"ann": web.bcrypt("secret", 8192)}) as (daemon, _):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(daemon.get, "/-/ready", web.basic("ann", f"guess {i}"))
                       for i in range(8)]
            support.wait_for(lambda: daemon.fds() > 15, "connections")
            daemon.stop()
            for reply in waiting:
                with contextlib.suppress(OSError, Exception):
                    support.equal(reply.result().status, 401)
        daemon.start()


def test_changed_users_take_effect():
    with guarded({"ann": web.bcrypt("secret")}) as (daemon, config):
        support.equal(daemon.get("/metrics", web.basic("ann", "secret")).status, 200)
        config.write_text(f"basic_auth_users:\n  ann: {web.bcrypt('other')}\n")
        support.equal(daemon.get("/metrics", web.basic("ann", "secret")).status, 401)
        support.equal(daemon.get("/metrics", web.basic("ann", "other")).status, 200)
        config.write_text("basic_auth_users:\n  ann: plain\n")
        support.equal(daemon.get("/metrics", web.basic("ann", "other")).status, 200)
        daemon.wait_log("web configuration is broken")
        config.write_text("{}\n")
        support.equal(daemon.get("/metrics").status, 200)


def test_rate_limit():
    with web.directory() as where:
        config = where / "web.yml"
        config.write_text("rate_limit:\n  interval: 1h\n  burst: 4\n")
        with support.Daemon(*support.fixture(web.FIXTURE), f"--web.config.file={config}",
                            ready="/-/healthy") as daemon:
            statuses = [daemon.get("/-/ready").status for _ in range(6)]
            support.equal(statuses, [200] * 3 + [429] * 3)


if __name__ == "__main__":
    support.main(globals())
