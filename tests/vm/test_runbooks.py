#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain long timeout=600 kernels=6.12
"""What the runbooks tell a person who was woken at night to type works on a real host: every command and every
query is run, as it stands there. The host is the machine of the bed, in which a container is called web and a
service demo; Prometheus and Alertmanager are real, too."""

import collections
import re
import shlex
import subprocess
import time

import bed as beds
from bed import require
import alerting
import prometheus
import support

RUNBOOKS = sorted((support.ROOT / "docs/runbooks").glob("*.md"))
# What a host may have that this one has not.
ABSENT = {"iostat", "crictl", "kubectl", "perf"}
# Commands in the text that are run too; the rest there are options, files and names.
PROGRAMS = ("docker update", "docker system df", "systemctl set-property", "echo ", "journalctl ", "curl ")
# What stands for something of the reader's, and a command that says what that is here.
NAMES = {
    "PID": "docker inspect -f '{{.State.Pid}}' web",
    "ID": "sed -n 's/^0:://p' /proc/$(docker inspect -f '{{.State.Pid}}' web)/cgroup",
    "HOST": "echo 127.0.0.1",
}
# Of this host: its disk, and one command that would take seconds each time.
HERE = (("/dev/sda", "/dev/vda"), ("8:0 ", "254:0 "), ("iostat -x 5", "iostat -x 1 1"), ("dmesg | grep", "dmesg | grep -c"))


def blocks(kind):
    """(runbook, line) of all blocks of code of one kind."""
    for path in RUNBOOKS:
        for block in re.findall(rf"```{kind}\n(.*?)```", path.read_text(), re.DOTALL):
            for line in block.splitlines():
                if line.strip() and not line.startswith("#"):
                    yield path.stem, line


def commands():
    """(runbook, command) of all that is for a shell."""
    yield from blocks("sh")
    for path in RUNBOOKS:
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for code in re.findall(r"`([^`]+)`", text):
            line = " ".join(code.split())
            if line.startswith(PROGRAMS):
                yield path.stem, line


def programs(line):
    """The programs that a line calls."""
    words = shlex.split(line, comments=True)
    starts = [0] + [n + 1 for n, word in enumerate(words) if word in ("|", "||", "&&") or word.endswith(";")]
    return {words[n] for n in starts if n < len(words)}


def as_here(line, names):
    """A line with what stands for something of the reader's put in."""
    for name, value in names.items():
        line = re.sub(rf"\b{name}\b", lambda _, value=value: value, line)
    for old, new in HERE:
        line = line.replace(old, new)
    return line


def check_shell(bed):
    """Runs all commands in the machine at once; rows of the table by runbook."""
    names = {name: bed.guest(command).strip() for name, command in NAMES.items()}
    wanted = collections.defaultdict(list)
    for runbook, line in dict.fromkeys(commands()):
        if not programs(line) & (ABSENT | {"amtool"}):
            wanted[as_here(line, names)].append(runbook)
    script = "mkdir -p /etc/tallyman; echo 'cgroups: {max: 5000}' > /etc/tallyman/tallyman.yaml; PATH=$PATH:/tallyman\nset -o pipefail\n"
    for number, line in enumerate(wanted):
        script += f"bash -o pipefail -c {shlex.quote(line)} > /run/out 2>&1; echo \"@@{number} $? $(tail -c 300 /run/out | tr '\\n' ' ')\"\n"
    found = {int(m[1]): (int(m[2]), m[3]) for m in re.finditer(r"^@@(\d+) (\d+) (.*)$", bed.guest(script), re.MULTILINE)}
    for number, (line, runbooks) in enumerate(wanted.items()):
        with bed.check("runbooks", f"{', '.join(sorted(set(runbooks)))}: {line}"[:150]):
            status, output = found[number]
            # grep may find nothing, head ends what it reads from, du may miss a folder: all else is a fault.
            quiet = (status == 1 and "| grep" in line and output.strip() in ("", "0")  # grep -c
                     or status == 141 and "| head" in line
                     or status == 1 and line.startswith("du ") and output)
            require(status == 0 or quiet, f"exit code {status} from {line}\n{output}")
            if "curl" in line and "/api/" in line:
                require('"error"' not in output, output)


def check_queries(bed, server):
    faults = []
    for runbook, line in blocks("promql"):
        try:
            server.api("query", query=line.replace("HOST:10061", f"127.0.0.1:{bed.port}"), time=time.time())
        except AssertionError as error:
            faults.append(f"{runbook}: {error}")
    with bed.check("runbooks", "queries"):
        support.equal(faults, [])


def check_silences(bed, manager):
    """Each silence is taken, and is for its alert."""
    tool = alerting.fetch() / "amtool"
    for runbook, line in blocks("sh"):
        if not line.startswith("amtool"):
            continue
        with bed.check("runbooks", f"{runbook}: silence"):
            words = shlex.split(line.replace("http://localhost:9093", f"http://127.0.0.1:{manager.port}"))
            result = subprocess.run([tool, *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                    check=False)
            require(result.returncode == 0, result.stdout)
            require(f"alertname={runbook}" in words, line)


def test(bed):
    bed.guest("docker run -d --name noisy --network none demo/busybox:1.0 sleep 1000000")
    check_shell(bed)
    try:
        with alerting.Alertmanager() as manager:
            check_silences(bed, manager)
        job = prometheus.scrape_config("tallyman", bed.port, honor_labels=True, scrape_interval="5s", scrape_timeout="5s")
        with prometheus.Prometheus(3, [job], rules=alerting.RULES) as server:
            server.wait_scrapes(1)
            check_queries(bed, server)
    except support.Skip as reason:
        bed.row("runbooks", "silences and queries", "skip", str(reason))


if __name__ == "__main__":
    beds.main(test)
