#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain
"""What slow readers of large replies over TLS make the daemon hold. Without the sanitizers, whose own
memory is many times what is looked for."""

import ssl

import support
import test_tls as tls
import web_support as web

LIMIT = 48 << 20  # a reply is 14 MB, and the whole daemon some 12


def read_by_the_slow():
    with tls.host() as where:
        with tls.serving(where, flags=web.big_host(where), wait=60) as daemon:
            size = len(daemon.get("/metrics").body)
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = tls.trusting(where, minimum_version=version, maximum_version=version)
                tls.check_whole(tls.read_slowly(daemon.port, context, 0.0005, 16384), size)
            return daemon.rss_anon()


def test_slow_readers():
    resident = read_by_the_slow()
    print(f"# {resident >> 20} MiB resident")
    if resident > LIMIT:
        raise AssertionError(f"{resident} bytes resident")


if __name__ == "__main__":
    support.main(globals())
