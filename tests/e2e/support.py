# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests share: the real binary on a free port, HTTP, the text format, cgroups.

A test is a script tests/e2e/test_NAME.py:

    #!/usr/bin/python3
    # SPDX-License-Identifier: Apache-2.0
    import support

    def test_something():
        with support.Daemon(*support.fixture("debian-6.12")) as daemon:
            support.equal(daemon.get("/metrics").status, 200)

    if __name__ == "__main__":
        support.main(globals())

It prints TAP, which tests/run reads. One function is run by `tests/e2e/test_NAME.py test_something`.
A line `# tests/run: WORD...` in the first ten tells the runner more: `serial` (nothing else runs
meanwhile), `plain` (TALLYMAN is the optimised binary, not the one with sanitizers), `long` (only in
make test-full), `timeout=SECONDS`.
"""

import collections
import contextlib
import errno
import gzip
import http.client
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures"
SKIP_STATUS = 77

Skip = unittest.SkipTest


def skip(reason):
    """Ends this test as skipped; the reason is printed."""
    raise Skip(reason)


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what + ': ' if what else ''}got {got!r}, wanted {wanted!r}")


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def binary():
    """The binary under test: $TALLYMAN, else build/tallyman."""
    path = pathlib.Path(os.environ.get("TALLYMAN") or ROOT / "build/tallyman")
    if not path.exists():
        raise AssertionError(f"{path} is not built")
    return str(path)


def everything():
    """Flags that switch on all sources and all optional metrics."""
    flags = []
    text = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"--\[no-\]collector\.([a-z_]+)", text):
        if name != "disable":
            flags.append(f"--collector.{name}")
    for row in (ROOT / "METRICS.md").read_text().splitlines():
        cells = [cell.strip(" `") for cell in row.split("|")]
        if len(cells) == 9 and cells[5] == "no":
            flags.append(f"--metrics.enable={cells[1]}")
    return flags


def long_run():
    """Whether the long variants of tests were asked for (make test-full)."""
    return os.environ.get("TALLYMAN_TEST_LONG") == "1"


def fixture(name):
    """Flags that point the exporter at tests/fixtures/NAME."""
    root = FIXTURES / name
    if not root.is_dir():
        raise AssertionError(f"no fixture {root}")
    parts = {"cgroupfs": "cgroup", "procfs": "proc", "sysfs": "sys", "rootfs": "root"}
    # A part that the fixture lacks is missing: this host's never stands in for it.
    return [f"--path.{flag}={root / part}" for flag, part in parts.items()]


def free_port():
    """A free port below those that the kernel gives to clients, so that no connection takes it."""
    for _ in range(200):
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise AssertionError("no free port")


def files_of(group):
    """Where a cgroup's files are read: under systemd crun has limits and processes one level below."""
    inside = [entry for entry in group.iterdir() if entry.is_dir()]
    only = len(inside) == 1 and inside[0].name == "container" and group.name.startswith("libpod-")
    return inside[0] if only else group


class Response:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers  # case-insensitive
        self.body = body

    @property
    def text(self):
        """The body as text, uncompressed."""
        body = self.body
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return body.decode("utf-8")


def http_get(host, port, path, headers=None, method="GET", tls=None, timeout=30):
    """One request on a connection of its own. `tls` is an ssl.SSLContext."""
    if tls:
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Response(response, response.read())


def tls_trusting(ca_file, cert=None, key=None):
    """A client's TLS context that trusts this authority only; with a client certificate if given."""
    context = ssl.create_default_context(cafile=str(ca_file))
    if cert:
        context.load_cert_chain(str(cert), str(key or cert))
    return context


