# SPDX-License-Identifier: Apache-2.0
"""What Grafana does with a dashboard before it asks Prometheus: it finds the values of the variables, chooses
as the dashboard says, and puts them into the queries. For tests and previews."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
ALL = "$__all"


def load():
    """All dashboards by uid."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    return {dashboard["uid"]: dashboard for dashboard in found}


def escape(value):
    """A value of a variable as part of a regular expression in a PromQL string."""
    return re.sub(r"[$^*{}\[\]'+?.()|\\/]", lambda match: "\\\\" + match[0], value)


def interpolate(text, values):
    """Puts {variable: text} into a query; an unknown variable is an error."""
    def replace(match):
        name = match[1] or match[2]
        if name.isdigit():
            return match[0]  # a group of label_replace()
        if name not in values:
            raise KeyError(f"no variable {name} for {text}")
        return values[name]
    return re.sub(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}", replace, text)


def chosen(variable, options, wanted=None):
    """The text that stands for a variable in a query, or None when there is nothing to choose."""
    if wanted is None:
        current = variable.get("current") or {}
        wanted = current.get("value", [])
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    if ALL in wanted and variable.get("includeAll"):
        if variable.get("allValue"):
            return variable["allValue"]
        wanted = options
    wanted = [value for value in wanted if value in options] or options[:1]
    if not wanted:
        return variable.get("allValue")
    if variable["type"] == "custom" and not variable["multi"]:
        return wanted[0]
    return escape(wanted[0]) if len(wanted) == 1 else "(" + "|".join(map(escape, wanted)) + ")"


def variables(dashboard, server, wanted=(), span=300, step=15):
    """{name: text} of all variables as they are when a person opens the dashboard, with those that
    `wanted` chooses, {name: [value...]}. `server` answers label_values(selector, label)."""
    values = {"__rate_interval": f"{max(4 * step, 4)}s", "__interval": f"{step}s", "__range": f"{span}s",
              "__interval_ms": str(step * 1000), "__range_s": str(span)}
    wanted = dict(wanted)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "datasource":
            values[variable["name"]] = "prometheus"
            continue
        if variable["type"] == "custom":
            options = [option["value"] for option in variable["options"]]
        else:
            selector, label = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["query"]).groups()
            options = server.label_values(interpolate(selector, values), label)
        text = chosen(variable, options, wanted.get(variable["name"]))
        values[variable["name"]] = text if text is not None else ".*"
    return values


def queries(dashboard):
    """(where, expression, instant) of every panel and annotation."""
    for annotation in dashboard["annotations"]["list"]:
        if not annotation.get("builtIn"):
            yield f"annotation {annotation['name']}", annotation["expr"], False
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"], target.get("instant", False)
