#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout=600
"""The rules of dashboards/rules/: promtool 2.42 and 3.x take them, their unit tests (tests/rules/) pass with
the shipped durations, each alert has what whoever it wakes needs, and the mixin is the same rules."""

import collections
import json
import pathlib
import re
import subprocess
import time

import yaml

import prometheus
import support

RULES = sorted((support.ROOT / "dashboards/rules").glob("*.yaml"))
UNIT_TESTS = sorted((support.ROOT / "tests/rules").glob("*.yaml"))
RUNBOOKS = support.ROOT / "docs/runbooks"
SECTIONS = ["## What it means", "## How to see it", "## How to fix it", "## How to silence it"]
# What Prometheus itself says of each target, and of its alerts.
OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_timeout_seconds", "scrape_samples_scraped", "ALERTS"}
WORDS = {"and", "or", "unless", "ignoring", "on", "group_left", "group_right", "without", "by", "offset", "bool"}


def rules():
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def exported():
    """Every name of METRICS.md, and what a histogram's samples are called."""
    names = set()
    for line in (support.ROOT / "METRICS.md").read_text().splitlines():
        match = re.match(r"\| `([a-z_0-9]+)` \|", line)
        if match:
            names.add(match[1])
    return names | {name + end for name in names for end in ("_bucket", "_sum", "_count")}


def names_in(expression):
    """The metrics that an expression selects."""
    text = re.sub(r"#.*", "", expression)
    text = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    text = re.sub(r"\b(ignoring|on|group_left|group_right|without|by)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", text)
    found = re.findall(r"(?<![\w:.])([a-zA-Z_][\w:]*)(?!\s*\()(?![\w:])", text)
    return {name for name in found if name not in WORDS}


def all_pass(major, arguments):
    """Runs promtool once for each list of arguments."""
    prometheus.fetch(major)
    for words in arguments:
        start = time.monotonic()
        status, lines = prometheus.promtool(major, *map(str, words))
        if status:
            raise AssertionError(f"promtool {major} {' '.join(map(str, words))}:\n" + "\n".join(lines[:60]))
        print(f"# promtool {major} {words[0]} {pathlib.Path(words[-1]).name}: {time.monotonic() - start:.1f} s")


def test_promtool_2_takes_the_rules():
    all_pass(2, [["check", "rules", *RULES]])


def test_promtool_3_takes_the_rules():
    all_pass(3, [["check", "rules", *RULES]])


def test_unit_tests_with_promtool_2():
    all_pass(2, [["test", "rules", path] for path in UNIT_TESTS])


def test_unit_tests_with_promtool_3():
    all_pass(3, [["test", "rules", path] for path in UNIT_TESTS])


def test_every_alert_is_unit_tested():
    """Each fires somewhere, is silent elsewhere, and is silent once more after it has fired."""
    fired, resolved = set(), set()
    for path in UNIT_TESTS:
        for case in yaml.safe_load(path.read_text())["tests"]:
            seen = collections.defaultdict(list)
            for check in case["alert_rule_test"]:
                seen[check["alertname"]].append((seconds(check["eval_time"]), len(check["exp_alerts"])))
            for name, results in seen.items():
                counts = [count for _, count in sorted(results)]
                if any(counts):
                    fired.add(name)
                if any(later < earlier for earlier, later in zip(counts, counts[1:])) and counts[-1] == 0:
                    resolved.add(name)
    names = set(alerts())
    support.equal(sorted(fired), sorted(names), "alerts that fire in a test")
    support.equal(sorted(names - resolved), [], "alerts that do not resolve in a test")


def seconds(duration):
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", str(duration)))


