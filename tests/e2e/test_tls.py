#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS: large replies to slow readers, versions, client certificates, certificates that change."""

import contextlib
import os
import socket
import ssl
import time
import warnings

import support
import web_support as web

warnings.simplefilter("ignore", DeprecationWarning)  # old versions of TLS are asked for on purpose


@contextlib.contextmanager
def host():
    """A directory with an authority `ca`, a stranger `other`, and a server's certificate."""
    with web.directory() as where:
        web.make_certificate(where, "ca")
        web.make_certificate(where, "other")
        web.make_certificate(where, "server", issuer="ca", usage="serverAuth")
        yield where


def config(where, text, name="web.yml"):
    path = where / name
    path.write_text("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n" + text)
    return path


def trusting(where, **versions):
    context = support.tls_trusting(where / "ca.pem")
    for name, value in versions.items():
        setattr(context, name, value)
    return context


def serving(where, text="", flags=(), **options):
    options.setdefault("tls", trusting(where))
    return support.Daemon(*(flags or support.fixture(web.FIXTURE)),
                          f"--web.config.file={config(where, text)}", **options)


def refused(action):
    try:
        reply = action()
    except (OSError, ssl.SSLError):
        return
    raise AssertionError(f"not refused but {reply.status}")


def read_slowly(port, context, pause, piece, headers="", limit=None):
    """The whole raw reply to a scrape, read in pieces with pauses, through a tiny buffer."""
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", port))
        with contextlib.ExitStack() as stack:
            connection = plain
            if context:
                connection = stack.enter_context(
                    context.wrap_socket(plain, server_hostname="localhost"))
            connection.sendall(("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                                headers + "\r\n").encode())
            received = bytearray(connection.recv(1000))
            time.sleep(3)  # all buffers between the two are full by then
            while True:
                data = connection.recv(piece)
                if not data or (limit and len(received) > limit):
                    return bytes(received)
                received += data
                if len(received) % 64 == 0 or len(data) < piece:
                    time.sleep(pause)


def check_whole(raw, size):
    head, body = raw.split(b"\r\n\r\n", 1)
    support.equal(head.split()[1], b"200")
    if not body.endswith(b"\r\n0\r\n\r\n"):
        raise AssertionError("the last chunk is missing")
    if len(body) < size * 0.99:  # a few numbers get shorter
        raise AssertionError(f"only {len(body)} bytes")


def test_large_replies():
    with host() as where:
        flags = web.big_host(where)
        with serving(where, flags=flags, wait=60) as daemon:
            start = time.monotonic()
            size = len(daemon.get("/metrics").body)
            print(f"# {size} bytes in {time.monotonic() - start:.2f} s")
            if size < 10_000_000:
                raise AssertionError(f"only {size} bytes")
            gzipped = daemon.get("/metrics", {"Accept-Encoding": "gzip;q=1"})
            support.equal(gzipped.headers["Content-Encoding"], "gzip")
            if abs(len(gzipped.text) - size) > size // 100:
                raise AssertionError(f"{len(gzipped.text)} bytes unzipped, {size} plain")
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = trusting(where, minimum_version=version, maximum_version=version)
                check_whole(read_slowly(daemon.port, context, 0.0005, 16384), size)


def test_versions_and_ciphers():
    with host() as where:
        with serving(where) as daemon:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = trusting(where, minimum_version=version, maximum_version=version)
                support.equal(daemon.get("/metrics", tls=context).status, 200)
            old = trusting(where, minimum_version=ssl.TLSVersion.TLSv1)
            old.set_ciphers("ALL:@SECLEVEL=0")
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            refused(lambda: daemon.get("/metrics", tls=old))
            weak = trusting(where, maximum_version=ssl.TLSVersion.TLSv1_2)
            weak.set_ciphers("AES128-SHA:AES256-SHA:ECDHE-ECDSA-AES128-SHA:DHE-RSA-AES128-SHA")
            refused(lambda: daemon.get("/metrics", tls=weak))
            # Neither plain HTTP nor garbage harms.
            web.raw(daemon.port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", half=True)
            web.raw(daemon.port, os.urandom(3000), half=True)
            web.raw(daemon.port, b"\x16\x03\x01\x40\x00\x01" + b"\0" * 100, half=True)
            support.equal(daemon.get("/metrics").status, 200)
        with serving(where, "  min_version: TLS13\n") as daemon:
            refused(lambda: daemon.get("/metrics", tls=trusting(
                where, maximum_version=ssl.TLSVersion.TLSv1_2)))
        text = ("  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
                "  curve_preferences: [CurveP384]\n")
        with serving(where, text) as daemon:
            with socket.create_connection(("127.0.0.1", daemon.port)) as plain:
                with trusting(where).wrap_socket(plain, server_hostname="localhost") as connection:
                    support.equal(connection.cipher()[0], "ECDHE-ECDSA-AES256-GCM-SHA384")
            one = trusting(where)
            one.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
            refused(lambda: daemon.get("/metrics", tls=one))


def test_client_certificates():
    with host() as where:
        web.make_certificate(where, "ann", issuer="ca", san="DNS:ann.example", usage="clientAuth")
        web.make_certificate(where, "bob", issuer="ca", san="IP:10.0.0.1,URI:spiffe://x/bob",
                             usage="clientAuth")
        web.make_certificate(where, "eve", issuer="other", san="DNS:ann.example", usage="clientAuth")
        web.make_certificate(where, "old", issuer="ca", san="DNS:ann.example", days=-1,
                             usage="clientAuth")

        def client(name):
            if not name:
                return trusting(where)
            return support.tls_trusting(where / "ca.pem", where / f"{name}.pem", where / f"{name}.key")

        authority = "  client_ca_file: ca.pem\n  client_auth_type: "
        for text, good, bad in (
                (authority + "RequireAndVerifyClientCert\n", ("ann", "bob"), (None, "eve", "old")),
                (authority + "VerifyClientCertIfGiven\n", (None, "ann"), ("eve", "old")),
                ("  client_auth_type: RequireAnyClientCert\n", ("ann", "eve"), (None,)),
                ("  client_auth_type: RequestClientCert\n", (None, "ann", "eve"), ()),
                ("  client_auth_type: RequireAndVerifyClientCert\n", (), (None, "ann", "eve")),
                (authority + "RequireAndVerifyClientCert\n  client_allowed_sans: [ann.example]\n",
                 ("ann",), (None, "bob", "eve", "old")),
                (authority + "RequireAndVerifyClientCert\n  client_allowed_sans: [10.0.0.1]\n",
                 ("bob",), ("ann",)),
                (authority + "RequireAndVerifyClientCert\n  client_allowed_sans: ['spiffe://x/bob']\n",
                 ("bob",), ("ann",))):
            with serving(where, text, ready=None) as daemon:
                daemon.wait_log("listening")
                for name in good:
                    support.equal(daemon.get("/metrics", tls=client(name)).status, 200,
                                  f"{name} {text}")
                for name in bad:
                    refused(lambda name=name: daemon.get("/metrics", tls=client(name)))


def test_changed_certificate():
    with host() as where:
        with serving(where) as daemon:
            with socket.create_connection(("127.0.0.1", daemon.port)) as plain:
                with trusting(where).wrap_socket(plain, server_hostname="localhost") as kept:
                    for issuer, works in (("other", False), ("ca", True)):
                        web.make_certificate(where, "server", issuer=issuer)
                        if works:
                            support.equal(daemon.get("/metrics").status, 200)
                        else:
                            refused(lambda: daemon.get("/metrics"))
                    # What began with the first certificate goes on.
                    kept.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    support.equal(web.status_of(kept.recv(4096)), 200)
            (where / "server.key").write_text("rubbish")
            support.equal(daemon.get("/metrics").status, 200)
            daemon.wait_log("web configuration is broken")
            support.equal(daemon.log().count("web configuration is broken"), 1)


def test_unusable_files():
    with host() as where:
        for text, wanted in (
                ("tls_server_config: {cert_file: server.pem, key_file: nothing.key}\n", "nothing.key"),
                ("tls_server_config: {cert_file: nothing.pem, key_file: server.key}\n", "nothing.pem"),
                ("tls_server_config: {cert_file: server.pem, key_file: ca.key}\n", "does not belong"),
                ("tls_server_config: {cert_file: server.key, key_file: server.key}\n", "certificate"),
                ("tls_server_config: {cert_file: server.pem, key_file: server.key, nonsense: 1}\n",
                 "web.yml:1: unknown key")):
            (where / "web.yml").write_text(text)
            try:
                with support.Daemon(f"--web.config.file={where / 'web.yml'}", ready="/-/ready"):
                    raise AssertionError(f"started with {text}")
            except AssertionError as error:
                if "ended with status 2:" not in str(error) or wanted not in str(error):
                    raise


if __name__ == "__main__":
    support.main(globals())
