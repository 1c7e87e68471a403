# SPDX-License-Identifier: Apache-2.0
"""For tests of the web server: certificates, web configuration files, raw sockets, big hosts."""

import base64
import contextlib
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import warnings

import support

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

FIXTURE = "debian-6.12"


@contextlib.contextmanager
def directory():
    """A scratch directory, gone afterwards."""
    path = tempfile.mkdtemp(prefix="tallyman-web-")
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def bcrypt(password, rounds=16):
    """A hash of the cost log2(rounds); 16 is the cheapest, 1024 what people use."""
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=rounds))


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def openssl(*args, **options):
    return subprocess.run(["openssl", *map(str, args)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options).stdout.decode()


def make_certificate(where, name, issuer=None, san="DNS:localhost,IP:127.0.0.1", days=2, usage=None):
    """NAME.pem and NAME.key below `where`; signed by itself without an issuer's name."""
    key, cert = where / f"{name}.key", where / f"{name}.pem"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            key, "-out", where / f"{name}.csr", "-subj", f"/CN={name}")
    extensions = where / f"{name}.ext"
    lines = [f"subjectAltName={san}"]
    if issuer:
        sign = ["-CA", where / f"{issuer}.pem", "-CAkey", where / f"{issuer}.key", "-CAcreateserial"]
    else:
        sign = ["-signkey", key]
        lines += ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,digitalSignature"]
    if usage:
        lines.append(f"extendedKeyUsage={usage}")
    extensions.write_text("\n".join(lines) + "\n")
    openssl("x509", "-req", "-in", where / f"{name}.csr", "-out", cert, "-days", days, "-extfile",
            extensions, *sign)
    return cert, key


def big_host(where, groups=2500):
    """Flags for a made-up host with so many services that its metrics are more than 10 MB."""
    files = {
        "cpu.stat": "usage_usec 123456789\nuser_usec 100000000\nsystem_usec 23456789\n"
                    "nr_periods 10\nnr_throttled 3\nthrottled_usec 4000\n",
        "memory.current": "123456789\n",
        "memory.stat": "anon 1000000\nfile 2000000\nkernel_stack 3000\nshmem 4\nfile_mapped 5\n"
                       "inactive_anon 1\nactive_anon 2\ninactive_file 3\nactive_file 4\npgfault 5\n"
                       "pgmajfault 6\n",
        "pids.current": "3\n",
        "cgroup.procs": "",
        "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
                        "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    }
    root = where / "cgroup"
    for i in range(groups):
        group = root / "system.slice" / f"{'a-rather-long-name-of-a-service-' * 4}{i:05}.service"
        group.mkdir(parents=True)
        for name, text in files.items():
            (group / name).write_text(text)
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    flags = [flag for flag in support.fixture(FIXTURE) if "cgroupfs" not in flag]
    return flags + [f"--path.cgroupfs={root}"]


def raw(port, data, tls=None, timeout=20, half=False):
    """Sends bytes as they are and returns all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        if tls:
            connection = tls.wrap_socket(connection, server_hostname="localhost")
        received = b""
        with contextlib.suppress(OSError):
            connection.sendall(data)
            if half:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            while True:
                piece = connection.recv(65536)
                if not piece:
                    break
                received += piece
        return received


def status_of(answer):
    """The status of a raw answer; None when there was none."""
    parts = answer.split(b" ", 2)
    return int(parts[1]) if answer.startswith(b"HTTP/") and len(parts) > 1 else None
