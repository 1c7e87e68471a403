#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=1200 kernels=6.12 long-kernels=6.1,6.12
"""From a limit reached to the person who must know: real containers are driven into each situation; a real
Prometheus 2.x, and a real 3.x with native histograms, scrape the exporter in the machine and evaluate the
shipped rules; a real Alertmanager of each brings to a webhook each alert for its cause and no other, and its
end once the cause is gone. (Of ContainerStalledOnCPU only that it comes for its cause: in an emulated machine
everybody has one at times. What is no cause of it, tests/rules/ proves.) At last the dashboards have had data in
every expression of theirs: the probes are on for that, with other load; in make test-full all the time.

The rules are those of dashboards/rules/ with every duration divided by situations.FACTOR or .LESS; shipped
durations are proved by promtool (tests/rules/). The rest about Tallyman itself, and requests: tests/host/test_alerts_live.py."""

import contextlib
import re
import time

import bed as beds
from bed import require
import alerting
import load
import prometheus
import shown
import situations
from situations import keys, who
import support

# What each Prometheus calls the job is of no matter, nor that there is a second cluster.
JOBS = {2: "any-name", 3: "cadvisor"}
LONG = support.long_run()
TIMES = {"scrape_interval": "4s", "scrape_timeout": "4s", "honor_labels": True}


class Post:
    """A Prometheus with the rules, what has arrived from it at a webhook, and what its dashboards show."""

    def __init__(self, major, bed, sick):
        self.major, self.bed, self.sick = major, bed, sick
        self.title = f"alerts, Prometheus {major}"
        self.expected, self.read = set(keys(situations.MAYBE)), 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.webhook = stack.enter_context(alerting.Webhook())
            manager = stack.enter_context(alerting.Alertmanager(self.webhook.port))
            rules = stack.enter_context(alerting.scaled_rules(situations.FACTOR, situations.LESS))
            jobs = [prometheus.scrape_config(JOBS[self.major], self.bed.port, {"cluster": "bed", "node": "vm"}, **TIMES),
                    prometheus.scrape_config("sick", self.sick, {"cluster": "other"}, **TIMES)]
            self.server = stack.enter_context(prometheus.Prometheus(
                self.major, jobs, self.major == 3, rules=rules, alertmanager=manager.port))
            self.shown = shown.Shown(self.server, JOBS[self.major], time.time())
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def fired(self):
        return {(a.labels["alertname"], who(a.labels)) for a in list(self.webhook.arrived) if a.status == "firing"}

    def resolved(self):
        """What has fired and is over."""
        last = {(a.labels["alertname"], who(a.labels)): a.status for a in list(self.webhook.arrived)}
        return {key for key, status in last.items() if status == "resolved"}

    def first(self, alert, name):
        found = [a for a in self.webhook.arrived if a.labels["alertname"] == alert and who(a.labels) == name]
        require(found, "it has not arrived")
        return found[0]

    def say_unexpected(self, say):
        """What has come without a cause, when it comes."""
        for alert in self.webhook.arrived[self.read:]:
            self.read += 1
            if (alert.labels["alertname"], who(alert.labels)) not in self.expected:
                say(f"{self.title}: {alert.status} {alert.labels['alertname']}: {alert.annotations['description']}")

    def is_scraped(self):
        """Whether the machine has been, twice. A scrape that takes too long is tried again."""
        return (self.server.scalar(f'sum_over_time(up{{job="{JOBS[self.major]}"}}[10m])') or 0) >= 2

    def broken_rules(self):
        return [(rule["name"], rule.get("lastError")) for group in self.server.api("rules")["groups"]
                for rule in group["rules"] if rule["health"] != "ok"]

    def scrapes(self):
        """How the scrapes of the machine went, for the log."""
        job = JOBS[self.major]
        return f"{self.title}: " + ", ".join(f"{name} {self.server.scalar(query):.2f}" for name, query in (
            ("scrape on average", f'avg_over_time(scrape_duration_seconds{{job="{job}"}}[1h])'),
            ("at most", f'max_over_time(scrape_duration_seconds{{job="{job}"}}[1h])'),
            ("share of good ones", f'avg_over_time(up{{job="{job}"}}[1h])')))


def wait(posts, wanted, state, within):
    """Waits until all of these have arrived everywhere as `state`: Post.fired or Post.resolved."""
    start = time.monotonic()
    missing = None
    while missing != {}:
        before, missing = missing, {post.major: sorted(wanted - state(post)) for post in posts if wanted - state(post)}
        seconds = time.monotonic() - start
        require(not missing or seconds < within, f"not {state.__name__} within {within} s: {missing}")
        if before and missing != before:
            came = {alert for keys_of in before.values() for alert, _ in keys_of} - {
                alert for keys_of in missing.values() for alert, _ in keys_of}
            if came:
                print(f"#   after {seconds:.0f} s {state.__name__}: {', '.join(sorted(came))}", flush=True)
        for post in posts:
            post.say_unexpected(post.bed.say)
        time.sleep(0.5)


