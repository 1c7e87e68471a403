#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the exporter says of a fixture, whole, in each format. `make golden` (--write) rewrites the
files in tests/golden/ from what it says now; read the difference before you commit it."""

import difflib
import re
import subprocess
import sys

import support

# An older kernel adds nothing in the formats.
FIXTURES = {"debian-6.1": ["txt"], "debian-6.12": ["txt", "om", "pb.txt"]}
GOLDEN = support.ROOT / "tests/golden"
PROTOBUF = ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
            "encoding=delimited")
# Differs between two runs: values are written as "?".
VOLATILE = re.compile(r"tallyman_|process_|container_last_seen|container_start_time")
# Differs even in which series there are: only help and type are kept.
LEFT_OUT = re.compile(r"tallyman_http_|tallyman_build_info")


def settle_text(text):
    """Text or OpenMetrics without what differs between two runs."""
    lines = []
    for line in text.split("\n"):
        if not line.startswith("#") and LEFT_OUT.match(line):
            continue
        if VOLATILE.match(line):
            line = re.sub(r" \S+$", " ?", line)
        lines.append(line)
    return "\n".join(lines)


def decode(body):
    """Delimited protobuf as text, one line per metric."""
    tagged = bytearray()
    position = 0
    while position < len(body):
        length = shift = 0
        start = position
        while True:
            byte = body[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        tagged += b"\x0a" + body[start:position] + body[position:position + length]
        position += length
    support.equal(position, len(body), "the length of the last message")
    result = subprocess.run(["protoc", "--decode=io.prometheus.client.Reply", "tests/metrics.proto"],
                            cwd=support.ROOT, input=bytes(tagged), capture_output=True, check=False)
    support.equal((result.returncode, result.stderr), (0, b""), "protoc")
    lines = []
    for line in result.stdout.decode().splitlines():
        if line.startswith("    ") or line == "  }":
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def settle_protobuf(body):
    """The same for protobuf."""
    lines = []
    name = ""
    for line in decode(body):
        match = re.match(r'  name: "(.*)"', line)
        name = match[1] if match else name
        if line.startswith("  metric") and LEFT_OUT.match(name):
            continue
        if line.startswith("  metric") and VOLATILE.match(name):
            line = re.sub(r" value: [0-9][^ ]*", " value: ?", line)
        lines.append(line)
    return "\n".join(lines) + "\n"


def outputs(fixture):
    """{file name: content} of one fixture."""
    with support.Daemon(*support.fixture(fixture)) as daemon:
        text = daemon.get("/metrics")
        openmetrics = daemon.get("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
        protobuf = daemon.get("/metrics", {"Accept": PROTOBUF})
    support.equal(text.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
    support.equal(openmetrics.headers["Content-Type"],
                  "application/openmetrics-text; version=1.0.0; charset=utf-8")
    support.equal(protobuf.headers["Content-Type"].replace(" ", ""), PROTOBUF.replace(" ", ""))
    found = {"txt": settle_text(text.text), "om": settle_text(openmetrics.text),
             "pb.txt": settle_protobuf(protobuf.body)}
    return {f"{fixture}.{form}": content for form, content in found.items() if form in FIXTURES[fixture]}


def check(fixture):
    """All formats of a fixture are as they were."""
    differences = []
    for name, content in outputs(fixture).items():
        wanted = (GOLDEN / name).read_text() if (GOLDEN / name).exists() else ""
        if content != wanted:
            differences += list(difflib.unified_diff(wanted.splitlines(), content.splitlines(),
                                                     f"tests/golden/{name}", "now", lineterm="", n=1))[:30]
    if differences:
        raise AssertionError("differs (`make golden` if that is meant):\n" + "\n".join(differences))


def test_debian_6_1():
    check("debian-6.1")


def test_debian_6_12():
    check("debian-6.12")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        for release in FIXTURES:
            for file, now in outputs(release).items():
                (GOLDEN / file).write_text(now)
    else:
        support.main(globals())
