#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks dashboards/*.json without a network: form, Grafana's dashboard-linter's rules, links, and that each
metric they name is exported and each that is exported is shown, or said to be unused and why."""

import json
import pathlib
import re
import sys

import promql

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"
UNITS = set("none string short percent percentunit bytes decbytes bits Bps bps pps s ms ns m h d dtdurations "
            "dateTimeAsIso dateTimeFromNow ops reqps iops cps bool bool_yes_no hertz locale".split())
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What Prometheus itself has of a target.
BUILT_IN = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS", "ALERTS_FOR_STATE"}
# What each target has that is read, also one that has only its job in common with Tallyman.
OF_ANYBODY = re.compile("up|scrape_|process_")
VARIABLES = ["datasource", "cluster", "job", "instance"]
WORKLOAD_VARIABLES = VARIABLES + ["namespace", "pod", "container"]
RATES = {"rate", "irate", "increase"}
SUFFIXES = ("_bucket", "_sum", "_count")


class Families:
    """What METRICS.md says is exported."""

    def __init__(self):
        self.type, self.on = {}, {}
        for line in (ROOT / "METRICS.md").read_text(encoding="utf-8").splitlines():
            cells = [cell.strip(" `") for cell in line.split("|")]
            if len(cells) == 9 and re.fullmatch(r"[a-z][a-z0-9_]+", cells[1]):
                self.type[cells[1]], self.on[cells[1]] = cells[2], cells[5]
        self.records = set()
        for path in (DASHBOARDS / "rules").glob("*.yaml"):
            self.records |= set(re.findall(r"^\s*-?\s*record:\s*(\S+)", path.read_text(encoding="utf-8"), re.M))

    def family(self, name):
        """The family of a series' name, or None: a histogram's series have suffixes."""
        if name in self.type:
            return name
        for suffix in SUFFIXES:
            base = name.removesuffix(suffix)
            if name.endswith(suffix) and self.type.get(base) == "histogram":
                return base
        return None

    def is_counter(self, name):
        """Whether it only grows: of a native histogram the family is a series too."""
        return self.type.get(self.family(name)) in ("counter", "histogram")


def read_list(path):
    """{word: reason} of a list with a word and a reason on each line."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            word, _, reason = line.partition(" ")
            found[word] = reason.strip()
    return found


def without_twins(pairs):
    found = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key} stands twice")
        found[key] = value
    return found


