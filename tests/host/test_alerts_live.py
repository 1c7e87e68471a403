#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain again timeout=600
"""Alerts about Tallyman itself and about requests, whose causes need no container: each is really made on this host,
at the same time; each alert arrives through a real Prometheus and a real Alertmanager at a webhook for its cause, with
its labels, no other comes, and each ends once its cause is gone. tests/vm/test_situations.py does that with the others.

- TallymanAbsent: Prometheus has no target yet.
- TallymanProbeSteppedDown: on each CPU a process that makes system calls all the time, and the smallest budget; then
  the load ends, and there is no limit any more.
- TallymanProbeLosing: a process that makes system calls in more cgroups than small maps have histograms for; then these
  are gone.
- TallymanScrapeIncomplete: so many descriptors in so many cgroups that to count their sockets takes three times as long as
  a scrape may.
- TallymanScrapeSlow: a slow line between Prometheus and an exporter that is well. Prometheus does not tell the timeout
  here, so that more than 8 s are slow.
- ContainerRequestsFail, ...FailSlowly, ...Slow, ...Hang: servers of HTTP that are asked all the time.

The rules are those of dashboards/rules/ with `for` divided by FACTOR and what they look back upon by LESS. Shipped
durations and objectives over days are proved by promtool (tests/rules/): of these is seen here that they come, and that
they go when the share of failures falls."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

from test_source_requests import can_be_had

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import alerting  # noqa: E402
import prometheus  # noqa: E402
import support  # noqa: E402

FACTOR, LESS = 120, 40
MAJOR = 2  # with classic histograms; with native ones, and 3.x, rules are seen to work in tests/e2e and tests/vm
TROUBLE = pathlib.Path(__file__).resolve().with_name("trouble.py")
LINE_S = 9  # on the slow line, of the 15 s that a scrape may take there
CROWD, HELD_IN = 1600, 8  # cgroups, and one in so many has a process with descriptors
WANDER, SMALL_MIB = 500, 12  # cgroups, and maps for two thirds of the histograms that they want
BUSY_S = 1.5  # three times what a scrape with a timeout of 1 s may take, so that it stays too much when others sleep

# What else may come, by (alert, job, who), and why.
MAYBE = {
    # A scrape that takes longer than it may, because the machine has no time: it is one that fails.
    ("TallymanDown", "crowded", ""),
    # What is left out is a source that cannot be read.
    ("TallymanSourceDown", "crowded", "process"),
    # Of a burst more than a tenth of the budget of three days is gone.
    ("ContainerRequestsFailSlowly", "requests", "failing"),
}
# An event that an interrupt made a probe miss: by the factors one is enough for what takes many with shipped durations.
MISSED = {"missed", "untimed"}


class Trouble:
    """A process of trouble.py, in a cgroup or where we are."""

    def __init__(self, *words, group=None):
        self.command = [TROUBLE, *map(str, words)]
        self.group = group

    def __enter__(self):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        if self.group:
            self.process = self.group.run(self.command, **options)
        else:
            self.process = subprocess.Popen(self.command, **options)
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{self.command[1]} ended")
        return line.strip()

    def tell(self, what):
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        self.hear()


class Server:
    """A server in a cgroup of its own, and clients that ask it until they are stopped."""

    def __init__(self, command, clients, a_second):
        self.command, self.clients, self.pause = command, clients, clients / a_second
        self.stopped = threading.Event()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.group = stack.enter_context(support.Cgroup())
            self.process = stack.enter_context(Trouble("serve", group=self.group))
            self.port = int(self.process.hear())
            self.stack = stack.pop_all()
        self.threads = [threading.Thread(target=self.ask) for _ in range(self.clients)]
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.stack.close()
        for thread in self.threads:
            if thread.ident:
                thread.join()

    def start(self):
        self.process.tell(self.command)
        for thread in self.threads:
            thread.start()

    def ask(self):
        """All in one connection, until the server is gone."""
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            while not self.stopped.is_set():
                connection.request("GET", "/")
                connection.getresponse().read()
                self.stopped.wait(self.pause)

    def heal(self):
        self.process.tell("fail 0")
        self.process.tell("slow 0")

    def dilute(self):
        """Many more requests, of which none fails, until stop()."""
        self.heal()
        self.pause = 0

    def stop(self):
        self.stopped.set()

    def kill(self):
        """What hangs is started anew: nobody is answered any more."""
        self.process.process.kill()


class Line:
    """What lies between Prometheus and a port: a connection at a time, with a delay on the way back."""

    def __init__(self, port):
        self.port, self.delay, self.ended = port, 0, threading.Event()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.2)
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()
        return self.listener.getsockname()[1], self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.listener.close()

    def carry(self):
        while not self.ended.is_set():
            with contextlib.suppress(OSError):
                near, _ = self.listener.accept()
                with near, socket.create_connection(("127.0.0.1", self.port)) as far:
                    self.forward(near, far)

    def forward(self, near, far):
        while not self.ended.is_set():
            for end in select.select([near, far], [], [], 0.2)[0]:
                piece = end.recv(1 << 20)
                if not piece:
                    return
                if end is near:
                    asked = time.monotonic()
                else:
                    self.ended.wait(asked + self.delay - time.monotonic())
                (far if end is near else near).sendall(piece)


def below(group):
    """A flag that lets an exporter look at a cgroup and what is in it, and no more."""
    return f"--cgroups.include-id={re.escape(group.id)}(/.*)?"


def exporter(stack, group, *flags, probes=()):
    """One with few sources; skips where a probe is down."""
    daemon = stack.enter_context(support.Daemon(
        below(group), "--collector.disable-defaults", "--collector.info", "--collector.self", "--collector.exporter",
        *(f"--collector.{probe}" for probe in (*probes, *(["probes"] if probes else []))), *flags))
    up = lambda: {s.labels["probe"]: s.value for s in daemon.metrics().get("tallyman_probe_up", ())}  # noqa: E731
    support.wait_for(lambda: set(up()) == set(probes), "the probes are tried")
    if set(up().values()) - {"1"}:
        why = daemon.get("/api/v1/sources").text
        if can_be_had():
            raise AssertionError(f"a probe is down: {why}")
        support.skip(f"a probe is down: {why}")
    return daemon


class Cause:
    """Of one alert: how it begins, how it ends, which it does when the alert has come or when `seen` says so, and what
    is to be done when that has been told, too."""

    def __init__(self, alert, job, who, begin, end, seen=None, after=None):
        self.key = (alert, job, who)
        self.begin, self.end, self.seen, self.after = begin, end, seen, after
        self.ended = False

    def go_on(self, states):
        """Whether it has ended just now."""
        if self.ended and self.after and states.get(self.key) == "resolved":
            self.after()
            self.after = None
        if self.ended or not (self.seen() if self.seen else states.get(self.key) == "firing"):
            return False
        self.end()
        self.ended = True
        return True


class Scene(contextlib.ExitStack):
    """All that can be the cause of something, and from watch() on a Prometheus with no target yet."""

    def __enter__(self):
        super().__enter__()
        self.start = time.monotonic()
        self.names = {}  # {id of a cgroup: what it is called here}
        return self

    def watch(self):
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="tallyman-targets-")))
        self.webhook = self.enter_context(alerting.Webhook())
        manager = self.enter_context(alerting.Alertmanager(self.webhook.port))
        rules = self.enter_context(alerting.scaled_rules(FACTOR, LESS))
        times = {job: {"scrape_interval": every, "scrape_timeout": within} for job, every, within in (
            ("busy", "2s", "2s"), ("small", "2s", "2s"), ("crowded", "2s", "1s"), ("calm", "2s", "2s"),
            ("far", "15s", "15s"), ("requests", "2s", "2s"))}
        jobs = [{"job_name": job, "honor_labels": True, **times[job],
                 "file_sd_configs": [{"files": [f"{self.folder}/{job}.json"], "refresh_interval": "1s"}]}
                for job in times]
        self.server = self.enter_context(prometheus.Prometheus(MAJOR, jobs, rules=rules, alertmanager=manager.port))

    def say(self, what):
        print(f"# {time.monotonic() - self.start:.0f} s: {what}", flush=True)

    def scrape(self, job, port):
        path = self.folder / f"{job}.new"
        path.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": {"cluster": "here", "node": "host"}}]))
        path.rename(self.folder / f"{job}.json")

    def named_server(self, name, command, clients, a_second):
        server = self.enter_context(Server(command, clients, a_second))
        self.names[server.group.id] = name
        return server

    def key(self, labels):
        """(alert, job, who) of what has arrived."""
        who = self.names.get(labels.get("id"), labels.get("id")) or labels.get("probe") or labels.get("source", "")
        return labels["alertname"], labels.get("job", ""), who

    def states(self):
        """{key: the last that has arrived}; what fires again is not resolved."""
        return {self.key(alert.labels): alert.status for alert in list(self.webhook.arrived)}


def more_than_may_be(scene, daemon, holders):
    """As many descriptors as this machine takes long enough to look at."""
    wanted = 500
    while True:
        holders.tell(wanted)
        took = min(float(support.value(daemon.metrics(), "tallyman_source_duration_seconds", source="process"))
                   for _ in range(2))
        if took >= BUSY_S:
            scene.say(f"{wanted} descriptors in each of {CROWD // HELD_IN} cgroups take {took:.1f} s")
            return
        wanted = int(wanted * min(4, max(1.3, 1.2 * BUSY_S / took)))


class Groups:
    """Many cgroups in one."""

    def __init__(self, scene, count):
        self.top = scene.enter_context(support.Cgroup())
        self.made = [self.top.path / str(number) for number in range(count)]
        scene.callback(self.remove)
        for path in self.made:
            path.mkdir()

    def remove(self):
        (self.top.path / "cgroup.kill").write_text("1")
        support.wait_for(lambda: not any(map(remains, self.made)), "the cgroups are removed")


def remains(path):
    """Whether it is there still: what has ended is so a moment later."""
    with contextlib.suppress(OSError):
        path.rmdir()
    return path.exists()


def busy(scene):
    """First, because a budget is one of 30 s, and a probe does more again after a calm minute."""
    group = scene.enter_context(support.Cgroup())
    config = pathlib.Path(scene.enter_context(tempfile.TemporaryDirectory()), "tallyman.yaml")
    config.write_text("probe: {budget: 1}\n")
    daemon = exporter(scene, group, f"--config.file={config}", probes=["syscalls"])
    load = [group.run(["nice", "-n", "19", "dd", "if=/dev/zero", "of=/dev/null", "bs=1"], stderr=subprocess.DEVNULL)
            for _ in range(os.cpu_count())]

    def end():
        for process in load:
            process.kill()
        config.write_text("probe: {budget: 0}\n")
        daemon.reload()

    return Cause("TallymanProbeSteppedDown", "busy", "syscalls", lambda: scene.scrape("busy", daemon.port), end,
                 lambda: scene.server.scalar('tallyman_probe_mode{job="busy", mode!="full"} == 1'))


def small(scene):
    groups = Groups(scene, WANDER)
    daemon = exporter(scene, groups.top, "--probe.budget=0", f"--probe.max-memory={SMALL_MIB}", probes=["syscalls"])
    wanderer = Trouble("wander", *groups.made)

    def begin():
        scene.enter_context(wanderer)
        scene.scrape("small", daemon.port)

    def end():
        wanderer.end()
        groups.remove()

    return Cause("TallymanProbeLosing", "small", "syscalls", begin, end)


def crowded(scene):
    groups = Groups(scene, CROWD)
    daemon = exporter(scene, groups.top, "--web.min-scrape-interval=0s", "--collector.process",
                      "--metrics.enable=container_sockets")
    holders = scene.enter_context(Trouble("hold", *groups.made[::HELD_IN]))

    def begin():
        more_than_may_be(scene, daemon, holders)
        scene.scrape("crowded", daemon.port)

    def end():
        holders.tell(0)
        groups.remove()  # also from what else knows of them

    return Cause("TallymanScrapeIncomplete", "crowded", "", begin, end)


def far(scene):
    """The exporter is scraped twice: of the one that is near nothing is told."""
    group = scene.enter_context(support.Cgroup())
    daemon = exporter(scene, group)
    port, line = scene.enter_context(Line(daemon.port))

    def begin():
        line.delay = LINE_S
        scene.scrape("far", port)
        scene.scrape("calm", daemon.port)

    return Cause("TallymanScrapeSlow", "far", "", begin, lambda: setattr(line, "delay", 0))


def requests(scene):
    failing = scene.named_server("failing", "fail 10", 2, 50)
    slowly = scene.named_server("slowly", "fail 500", 4, 100)
    slow = scene.named_server("slow", "slow 2.5", 8, 20)
    hanging = scene.named_server("hanging", "hang", 14, 20)
    scene.named_server("well", "fail 0", 2, 20).start()
    groups = "|".join(re.escape(ours) for ours in scene.names)
    daemon = exporter(scene, failing.group, f"--cgroups.include-id={groups}", "--probe.budget=0",
                      "--probe.max-memory=96", probes=["requests"])

    def begin():
        for server in (failing, slowly, slow, hanging):
            server.start()
        scene.scrape("requests", daemon.port)

    return [Cause("ContainerRequestsFail", "requests", "failing", begin, failing.heal),
            Cause("ContainerRequestsFailSlowly", "requests", "slowly", lambda: None, slowly.dilute,
                  after=slowly.stop),
            Cause("ContainerRequestsSlow", "requests", "slow", lambda: None, slow.heal),
            Cause("ContainerRequestsHang", "requests", "hanging", lambda: None, hanging.kill)]


def drive(scene, causes, within):
    """Until each alert has come and is over."""
    end, said = time.monotonic() + within, set()
    while True:
        states = scene.states()
        for news in sorted(set(states.items()) - said):
            scene.say(f"{news[1]}: {' '.join(news[0])}")
        said |= set(states.items())
        for cause in causes:
            if cause.go_on(states):
                scene.say(f"the cause of {cause.key[0]} has ended")
        missing = [(cause.key, states.get(cause.key)) for cause in causes if states.get(cause.key) != "resolved"]
        if not missing:
            return
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s, and what has come of it: {missing}")
        time.sleep(0.5)


def check_arrived(scene, alert):
    """Its labels, and what it says to whom it wakes."""
    labels, notes = alert.labels, alert.annotations
    if labels["alertname"] != "TallymanAbsent":  # which is of no target
        support.equal(labels["cluster"], "here", alert)
        support.equal(bool(labels["instance"]), True, alert)
    support.equal(labels["severity"] in ("critical", "warning", "info"), True, alert)
    support.equal(notes["runbook_url"], f"docs/runbooks/{labels['alertname']}.md")
    support.equal("<" in notes["description"], False, notes["description"])


def check_nothing_else(scene, expected):
    found = {key for key in scene.states() if key not in expected | MAYBE}
    reasons = {(scene.key(a.labels), a.labels.get("reason")) for a in scene.webhook.arrived}
    lost = {key for key in found if key[0] == "TallymanProbeLosing"
            and {reason for of, reason in reasons if of == key} <= MISSED}
    support.equal(sorted(found - lost), [], "alerts without a cause")
    broken = [(rule["name"], rule.get("lastError")) for group in scene.server.api("rules")["groups"]
              for rule in group["rules"] if rule["health"] != "ok"]
    support.equal(broken, [], "rules")


def test_alerts_arrive_for_their_causes():
    if os.geteuid() != 0:
        support.skip("only root may load programs and make cgroups")
    prometheus.fetch(MAJOR)
    alerting.fetch()
    with Scene() as scene:
        causes = [busy(scene)]
        absent = Cause("TallymanAbsent", "", "", lambda: None, lambda: [cause.begin() for cause in causes])
        scene.watch()
        causes += [*requests(scene), far(scene), small(scene), crowded(scene)]
        scene.say("there is everything but a target")
        drive(scene, [absent, *causes], 480)
        for alert in scene.webhook.arrived:
            check_arrived(scene, alert)
        check_nothing_else(scene, {cause.key for cause in [absent, *causes]})


if __name__ == "__main__":
    support.main(globals())