class Daemon:
    """The exporter, started on a free loopback port and ended at the end of the `with` block.

    Leaving the block fails when the exporter had died, does not end by SIGTERM with status 0, or
    when a sanitizer complained. `args` may hold other --web.listen-address flags; then say `port`.
    `through`: a command that becomes the exporter, which stands behind it.
    """

    def __init__(self, *args, port=None, env=None, ready="/-/ready", tls=None, wait=20, user=None,
                 through=()):
        self.args = [str(arg) for arg in args]
        self.port = port
        self.env = env
        self.ready = ready
        self.tls = tls
        self.wait = wait
        self.user = user
        self.through = list(through)
        self.process = None
        self.directory = None

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="tallyman-test-")
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            elif kind is not Skip:
                print("# log of the exporter:", file=sys.stderr)
                for line in self.log().splitlines()[-40:]:
                    print("#   " + line, file=sys.stderr)
        finally:
            self.kill()

    def start(self):
        command = [*self.through, binary()]
        if not any("listen-address" in arg for arg in self.args):
            self.port = self.port or free_port()
            command.append(f"--web.listen-address=127.0.0.1:{self.port}")
        self.log_file = os.path.join(self.directory, "log")
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:detect_leaks=1:exitcode=99",
                           UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:exitcode=98")
        environment.update(self.env or {})
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(command + self.args, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment, user=self.user,
                                            extra_groups=[] if self.user else None)
        if self.ready:
            self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + self.wait
        while time.monotonic() < end:
            self.require_alive()
            try:
                if self.get(self.ready).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready within {self.wait} s:\n{self.log()}")

    def require_alive(self):
        status = self.process.poll()
        if status is not None:
            raise AssertionError(f"the exporter ended with status {status}:\n{self.log()}")

    def stop(self, number=signal.SIGTERM, within=20):
        """Ends the exporter and requires a clean end; returns the seconds that took."""
        self.require_alive()
        start = time.monotonic()
        self.process.send_signal(number)
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running {within} s after signal {number}") from None
        took = time.monotonic() - start
        log = self.log()
        for sign in ("Sanitizer", "runtime error:"):
            if sign in log:
                raise AssertionError("a sanitizer complained:\n" + log)
        if status != 0:
            raise AssertionError(f"ended with status {status}:\n{log}")
        return took

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def get(self, path, headers=None, method="GET", **options):
        options.setdefault("tls", self.tls)
        host = "localhost" if self.tls else "127.0.0.1"
        return http_get(host, self.port, path, headers, method, **options)

    def metrics(self, path="/metrics"):
        """The samples of the text format, see parse_text()."""
        response = self.get(path)
        equal(response.status, 200, path)
        return parse_text(response.text)

    def log(self):
        if not self.directory:
            return ""
        with open(self.log_file, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_log(self, pattern, within=10):
        """Waits for a line of the log; returns the match."""
        end = time.monotonic() + within
        while True:
            match = re.search(pattern, self.log())
            if match:
                return match
            if time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} in the log:\n{self.log()}")
            time.sleep(0.02)

    def rss_anon(self):
        """Resident anonymous bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", status).group(1)) * 1024

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_ticks(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return int(stat[11]) + int(stat[12])


Sample = collections.namedtuple("Sample", "labels value")  # the value as it was written

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: .*)?')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parse_text(text):
    """{name: [Sample]} of text 0.0.4 or OpenMetrics, with values as they were written."""
    found = collections.defaultdict(list)
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line)
        if not match:
            raise AssertionError(f"not a sample: {line!r}")
        name, labels, value = match.groups()
        values = {}
        for label in _LABEL.finditer(labels or ""):
            values[label[1]] = re.sub(r'\\[\\"n]', lambda m: _ESCAPES[m[0]], label[2])
        found[name].append(Sample(values, value))
    return dict(found)


def value(samples, name, **labels):
    """The value of the one series with these labels (and maybe more), as text; None if absent."""
    matching = [sample.value for sample in samples.get(name, ())
                if all(sample.labels.get(key) == wanted for key, wanted in labels.items())]
    if len(matching) > 1:
        raise AssertionError(f"{len(matching)} series of {name} with {labels}")
    return matching[0] if matching else None


def cgroup2_mount():
    """Where the live host has cgroup2, or skips."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        if right.startswith("cgroup2 "):
            return pathlib.Path(left.split()[4])
    skip("no cgroup2 mounted")


class Cgroup:
    """A cgroup of ours on the live host, gone with its processes at the end of the `with` block."""

    def __init__(self, name=None, parent=None):
        base = parent.path if parent else cgroup2_mount()
        self.path = base / (name or f"tallyman-test-{os.getpid()}-{random.randrange(10**6)}")
        self.processes = []

    def __enter__(self):
        try:
            self.path.mkdir()
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                skip(f"cannot make a cgroup: {error}")
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    @property
    def id(self):
        """As the exporter's label: the path below the mount."""
        return "/" + str(self.path.relative_to(cgroup2_mount()))

    def run(self, command, **options):
        """Starts a process that is in the cgroup before it executes anything of the command."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs"), *command],
            **options)
        self.processes.append(process)
        end = time.monotonic() + 5
        while str(process.pid) not in self.read("cgroup.procs").split():
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{command} did not enter {self.path}")
            time.sleep(0.005)
        return process

    def read(self, file):
        return (self.path / file).read_text()

    def freeze(self, frozen=True):
        """Stops all processes, so that what they use stays as it is."""
        (self.path / "cgroup.freeze").write_text("1" if frozen else "0")
        end = time.monotonic() + 5
        while f"frozen {int(frozen)}" not in self.read("cgroup.events"):
            if time.monotonic() > end:
                raise AssertionError(f"{self.path} does not freeze")
            time.sleep(0.005)

    def remove(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        with contextlib.suppress(OSError):
            (self.path / "cgroup.freeze").write_text("0")
        for process in self.processes:
            process.wait()
        self.processes = []
        end = time.monotonic() + 5
        while self.path.exists():
            try:
                self.path.rmdir()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)


def wait_for(condition, what, within=20):
    """Waits until condition() is true-like and returns it."""
    end = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.05)


def main(names):
    """Runs all test_* functions of a script, or those named on the command line; prints TAP."""
    tests = {name: test for name, test in names.items() if name.startswith("test_") and callable(test)}
    wanted = sys.argv[1:] or list(tests)
    unknown = [name for name in wanted if name not in tests]
    if unknown:
        sys.exit(f"no such test: {' '.join(unknown)}; there are: {' '.join(tests)}")
    print(f"1..{len(wanted)}", flush=True)
    failed = 0
    for number, name in enumerate(wanted, 1):
        start = time.monotonic()
        try:
            tests[name]()
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
            continue
        except Exception:  # pylint: disable=broad-except
            failed += 1
            for line in traceback.format_exc().rstrip().splitlines():
                print("# " + line)
            print(f"not ok {number} - {name}", flush=True)
            continue
        print(f"ok {number} - {name} ({time.monotonic() - start:.1f} s)", flush=True)
    sys.exit(1 if failed else 0)