class Lint:
    def __init__(self):
        self.families = Families()
        self.complaints = []
        self.shown = set()
        self.dashboards = {}
        self.where = ""

    def require(self, condition, what):
        if not condition:
            self.complaints.append(f"{self.where}: {what}")

    def load(self):
        for path in sorted(DASHBOARDS.glob("*.json")):
            self.where = str(path.relative_to(ROOT))
            try:
                dashboard = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=without_twins)
            except ValueError as error:
                self.complaints.append(f"{self.where}: {error}")
                continue
            self.require(dashboard.get("uid") not in self.dashboards, f"uid {dashboard.get('uid')} stands twice")
            self.dashboards[dashboard.get("uid")] = (path, dashboard)
        titles = [dashboard.get("title") for _, dashboard in self.dashboards.values()]
        self.where = "dashboards"
        self.require(len(titles) >= 6, f"only {len(titles)} dashboards")
        self.require(len(set(titles)) == len(titles), "two have one title")

    def check(self):
        self.load()
        for path, dashboard in self.dashboards.values():
            self.where = str(path.relative_to(ROOT))
            self.check_dashboard(path, dashboard)
        self.check_coverage()
        return self.complaints

    def check_dashboard(self, path, dashboard):
        name = self.where
        self.require(re.fullmatch(r"tallyman-[a-z-]{2,31}", dashboard["uid"]), "uid is not tallyman-NAME")
        self.require(dashboard["uid"] == "tallyman-" + path.stem, "uid and name of the file differ")
        wanted = {"id": None, "schemaVersion": 42, "editable": False, "graphTooltip": 1, "refresh": "30s", "version": 1}
        for key, value in wanted.items():
            self.require(dashboard.get(key, "") == value, f"{key} is {dashboard.get(key)!r}, not {value!r}")
        self.require("tallyman" in dashboard.get("tags", []), "no tag tallyman, by which dashboards find each other")
        links = [link for link in dashboard.get("links", []) if link.get("tags") == ["tallyman"]]
        self.require(links and links[0].get("keepTime") and links[0].get("includeVars"),
                     "no link to the others that keeps time and variables")
        self.require(len(dashboard.get("description", "")) > 20, "no description")
        self.check_variables(dashboard)
        annotations = dashboard["annotations"]["list"]
        for wanted_name in ("OOM kills", "Restarts", "Deploys"):
            self.require(any(a["name"] == wanted_name for a in annotations), f"no annotation {wanted_name}")
        for annotation in annotations:
            if not annotation.get("builtIn"):
                self.where = f"{name}: annotation {annotation['name']}"
                self.require(annotation["datasource"] == DATASOURCE, "another data source than $datasource")
                self.check_expression(annotation["expr"])
        self.where = name
        self.check_panels(dashboard)

    def check_variables(self, dashboard):
        name, variables = self.where, dashboard["templating"]["list"]
        names = [variable["name"] for variable in variables]
        wanted = VARIABLES if dashboard["uid"] == "tallyman-self" else WORKLOAD_VARIABLES
        self.require(names[:len(wanted)] == wanted, f"variables are {names}, and do not begin with {wanted}")
        for variable in variables:
            self.where = f"{name}: variable {variable['name']}"
            if variable["type"] == "datasource":
                self.require(variable["name"] == "datasource" and variable["label"] == "Data source"
                             and variable["query"] == "prometheus", "not as dashboard-linter has it")
                continue
            self.require(variable.get("label"), "no label")
            if variable["type"] != "query":
                continue
            self.require(variable.get("refresh") == 2, "not refreshed when the time range changes")
            self.require(variable.get("datasource") == DATASOURCE, "another data source than $datasource")
            if variable["name"] == "job":
                self.require(variable["multi"] and "allValue" not in variable, "all would take the jobs of others")
            if variable["name"] == "instance":
                self.require(variable["multi"] and variable.get("allValue") == ".+", "not multi with .+ for all")
            if variable["name"] in ("cluster", "namespace", "pod", "container"):
                self.require(variable.get("allValue") == ".*", "all would leave out what has no such label")
            match = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["query"])
            self.require(match, f"not a query for the values of a label: {variable['query']}")
            if match:
                self.check_expression(match[1], names, job=variable["name"] not in VARIABLES)
        self.where = name

    def check_panels(self, dashboard):
        name, ids, places = self.where, set(), set()
        for panel in dashboard["panels"]:
            self.where = f"{name}: panel {panel.get('title', panel.get('id'))!r}"
            self.require(panel.get("id") not in ids, f"id {panel.get('id')} stands twice")
            ids.add(panel.get("id"))
            grid = panel["gridPos"]
            self.require(grid["x"] + grid["w"] <= 24, "wider than the grid")
            cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"])
                     for y in range(grid["y"], grid["y"] + grid["h"])}
            self.require(not cells & places, "lies over another")
            places |= cells
            self.require(panel.get("title"), "no title")
            if panel["type"] != "row":
                self.require(len(panel.get("description", "")) >= 40, "no description that says what to do")
            if panel["type"] not in ("row", "text"):
                self.check_panel(panel)
                self.check_links(panel)
        self.where = name

    def check_panel(self, panel):
        self.require(panel.get("datasource") == DATASOURCE, "another data source than $datasource")
        defaults = panel["fieldConfig"]["defaults"]
        self.require(defaults.get("unit") in UNITS, f"unit {defaults.get('unit')!r}")
        for override in panel["fieldConfig"].get("overrides", []):
            for item in override["properties"]:
                self.require(item["id"] != "unit" or item["value"] in UNITS, f"unit {item.get('value')!r}")
        steps = defaults.get("thresholds", {}).get("steps", [])
        self.require(steps and steps[0]["value"] is None, "no thresholds")
        targets = panel.get("targets", [])
        self.require(targets, "nothing is asked for")
        refs = [target["refId"] for target in targets]
        self.require(len(set(refs)) == len(refs), "a refId stands twice")
        for target in targets:
            self.require(target.get("datasource") == DATASOURCE, "a target has another data source than $datasource")
            self.check_expression(target["expr"])

    def check_expression(self, expression, variables=None, job=True):
        try:
            found = promql.selectors(expression)
        except ValueError as error:
            self.complaints.append(f"{self.where}: {error}")
            return
        for selector in found:
            self.check_selector(selector, variables, job)
        metrics = [selector.metric for selector in found]
        self.require("tallyman_build_info" in metrics or not any(map(OF_ANYBODY.match, metrics)),
                     "what each target has is not held against tallyman_build_info")

    def check_selector(self, selector, variables, job):
        metric = selector.metric
        family = self.families.family(metric)
        known = family or metric in BUILT_IN or metric in self.families.records
        self.require(known, f"{metric} is not in METRICS.md, and no rule records it")
        self.require(self.families.on.get(family) != "API", f"{metric} is in the JSON API alone")
        if family:
            self.shown.add(family)
        if job and metric not in self.families.records:
            for label in ("job", "instance", "cluster"):
                self.require(("=~", "$" + label) in selector.matchers.get(label, []),
                             f"{metric} is not selected with {label}=~\"${label}\"")
        if variables is not None:
            return
        if self.families.is_counter(metric):
            self.require(selector.function in RATES, f"the counter {metric} is in no rate(), irate() or increase()")
        elif family:
            self.require(selector.function not in RATES, f"{selector.function}() of {metric}, which is no counter")
        if selector.function in ("rate", "irate"):
            self.require(selector.range == "$__rate_interval", f"{metric}[{selector.range}] in {selector.function}()")

    def check_links(self, panel):
        text = json.dumps(panel)
        kept = {name for step in panel.get("transformations", []) if step["id"] == "filterFieldsByName"
                for name in step["options"]["include"]["names"]}
        for field in re.findall(r"__data\.fields\.(\w+)", text):
            self.require(field in kept, f"a link names the field {field}, which the table has not")
        for uid, query in re.findall(r"/d/([a-z-]+)(?:/[a-z-]+)?([^\")]*)", text):
            self.require(uid in self.dashboards, f"a link to {uid}, which is no dashboard here")
            if uid not in self.dashboards:
                continue
            there = {v["name"] for v in self.dashboards[uid][1]["templating"]["list"]}
            for variable in re.findall(r"var-(\w+)=", query):
                self.require(variable in there, f"a link to {uid} with the variable {variable}, which it has not")

    def check_coverage(self):
        """Each family that is exported is shown, or said to be unused with a reason."""
        self.where = "dashboards/unused.txt"
        unused = read_list(DASHBOARDS / "unused.txt")
        for name, reason in unused.items():
            self.require(reason, f"{name} is unused, but why?")
            self.require(name in self.families.type, f"{name} is not in METRICS.md")
            self.require(name not in self.shown, f"{name} is on a dashboard")
        for name in sorted(set(self.families.type) - self.shown - set(unused)):
            if self.families.on[name] != "API":
                self.require(False, f"{name} is exported; show it on a dashboard, or write down here why not")
        self.require(len(self.families.type) > 150, f"METRICS.md has only {len(self.families.type)} families")


def main():
    complaints = Lint().check()
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