def check_arrived(bed, post, expected):
    """Rows of the table: each alert for its cause, with its labels; and no other."""
    for alert, name in sorted(expected):
        with bed.check(post.title, f"{alert} {name}".strip()):
            arrived = post.first(alert, name)
            labels, notes = arrived.labels, arrived.annotations
            require(labels["cluster"] in ("bed", "other") and labels["instance"], f"labels of its target: {labels}")
            require(labels["severity"] in ("critical", "warning", "info"), f"severity: {labels}")
            support.equal(notes["runbook_url"], f"docs/runbooks/{alert}.md")
            # Those of a pod are called by the pod and by their place in it.
            called = labels.get("container") or labels.get("name", "")
            require("<" not in notes["description"] and called in notes["description"],
                    f"description: {notes['description']}")
            if labels["severity"] != "info":  # what tells of a limit that is not there has none to tell
                require(re.search(r"\d", notes["description"]), f"no number: {notes['description']}")
    with bed.check(post.title, "nothing else"):
        unexpected = post.fired() - post.expected
        # All of an emulated machine waits for processors at times: that is a cause, too.
        unexpected = {(alert, name) for alert, name in unexpected if alert != "ContainerStalledOnCPU"}
        support.equal(sorted(unexpected), [], "alerts without a cause")
    with bed.check(post.title, "rules evaluate"):
        support.equal(post.broken_rules(), [])


def drive(bed, posts, sick):
    """Into all situations and out of them; what was expected."""
    title = "alerts"
    load.start(bed, load.QUIET if LONG else (load.SWAP,))
    for post in posts:  # also of what gets a limit only now
        post.expected |= keys({"ContainerWithoutMemoryLimit": situations.without_limit(bed)})
    bed.guest(situations.START)
    bed.say("started")
    always = {**sick, "ContainerWithoutMemoryLimit": situations.without_limit(bed)}
    first, second = keys(situations.FIRST, always), keys(situations.SECOND)
    for post in posts:
        post.expected |= first | second
    with bed.check(title, "fired"):
        wait(posts, first, Post.fired, 400)
    bed.guest(situations.ESCALATE)
    bed.say("escalated")
    if LONG:
        load.deploy(bed)
        bed.say("deployed")
    with bed.check(title, "escalated"):
        wait(posts, second, Post.fired, 400)
        wait(posts, {("ContainerStorageNearlyFull", "/srv/small")}, Post.resolved, 200)
    bed.say("fired")
    look(bed, posts)
    bed.guest(situations.RELIEVE)
    bed.say("relieved")
    if not LONG:  # for the dashboards, later
        load.start(bed, [script for script in load.QUIET if script != load.SWAP])
        bed.say("loaded")
    with bed.check(title, "resolved"):
        wait(posts, keys(situations.FIRST) | second, Post.resolved, 400)
    bed.say("resolved")
    return first | second


def check_gone(bed):
    """Nothing is shown that is no more."""
    with bed.check("alerts", "what is gone"):
        shown_ids = {sample.labels["id"] for sample in bed.metrics()["container_info"]}
        there = set(bed.guest("cd /sys/fs/cgroup && find . -type d").replace("./", "/").split("\n")) | {"/"}
        support.equal(sorted(shown_ids - there), [], "cgroups that are not there")


def check_down(bed, posts):
    down = {("TallymanDown", "")}
    for post in posts:
        post.expected |= down
    with bed.check("alerts", "TallymanDown"):
        bed.guest("systemctl kill -s STOP tallyman")
        wait(posts, down, Post.fired, 200)
        if LONG:
            bed.guest("systemctl kill -s CONT tallyman")
        else:
            bed.start(situations.FLAGS)
        wait(posts, down, Post.resolved, 200)
    bed.say("down, and up again")


def look(bed, posts):
    """What is still missing on dashboards."""
    for post in posts:
        post.shown.look()
    missing = [where for post in posts for empty in post.shown.missing().values() for where in empty]
    bed.say(f"looked: {len(missing)} expressions have had no data yet")
    return missing


def check_dashboards(bed, posts):
    load.start(bed, (load.SLOW,))  # which alerts somebody
    end, stopped = time.monotonic() + 200, 0
    while look(bed, posts) and time.monotonic() < end:
        stopped += 1
        load.stop_one(bed, stopped)
    for post in posts:
        post.shown.check(bed, f"dashboards, Prometheus {post.major}")


def test(bed):
    start = time.monotonic()
    bed.say = lambda what: print(f"# {time.monotonic() - start:.0f} s: {what}", flush=True)
    try:
        for major in JOBS:
            prometheus.fetch(major)
        alerting.fetch()
    except support.Skip as reason:
        bed.row("alerts", "all", "skip", str(reason))
        return
    situations.add_disks(bed)
    with contextlib.ExitStack() as stack:
        port, sick = stack.enter_context(situations.sick_exporter())
        posts = [stack.enter_context(Post(major, bed, port)) for major in JOBS]
        for post in posts:
            support.wait_for(post.is_scraped, "two scrapes of the machine", 120)
        expected = drive(bed, posts, sick)
        check_gone(bed)
        for post in posts:
            check_arrived(bed, post, expected)
            bed.say(post.scrapes())
        check_down(bed, posts)
        check_dashboards(bed, posts)


if __name__ == "__main__":
    beds.main(test, situations.FLAGS if LONG else situations.LIGHT)
