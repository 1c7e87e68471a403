#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Start, reload, end: sockets, signals, systemd's protocols."""

import concurrent.futures
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time

import support
import web_support as web


def run(*args, **options):
    return subprocess.run([support.binary(), *args], capture_output=True, text=True, timeout=30,
                          check=False, **options)


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(f"--web.listen-address={address}")
        support.equal(done.returncode, 1)
        errors = [line for line in done.stderr.splitlines() if "level=error" in line]
        support.equal(len(errors), 1, "errors")
        for word in (address, "Address already in use"):
            if word not in errors[0]:
                raise AssertionError(f"{word} is not in {errors[0]}")


def test_wrong_addresses():
    for address in ("nonsense", "1.2.3.4", "::1:80", "[::1", "localhost:", "localhost:99999",
                    "no-such-host.invalid:80", "192.0.2.77:10061", "[::1%nothing]:10061"):
        done = run(f"--web.listen-address={address}")
        support.equal(done.returncode, 1, address)
        if address not in done.stderr or "Sanitizer" in done.stderr:
            raise AssertionError(f"{address}: {done.stderr}")


def test_several_addresses():
    ports = [support.free_port() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        addresses = [f"127.0.0.1:{ports[0]}", f"localhost:{ports[1]}", f":{ports[2]}"]
        stack.enter_context(support.Daemon(*support.fixture(web.FIXTURE),
                                           *(f"--web.listen-address={each}" for each in addresses),
                                           port=ports[0]))
        for port in ports:
            support.equal(support.http_get("127.0.0.1", port, "/metrics").status, 200)
        with contextlib.suppress(OSError):
            support.equal(support.http_get("::1", ports[2], "/metrics").status, 200)


def scrape_until_end(daemon, results):
    """One scrape; "whole", "refused" or "cut" (closed before its end)."""
    try:
        reply = daemon.get("/metrics")
        support.equal(reply.status, 200)
        if not reply.text.endswith("\n"):
            raise AssertionError("half a line and yet an end")
        results.append("whole")
    except ConnectionRefusedError:
        results.append("refused")
    except (OSError, http.client.HTTPException):
        results.append("cut")


def test_end_during_scrapes():
    rounds, slowest, results = 200, 0.0, []
    if "asan" in support.binary():
        rounds = 40
    flags = [*support.fixture(web.FIXTURE), "--web.min-scrape-interval=0s"]
    port = support.free_port()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i in range(rounds):
            with support.Daemon(*flags, port=port) as daemon:
                scrapes = [pool.submit(scrape_until_end, daemon, results) for _ in range(8)]
                time.sleep(i % 20 * 0.001)
                number = signal.SIGTERM if i % 4 else signal.SIGINT
                daemon.process.send_signal(number)
                start = time.monotonic()
                support.equal(daemon.process.wait(10), 0)
                slowest = max(slowest, time.monotonic() - start)
                for scrape in scrapes:
                    scrape.result()
                if "Sanitizer" in daemon.log():
                    raise AssertionError(daemon.log())
                daemon.start()  # the port is free at once, and leaving the block ends this one
    counts = {kind: results.count(kind) for kind in set(results)}
    print(f"# {rounds} ends, slowest {slowest:.3f} s, scrapes: {counts}")


def test_end_with_a_slow_reader():
    with web.directory() as where:
        with support.Daemon(*web.big_host(where)) as daemon:
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", daemon.port))
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                connection.recv(100)
                took = daemon.stop()
                print(f"# {took:.3f} s")
                if took > 5:
                    raise AssertionError(f"ended after {took} s")
            daemon.start()


def reload(daemon):
    before = daemon.log().count("configuration")
    daemon.reload()
    support.wait_for(lambda: daemon.log().count("configuration") > before, "the reload")


def succeeded(daemon):
    return [sample.value for name, samples in daemon.metrics().items() for sample in samples
            if name == "tallyman_config_last_reload_successful"]


def test_reload():
    port = support.free_port()
    with web.directory() as where:
        file = where / "listen-address.yml"  # that name makes support.Daemon leave the address to it
        address = f"web:\n  listen-address: ['127.0.0.1:{port}']\n"
        file.write_text(address)
        flags = [*support.fixture(web.FIXTURE), f"--config.file={file}", "--web.min-scrape-interval=0s"]
        with support.Daemon(*flags, port=port) as daemon:
            support.equal(succeeded(daemon), ["1"])
            file.write_text("nonsense: [\n")
            reload(daemon)
            support.equal(succeeded(daemon), ["0"])
            if str(file) not in daemon.log():
                raise AssertionError("the log does not name the broken file")
            file.write_text(address + "  telemetry-path: /other\n")
            reload(daemon)
            support.equal([daemon.get(path).status for path in ("/metrics", "/other")], [404, 200])
            file.write_text("web:\n  listen-address: ['127.0.0.1:1']\n")
            reload(daemon)
            support.equal(succeeded(daemon), ["1"])
            daemon.wait_log("listen addresses change at a restart only")


def test_reload_often():
    times = 1000 if support.long_run() else 150
    with support.Daemon(*support.fixture(web.FIXTURE), "--web.min-scrape-interval=0s") as daemon:
        def some():
            for _ in range(times // 3):
                done = daemon.log().count("configuration reloaded")
                daemon.reload()
                while daemon.log().count("configuration reloaded") == done:
                    daemon.require_alive()
                    time.sleep(0.001)
                support.equal(daemon.get("/metrics").status, 200)
            return daemon.fds(), daemon.rss_anon()

        some()
        fds, resident = some()
        fds_after, resident_after = some()
        # A leak would be one for each of the reloads; a connection may just be closing.
        if fds_after > fds + 5:
            raise AssertionError(f"descriptors grew from {fds} to {fds_after}")
        if resident_after > resident + (512 << 10) and "asan" not in support.binary():
            raise AssertionError(f"resident memory grew from {resident} to {resident_after}")


def test_reload_under_load():
    """Replies that began before a reload end as they began."""
    with web.directory() as where:
        with support.Daemon(*web.big_host(where, 400), "--web.min-scrape-interval=0s") as daemon:
            size = len(daemon.get("/metrics").body)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                scrapes = [pool.submit(daemon.get, "/metrics") for _ in range(40)]
                while not all(scrape.done() for scrape in scrapes):
                    daemon.reload()
                    time.sleep(0.02)
                for scrape in scrapes:
                    if abs(len(scrape.result().body) - size) > 20000:
                        raise AssertionError("a reply was cut")


@contextlib.contextmanager
def notify_socket(where):
    path = str(where / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(10)
        yield path, listener


def await_message(listener, word):
    while True:
        message = listener.recv(4096).decode()
        if word in message:
            return message


def test_systemd_notify():
    with web.directory() as where, notify_socket(where) as (path, listener):
        environment = {"NOTIFY_SOCKET": path}
        with support.Daemon(*support.fixture(web.FIXTURE), env=environment) as daemon:
            await_message(listener, "READY=1")
            daemon.reload()
            if "MONOTONIC_USEC=" not in await_message(listener, "RELOADING=1"):
                raise AssertionError("no time of the reload")
            await_message(listener, "READY=1")
            daemon.process.send_signal(signal.SIGTERM)
            await_message(listener, "STOPPING=1")
            support.equal(daemon.process.wait(10), 0)
            daemon.start()


def test_systemd_watchdog():
    with web.directory() as where, notify_socket(where) as (path, listener):
        # WATCHDOG_PID must be the exporter's own, so a shell sets it for what it becomes.
        script = 'export WATCHDOG_PID=$$; exec "$0" "$@"'
        port = support.free_port()
        process = subprocess.Popen(
            ["/bin/sh", "-c", script, support.binary(), f"--web.listen-address=127.0.0.1:{port}",
             *support.fixture(web.FIXTURE)], stderr=subprocess.DEVNULL,
            env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="400000"))
        try:
            for _ in range(3):
                await_message(listener, "WATCHDOG=1")
        finally:
            process.terminate()
            support.equal(process.wait(10), 0)


def test_systemd_sockets():
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
        script = ('import os, sys\nos.dup2(int(sys.argv[1]), 90); os.dup2(int(sys.argv[2]), 91)\n'
                  'os.dup2(90, 3); os.dup2(91, 4)\n'
                  'os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))\n'
                  'os.execv(sys.argv[3], sys.argv[3:])\n')
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(first.fileno()), str(second.fileno()), support.binary(),
             "--web.systemd-socket", *support.fixture(web.FIXTURE)],
            pass_fds=(first.fileno(), second.fileno()), stderr=subprocess.DEVNULL)
        try:
            for port in ports:
                support.equal(support.http_get("127.0.0.1", port, "/metrics").status, 200)
        finally:
            process.terminate()
            support.equal(process.wait(10), 0)
    done = run("--web.systemd-socket")
    support.equal(done.returncode, 1)
    if "systemd" not in done.stderr:
        raise AssertionError(done.stderr)


def test_descriptors_run_out():
    """With few descriptors the exporter serves on, and recovers."""
    with contextlib.ExitStack() as stack:
        port = support.free_port()
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'ulimit -n 64; exec "$0" "$@"', support.binary(),
             f"--web.listen-address=127.0.0.1:{port}", *support.fixture(web.FIXTURE)],
            stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        support.wait_for(lambda: process.poll() is not None or _connects(port), "the exporter")
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
        support.equal(process.poll(), None)
        # Those who ask nothing are sent away after 10 s, as many at a time as there was room for.
        support.equal(support.http_get("127.0.0.1", port, "/-/healthy", timeout=120).status, 200)
        for connection in crowd:
            connection.close()
        support.equal(support.http_get("127.0.0.1", port, "/metrics").status, 200)
        process.terminate()
        support.equal(process.wait(10), 0)


def _connects(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    support.main(globals())