def test_alerts_have_what_is_needed():
    faults = []
    for name, rule in alerts().items():
        notes = rule.get("annotations", {})
        if not re.fullmatch(r"(Container|Tallyman)[A-Z]\w+", name):
            faults.append(f"{name}: neither Container... nor Tallyman...")
        if rule.get("labels", {}).get("severity") not in ("critical", "warning", "info"):
            faults.append(f"{name}: severity {rule.get('labels')}")
        if sorted(notes) != ["description", "runbook_url", "summary"]:
            faults.append(f"{name}: annotations {sorted(notes)}")
        if "{{" in notes["summary"] or not notes["summary"].endswith("."):
            faults.append(f"{name}: a summary is one static sentence")
        if "{{" not in notes["description"] and name != "TallymanAbsent":
            faults.append(f"{name}: a description without numbers or names")
        if notes["runbook_url"] != f"docs/runbooks/{name}.md":
            faults.append(f"{name}: runbook_url {notes['runbook_url']}")
        if re.search(r'"id", "\$1", "id"', rule["expr"]):
            faults.append(f"{name}: siblings that differ by their id alone become one, which fails")
        if re.search(r"\bjob(=|!|~)", rule["expr"]):
            faults.append(f"{name}: selects a job")
    support.equal(faults, [])
    names = [rule.get("alert") or rule["record"] for rule in rules()]
    support.equal(sorted(names), sorted(set(names)), "names that stand once")


def test_runbooks():
    """One for each alert and none besides; each with its sections, its severity, and links that lead somewhere."""
    support.equal(sorted(path.stem for path in RUNBOOKS.iterdir()), sorted(alerts()))
    known = exported() | OF_PROMETHEUS | {rule["record"] for rule in rules() if "record" in rule}
    for path in RUNBOOKS.iterdir():
        text = path.read_text()
        support.equal(re.findall("^## .*", text, re.MULTILINE), SECTIONS, path.name)
        support.equal(text.splitlines()[0], f"# {path.stem}")
        severity = alerts()[path.stem]["labels"]["severity"]
        support.equal(re.search(r"^Severity: (\w+)\.$", text, re.MULTILINE)[1], severity, path.name)
        for link in re.findall(r"\]\(([^)#]+)", text):
            if not (path.parent / link).exists():
                raise AssertionError(f"{path.name}: {link} leads nowhere")
        for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                unknown = names_in(line) - known
                support.equal(unknown, set(), f"{path.name}: {line}")


def test_metrics_exist():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = exported() | recorded | OF_PROMETHEUS
    used = set()
    for rule in rules():
        queries = re.findall(r"`([^`]*\{[^`]*)`", rule.get("annotations", {}).get("description", ""))
        for text in (rule["expr"], *queries):
            found = names_in(text)
            support.equal(found - known, set(), f"{rule.get('alert') or rule.get('record')}: not in METRICS.md")
            used |= found
    support.equal(recorded - used, set(), "recorded and used by no alert")
    if len(used) < 40:
        raise AssertionError(f"too few names were found: {sorted(used)}")


def evaluate(expression):
    result = subprocess.run(["jsonnet", "-e", expression], cwd=support.ROOT, capture_output=True, text=True,
                            check=False)
    if result.returncode:
        raise AssertionError(result.stderr[:2000])
    return json.loads(result.stdout)


def without_space(groups):
    """Rules whose expressions differ in white space only are the same."""
    for group in groups:
        for rule in group["rules"]:
            rule["expr"] = " ".join(rule["expr"].split())
    return groups


def test_mixin_is_the_same_rules():
    mixin = evaluate('local m = import "dashboards/mixin.libsonnet"; [m.prometheusRules.groups, m.prometheusAlerts.groups]')
    files = {path.stem: without_space(yaml.safe_load(path.read_text())["groups"]) for path in RULES}
    support.equal(sorted(files), ["containers", "recording", "requests", "tallyman"])
    support.equal(without_space(mixin[0]), files["recording"])
    support.equal(without_space(mixin[1]), files["containers"] + files["requests"] + files["tallyman"])
    changed = evaluate('((import "dashboards/mixin.libsonnet") + {_config+:: {runbookPrefix: "https://example.org/", '
                       'alertLabels: {team: "ops"}}}).prometheusAlerts.groups')
    for rule in changed[0]["rules"] + changed[1]["rules"]:
        support.equal(rule["annotations"]["runbook_url"], f"https://example.org/docs/runbooks/{rule['alert']}.md")
        support.equal(rule["labels"], {**alerts()[rule["alert"]]["labels"], "team": "ops"})


if __name__ == "__main__":
    support.main(globals())
