#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--web.config.file is right for us exactly when it is right for Prometheus' own tool."""

import subprocess

import prometheus
import support
import web_support as web

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"

# Text, and whether it is right; the third says why promtool 2.42 is not asked.
CASES = [
    ("", True),
    ("# nothing\n", True),
    ("{}\n", True),
    ("~\n", True),
    ("[]\n", False),
    ("word\n", False),
    ("a: {b: [\n", False),
    ("\t\n", None),
    ("nonsense: 1\n", False),
    ("basic_auth_users:\n", True),
    ("basic_auth_users: {}\n", True),
    ("basic_auth_users: []\n", False),
    ("basic_auth_users: {ann: 1}\n", False),
    ("basic_auth_users: {ann: ''}\n", False),
    ("basic_auth_users: {ann: }\n", False),
    (f"basic_auth_users: {{ann: '{HASH}'}}\n", True),
    (f"basic_auth_users:\n  ann: {HASH}\n  bob: {HASH}\n", True),
    (f"basic_auth_users:\n  ann: {HASH}\n  ann: {HASH}\n", False),
    (f"basic_auth_users:\n  '': {HASH}\n", True),
    (f"basic_auth_users:\n  1: {HASH}\n", True),
    (f"basic_auth_users:\n  ann: {HASH[:58]}\n", False),
    (f"basic_auth_users:\n  ann: {HASH.replace('$10$', '$03$')}\n", False),
    (f"basic_auth_users:\n  ann: {HASH.replace('$10$', '$32$')}\n", False),
    (f"basic_auth_users:\n  ann: {HASH.replace('$10$', '$31$')}\n", True),
    (f"basic_auth_users:\n  ann: {HASH.replace('$2y$', '$2b$')}\n", True),
    (f"basic_auth_users:\n  ann: {HASH.replace('$2y$', '$1y$')}\n", False, "Go refuses later versions only"),
    ("basic_auth_users:\n  ann: plain\n", False),
    ("http_server_config: {http2: false}\n", True),
    ("http_server_config: {http2: maybe}\n", False),
    ("http_server_config: {http2: yes}\n", True),
    ("http_server_config: {http2: Off}\n", True),
    ("http_server_config: {http2: 'true'}\n", None),
    ("http_server_config: {nonsense: 1}\n", False),
    ("http_server_config: {headers: {X-Frame-Options: deny}}\n", True),
    ("http_server_config: {headers: {X-Frame-Options: DENY}}\n", False),
    ("http_server_config: {headers: {X-Frame-Options: sameorigin}}\n", True),
    ("http_server_config: {headers: {X-Frame-Options: ''}}\n", False),
    ("http_server_config: {headers: {x-frame-options: deny}}\n", False),
    ("http_server_config: {headers: {X-Content-Type-Options: nosniff}}\n", True),
    ("http_server_config: {headers: {X-Content-Type-Options: sniff}}\n", False),
    ("http_server_config: {headers: {X-XSS-Protection: '1; mode=block'}}\n", True),
    ("http_server_config: {headers: {X-XSS-Protection: 0}}\n", True),
    ("http_server_config: {headers: {Strict-Transport-Security: max-age=1}}\n", True),
    ("http_server_config: {headers: {Content-Security-Policy: anything}}\n", True),
    ("http_server_config: {headers: {X-Other: 1}}\n", False),
    ("http_server_config: {headers: []}\n", False),
    (TLS, True),
    (TLS + "  nonsense: 1\n", False),
    (TLS + "  cert_file: server.pem\n", False),
    (TLS + "  min_version: TLS13\n  max_version: TLS13\n", True),
    (TLS + "  min_version: TLS10\n", True),
    (TLS + "  min_version: TLS14\n", False),
    (TLS + "  min_version: tls12\n", False),
    (TLS + "  min_version:\n", True),
    (TLS + "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n", True),
    (TLS + "  cipher_suites: [TLS_RSA_WITH_AES_256_CBC_SHA]\n", True),
    (TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", False),
    (TLS + "  cipher_suites: [nonsense]\n", False),
    (TLS + "  cipher_suites: nonsense\n", False),
    (TLS + "  cipher_suites: []\n", True),
    (TLS + "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n", True),
    (TLS + "  curve_preferences: [CurveP257]\n", False),
    (TLS + "  prefer_server_cipher_suites: false\n", True),
    (TLS + "  prefer_server_cipher_suites: 0\n", False),
    (TLS + "  client_auth_type: NoClientCert\n", True),
    (TLS + "  client_auth_type: RequestClientCert\n", True),
    (TLS + "  client_auth_type: RequireClientCert\n", True),
    (TLS + "  client_auth_type: RequireAnyClientCert\n", True),
    (TLS + "  client_auth_type: VerifyClientCertIfGiven\n", True),
    (TLS + "  client_auth_type: RequireAndVerifyClientCert\n", True),
    (TLS + "  client_auth_type: nonsense\n", False),
    (TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n", True),
    (TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: none.pem\n", False),
    (TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: empty\n", True),
    (TLS + "  client_ca_file: ca.pem\n", False),
    (TLS + "  client_auth_type: NoClientCert\n  client_ca_file: ca.pem\n", False),
    ("tls_server_config:\n", True),
    ("tls_server_config: {}\n", True),
    ("tls_server_config: {min_version: TLS13}\n", True),
    ("tls_server_config: {cert_file: server.pem}\n", False),
    ("tls_server_config: {key_file: server.key}\n", False),
    ("tls_server_config: {client_ca_file: ca.pem}\n", False),
    ("tls_server_config: {client_auth_type: RequestClientCert}\n", False),
    ("tls_server_config: {cert_file: '', key_file: ''}\n", True),
    ("tls_server_config: {cert_file: none.pem, key_file: server.key}\n", False),
    ("tls_server_config: {cert_file: server.pem, key_file: ca.key}\n", False),
    ("tls_server_config: {cert_file: empty, key_file: empty}\n", False),
    ("tls_server_config: {cert_file: /nowhere/server.pem, key_file: server.key}\n", False),
    # promtool 2.42 has an exporter-toolkit without these.
    ("tls_server_config: {cert: a, key: b}\n", False),
    (TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a]\n", True, "newer"),
    (TLS + "  client_auth_type: RequestClientCert\n  client_allowed_sans: [a]\n", False),
    ("rate_limit: {interval: 1s, burst: 20}\n", True, "newer"),
    ("rate_limit: {interval: 1m30.5s, burst: 0}\n", True, "newer"),
    ("rate_limit: {interval: 1000000, burst: 3}\n", True, "newer"),
    ("rate_limit: {interval: 1, burst: x}\n", False),
    ("rate_limit: {interval: 1 s}\n", False),
    ("rate_limit: {interval: soon}\n", False),
    ("rate_limit: {interval: 1s, every: 3}\n", False),
]


def verdicts(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def test_same_verdict_as_promtool():
    promtool = str(prometheus.fetch(2) / "promtool")
    with web.directory() as where:
        web.make_certificate(where, "ca")
        web.make_certificate(where, "server", issuer="ca")
        (where / "empty").write_text("")
        file = where / "web.yml"
        wrong = []
        for text, right, *alone in CASES:
            file.write_text(text)
            ours, words = verdicts([support.binary(), "--config.check", f"--web.config.file={file}"])
            theirs, their_words = (verdicts([promtool, "check", "web-config", str(file)])
                                   if not alone else (right, ""))
            if right is None:
                right = ours if alone else theirs
            if (ours, theirs) != (right, right):
                wrong.append(f"{text!r}: wanted {right}, ours {ours} ({words.strip()}), "
                             f"promtool {theirs} ({their_words.strip()})")
            if not ours and (len(words.strip().splitlines()) != 1 or "web.yml" not in words
                             and "server" not in words and "TLS" not in words and "none.pem" not in words):
                wrong.append(f"{text!r}: no clear line: {words}")
        if wrong:
            raise AssertionError("\n".join(wrong))


def test_inline_pem():
    with web.directory() as where:
        cert, key = web.make_certificate(where, "ca")
        def indented(path):
            return "".join("    " + line + "\n" for line in path.read_text().splitlines())
        file = where / "web.yml"
        file.write_text(f"tls_server_config:\n  cert: |\n{indented(cert)}  key: |\n{indented(key)}")
        with support.Daemon(*support.fixture(web.FIXTURE), f"--web.config.file={file}",
                            tls=support.tls_trusting(cert)) as daemon:
            support.equal(daemon.get("/metrics").status, 200)


if __name__ == "__main__":
    support.main(globals())
