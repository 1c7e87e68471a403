#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON API and the page: every path with good and bad parameters, every answer held against
openapi.json, and names that try to break out of JSON and HTML."""

import html.parser
import json
import os
import pathlib
import re
import shutil
import socket
import tempfile
import time
import urllib.parse

import jsonschema

import support
from support import equal, require

DESCRIPTION = json.loads((support.ROOT / "exporters/api/openapi.json").read_text())
FIXTURE = "debian-6.12"
HOSTILE = [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "a'b\"c\\d", "new\nline\ttab\x1b",
    "ümläut-日本-\u2028-\u202egnp", "&amp;&lt;", "%00%2e%2e", "x" * 200,
]


def resolve(node):
    while "$ref" in node:
        found = DESCRIPTION
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def operation(path):
    """The description of GET for a path, which may have parameters."""
    path = path.split("?")[0]
    for template, item in DESCRIPTION["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return item["get"]
    return None


def validate(instance, schema, what):
    whole = {**schema, "components": DESCRIPTION["components"]}
    checker = jsonschema.FormatChecker()
    errors = list(jsonschema.Draft202012Validator(whole, format_checker=checker).iter_errors(instance))
    require(not errors, f"{what}: {[error.message[:300] for error in errors[:3]]}")


def ask(daemon, path, status=200, headers=None, method="GET"):
    """Asks, and holds status, content type and body against the description; returns the document."""
    response = daemon.get(path, headers, method)
    equal(response.status, status, path)
    described = operation(path)
    if status == 200:
        equal(response.headers["Content-Type"], "application/json", path)
    else:
        equal(response.headers["Content-Type"], "application/problem+json", path)
    document = json.loads(response.text)
    if described is None:
        equal(status, 404, path)
        validate(document, {"$ref": "#/components/schemas/Problem"}, path)
        return document
    answer = resolve(described["responses"][str(status)])
    (content,) = answer["content"].values()
    validate(document, content["schema"], path)
    if status >= 400:
        equal(document["status"], status, path)
        equal(document["instance"], urllib.parse.unquote(path.split("?")[0]), path)
    return document


def fixture_daemon(*args):
    return support.Daemon(*support.fixture(FIXTURE), *args)


def keys(document):
    """All keys, two deep: what a complete document has."""
    return {(key, inner) for key, value in document.items()
            for inner in (value if isinstance(value, dict) else (None,))}


def everything(daemon, path="/api/v1/workloads"):
    return ask(daemon, f"{path}?limit=10000")["items"]


def check_all_paths(daemon):
    for path in DESCRIPTION["paths"]:
        if "{id}" in path:
            for item in everything(daemon)[:3]:
                if not path.endswith("/processes"):
                    ask(daemon, path.replace("{id}", item["id"]))
        else:
            ask(daemon, path)
    for path in ("workloads", "limits", "cgroups", "top", "sources"):
        rows = ask(daemon, f"/api/v1/{path}?format=table")
        require(isinstance(rows, list) and (rows or path == "top"), f"{path}: no flat array")
        for row in rows:
            require(not any(isinstance(value, (dict, list)) for value in row.values()), f"{path}: nested")


def test_openapi_is_what_the_binary_serves():
    with fixture_daemon() as daemon:
        equal(json.loads(daemon.get("/api/v1/openapi.json").text), DESCRIPTION)


def references(node):
    """All $ref of the description."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_openapi_is_valid():
    # The OpenAPI Initiative's own schema of OpenAPI 3.1 documents (Apache-2.0), as they publish it.
    schema = json.loads((support.ROOT / "tests/e2e/openapi-3.1.schema.json").read_text())
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(DESCRIPTION))
    require(not errors, [f"{list(error.path)}: {error.message[:200]}" for error in errors[:5]])
    for name, part in DESCRIPTION["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(part)
        except jsonschema.SchemaError as error:
            raise AssertionError(f"{name}: {error.message}") from error
    used = set(references(DESCRIPTION))
    for reference in used:
        require(resolve({"$ref": reference}), reference)
    for kind in ("schemas", "parameters", "responses"):
        for name in DESCRIPTION["components"][kind]:
            require(f"#/components/{kind}/{name}" in used, f"{kind}/{name} is not used")
    names = [item["get"]["operationId"] for item in DESCRIPTION["paths"].values()]
    equal(len(set(names)), len(names))
    broken = {**DESCRIPTION, "paths": {"no-slash": {}}}
    require(list(jsonschema.Draft202012Validator(schema).iter_errors(broken)), "the schema accepts anything")


def test_examples_fit_their_schemas():
    count = 0
    for path, item in DESCRIPTION["paths"].items():
        for content in resolve(item["get"]["responses"]["200"])["content"].values():
            if "example" in content:
                validate(content["example"], content["schema"], path)
                count += 1
    require(count >= 9, f"only {count} examples")


def test_every_path_on_the_fixture():
    with fixture_daemon() as daemon:
        check_all_paths(daemon)


def test_every_path_on_this_host():
    support.cgroup2_mount()
    with support.Daemon() as daemon:
        check_all_paths(daemon)


def connect(times):
    """This process with itself, over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(times):
            with socket.create_connection(listener.getsockname()) as client:
                listener.accept()[0].close()
                client.recv(1)


def test_map_of_this_host():
    support.cgroup2_mount()
    with support.Daemon("--collector.disable-defaults", "--collector.connections") as daemon:
        time.sleep(1)  # the probe is opened when the first reading has been answered
        (source,) = [s for s in ask(daemon, "/api/v1/sources")["items"] if s["name"] == "connections"]
        if not source["up"]:
            support.skip(source["reason"])
        connect(20)
        support.wait_for(lambda: any(edge["source"] == edge["target"] and edge["connects"] >= 20
                                     for edge in ask(daemon, "/api/v1/map")["edges"]),
                         "somebody is connected with itself", 20)
        graph = ask(daemon, "/api/v1/map")
        nodes = {node["id"]: node for node in graph["nodes"]}
        require(len(nodes) == len(graph["nodes"]), "a node twice")
        equal(len({edge["id"] for edge in graph["edges"]}), len(graph["edges"]), "edges")
        for edge in graph["edges"]:
            require({edge["source"], edge["target"]} <= set(nodes), edge)


def test_sources_say_what_they_have_in_the_kernel():
    support.cgroup2_mount()
    with support.Daemon("--collector.disable-defaults", "--collector.syscalls", "--collector.probes") as daemon:
        time.sleep(1)  # the probe is opened when the first reading has been answered

        def sources():
            return {source["name"]: source for source in ask(daemon, "/api/v1/sources")["items"]}

        if not sources()["syscalls"]["up"]:
            support.skip(sources()["syscalls"]["reason"])
        support.wait_for(lambda: sources()["syscalls"]["probe"], "a reading with the probe", 20)
        equal(sources()["runqueue"]["probe"], None, "of a source that is off")
        probe = sources()["syscalls"]["probe"]
        equal(probe["mode"], "full")
        equal(sorted((program["name"], program["hook"]) for program in probe["programs"]),
              [("on_enter", "tp_btf/sys_enter"), ("on_exit", "tp_btf/sys_exit"), ("on_switch", "tp_btf/sched_switch")])
        for program in probe["programs"]:
            require(program["runs"] > 0 and program["run_cost_seconds"] > 0, program)
        require(probe["map_bytes"] > 0, probe)
        equal(set(probe["lost"]), {"full", "missed"})


def test_complete_documents_have_every_key():
    with fixture_daemon() as daemon:
        for path in ("workloads", "limits", "cgroups"):
            wanted = keys(ask(daemon, f"/api/v1/{path}?limit=1")["items"][0])
            schema = {"workloads": "Workload", "limits": "Limits", "cgroups": "Cgroup"}[path]
            described = {(key, inner)
                         for key, value in DESCRIPTION["components"]["schemas"][schema]["properties"].items()
                         for inner in value.get("properties", (None,))}
            equal(wanted, described, path)
            for item in everything(daemon, f"/api/v1/{path}"):
                equal(keys(item), wanted, path)


def test_values_are_the_kernels():
    cgroup = support.FIXTURES / FIXTURE / "cgroup"
    seen = 0
    with fixture_daemon() as daemon:
        for item in everything(daemon):
            if item["kind"] == "host":
                continue  # the root has few files of its own: its values are the machine's
            folder = pathlib.Path(str(cgroup) + item["path"])
            equal(item["id"], str(folder.stat().st_ino), item["path"])
            files = {("memory", "usage_bytes"): "memory.current", ("pids", "current"): "pids.current",
                     ("memory", "swap_bytes"): "memory.swap.current"}
            for (group, name), file in files.items():
                path = support.files_of(folder) / file
                wanted = int(path.read_text()) if path.exists() else None
                equal(item[group][name], wanted, f"{item['path']} {file}")
                seen += wanted is not None
    require(seen > 10, f"only {seen} values")


def read_limit(folder, file):
    text = (folder / file).read_text().split()[0] if (folder / file).exists() else "max"
    return None if text == "max" else int(text)


def test_limits_are_the_tightest_above():
    cgroup = support.FIXTURES / FIXTURE / "cgroup"
    limited = 0
    with fixture_daemon() as daemon:
        for item in everything(daemon, "/api/v1/limits"):
            folder = pathlib.Path(str(cgroup) + item["path"].rstrip("/"))
            for group, own, limit, headroom, usage, file, now in (
                    ("memory", "own_limit_bytes", "limit_bytes", "headroom_bytes", "usage_bytes",
                     "memory.max", "memory.current"),
                    ("pids", "own_limit", "limit", "headroom", "current", "pids.max", "pids.current")):
                values = item[group]
                lowest = support.files_of(folder)
                equal(values[own], read_limit(lowest, file), f"{item['path']} {file}")
                above = [level for level in (lowest, *lowest.parents) if level.is_relative_to(cgroup)]
                limits = [read_limit(level, file) for level in above]
                limits = [number for number in limits if number is not None]
                equal(values[limit], min(limits, default=None), f"{item['path']} effective {file}")
                left = [read_limit(level, file) - read_limit(level, now) for level in above
                        if read_limit(level, file) is not None and (level / now).exists()]
                if values[limit] is not None and values[usage] is not None:
                    limited += 1
                    equal(values[headroom], max(0, min(left)), f"{item['path']} headroom {file}")
                    require(abs(values["ratio"] - values[usage] / values[limit]) < 1e-9, "ratio")
                else:
                    equal(values["ratio"], None, item["path"])
    require(limited >= 3, f"only {limited} limits")


def test_one_workload_has_all_its_metrics():
    with fixture_daemon() as daemon:
        samples = daemon.metrics()
        item = next(i for i in everything(daemon) if i["kind"] == "container")
        document = ask(daemon, f"/api/v1/workloads/{item['id']}")
        by_name = {}
        for metric in document["metrics"]:
            by_name.setdefault(metric["name"], []).append(metric)
        for name, series in samples.items():
            mine = [s for s in series if s.labels.get("id") == item["path"]]
            equal(len(by_name.get(name, [])), len(mine), name)
        require("container_pressure_cpu_waiting_ratio" in by_name, "no averages")
        require("container_pressure_cpu_waiting_ratio" not in samples, "averages in text")


def test_container_ids_and_their_beginnings():
    with fixture_daemon() as daemon:
        items = [i for i in everything(daemon) if i["container_id"] and i["kind"] == "container"]
        require(len(items) >= 2, "no containers")
        for item in items:
            for end in (12, 64):
                found = ask(daemon, f"/api/v1/workloads/{item['container_id'][:end]}")
                equal(found["id"], item["id"])
        for gone in ("999999999999999999", "ffffffffffffff", "x" * 300, "%3Cscript%3E", "1e3", "-1"):
            ask(daemon, f"/api/v1/workloads/{gone}", 404)
        ask(daemon, f"/api/v1/workloads/{items[0]['id']}/environment", 404)
        ask(daemon, "/api/v1/workloads/999999999999999999/processes", 404)


def test_filters():
    with fixture_daemon() as daemon:
        items = everything(daemon)
        for name in ("kind", "namespace", "pod", "container", "runtime", "image", "name"):
            for value in {item[name] or "" for item in items}:
                if name == "kind" and not value:
                    continue
                query = urllib.parse.urlencode({name: value, "limit": 1000})
                got = ask(daemon, f"/api/v1/workloads?{query}")["items"]
                equal([i["id"] for i in got], [i["id"] for i in items if (i[name] or "") == value], query)
        both = ask(daemon, "/api/v1/workloads?kind=container&kind=slice")["items"]
        equal({i["kind"] for i in both}, {"container", "slice"})
        equal(ask(daemon, "/api/v1/workloads?kind=container&name=no-such")["items"], [])
        root = items[0]
        children = ask(daemon, f"/api/v1/workloads?parent={root['id']}")["items"]
        equal({i["id"] for i in children}, {i["id"] for i in items if i["parent"] == root["id"]})


def sort_key(item, name):
    group, _, field = name.partition(".")
    return item[group][field] if field else item[group]


def pages(daemon, path):
    found = []
    while path:
        page = ask(daemon, path)
        found += page["items"]
        path = page["next"]
        require(len(found) <= 1000, "pages without end")
    return found


def test_order_and_pages():
    with fixture_daemon() as daemon:
        sort = next(p for p in operation("/api/v1/workloads")["parameters"] if p.get("name") == "sort")
        for name in sort["schema"]["enum"]:
            whole = ask(daemon, f"/api/v1/workloads?limit=1000&sort={name}")
            paged = pages(daemon, f"/api/v1/workloads?limit=3&sort={name}&kind=container&kind=slice")
            equal([i["id"] for i in paged],
                  [i["id"] for i in whole["items"] if i["kind"] in ("container", "slice")], name)
            equal(whole["next"], None)
            equal(whole["total"], len(whole["items"]))
            values = [sort_key(i, name.lstrip("-")) for i in whole["items"]]
            known = [value for value in values if value is not None]
            require(values == known + [None] * (len(values) - len(known)), f"{name}: unknown not last")
            if name.lstrip("-") == "id":
                known = [int(value) for value in known]
            equal(known, sorted(known, reverse=name[0] == "-"), name)


def test_fields():
    with fixture_daemon() as daemon:
        page = ask(daemon, "/api/v1/workloads?fields=id,memory.usage_bytes&fields=cpu")
        for item in page["items"]:
            equal(set(item), {"id", "memory", "cpu"})
            equal(set(item["memory"]), {"usage_bytes"})
            equal(len(item["cpu"]), 4)
        rows = ask(daemon, "/api/v1/workloads?fields=id,memory.usage_bytes&format=table")
        for row in rows:
            equal(set(row), {"id", "memory_usage_bytes"})
        equal(set(ask(daemon, f"/api/v1/workloads/{rows[0]['id']}?fields=metrics")), {"metrics"})


def test_top():
    with fixture_daemon() as daemon:
        require(all(i["value"] is None for i in ask(daemon, "/api/v1/top?by=cpu")["items"]),
                "a rate from one reading")
        for by in DESCRIPTION["components"]["schemas"]["Top"]["properties"]["by"]["enum"]:
            top = ask(daemon, f"/api/v1/top?by={by}")
            values = [i["value"] for i in top["items"] if i["value"] is not None]
            equal(values, sorted(values, reverse=True), by)
            require(all(i["kind"] not in ("host", "slice", "pod") for i in top["items"]), by)
        equal(len(ask(daemon, "/api/v1/top?by=memory&limit=1")["items"]), 1)
        slices = ask(daemon, "/api/v1/top?by=memory&kind=slice")["items"]
        equal({i["kind"] for i in slices}, {"slice"})


def test_bad_parameters_are_named():
    lists = ("workloads", "limits", "cgroups")
    bad = [f"/api/v1/{p}?{q}" for p in lists for q in (
        "limit=0", "limit=10001", "limit=-1", "limit=", "limit=1x", "limit=99999999999999999999",
        "sort=nothing", "sort=", "sort=-", "kind=cow", "parent=x", "parent=", "fields=nothing",
        "fields=id,nothing", "fields=", "cursor=zz", "cursor=", "cursor=00", "cursor=706174", "format=xml",
        "nothing=1", "LIMIT=1")]
    bad += ["/api/v1/cgroups?sort=memory.usage_bytes", "/api/v1/limits?sort=io.read_bytes",
            "/api/v1/workloads?fields=memory.nothing", "/api/v1/top?by=cows", "/api/v1/top?by=",
            "/api/v1/top?limit=1001", "/api/v1/machine?x=1", "/api/v1/build?x", "/api/v1/sources?limit=1",
            "/api/v1/events?type=born", "/api/v1/events?kind=cow", "/api/v1/events?limit=0",
            "/api/v1/events?before=0", "/api/v1/events?after=-1", "/api/v1/events?parent=1",
            "/api/v1/openapi.json?x=1", "/sd/?x=1", "/api/v1/workloads/1?limit=1",
            "/api/v1/workloads/1/processes?limit=0", "/api/v1/workloads/1/processes?fields=pid"]
    with fixture_daemon() as daemon:
        for path in bad:
            problem = ask(daemon, path, 400)
            name = urllib.parse.parse_qsl(path.split("?")[1], keep_blank_values=True)[0][0]
            require(f"'{name}'" in problem["detail"], f"{path}: {problem['detail']}")
        other = ask(daemon, "/api/v1/workloads?limit=1&sort=name")["next"]
        ask(daemon, other.replace("sort=name", "sort=path"), 400)


def test_events():
    """A service that starts, ends and comes back."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        shutil.copytree(support.FIXTURES / FIXTURE / "cgroup", root / "cgroup")
        service = root / "cgroup/system.slice/new<&>.service"
        flags = [flag for flag in support.fixture(FIXTURE) if not flag.startswith("--path.cgroupfs")]
        with support.Daemon(f"--path.cgroupfs={root / 'cgroup'}", *flags) as daemon:
            def events(query=""):
                return ask(daemon, f"/api/v1/events{query}")["items"]

            def told(*types):
                return [event["type"] for event in reversed(events())] == list(types)

            equal(events(), [])
            equal(ask(daemon, "/api/v1/events")["last"], 0)
            time.sleep(0.2)  # the first look of the daemon
            service.mkdir()
            (service / "memory.events").write_text("oom_kill 0\n")
            (service / "cpu.stat").write_text("usage_usec 2500000\n")
            support.wait_for(lambda: told("started"), "the start is told", 10)
            daemon.get("/metrics")
            service.rename(root / "gone")
            support.wait_for(lambda: told("started", "gone"), "the end is told", 10)
            service.mkdir()
            support.wait_for(lambda: told("started", "gone", "restarted"), "the restart is told", 10)
            whole = ask(daemon, "/api/v1/events")
            equal([event["number"] for event in whole["items"]], [3, 2, 1])
            equal(whole["last"], 3)
            for event in whole["items"]:
                equal((event["kind"], event["path"], event["name"], event["exit_code"], event["count"]),
                      ("service", "/system.slice/new<&>.service", None, None, 1))
            equal(whole["items"][1]["totals"]["cpu_usage_seconds"], 2.5)
            equal([event["type"] for event in events("?type=gone&type=started")], ["gone", "started"])
            equal(events("?kind=container"), [])
            equal([event["number"] for event in events("?after=1")], [3, 2])
            page = ask(daemon, "/api/v1/events?limit=2&kind=service")
            equal([event["number"] for event in page["items"]], [3, 2])
            page = ask(daemon, page["next"])
            equal(([event["number"] for event in page["items"]], page["next"]), ([1], None))
            for row in ask(daemon, "/api/v1/events?format=table"):
                require(not any(isinstance(value, (dict, list)) for value in row.values()), "nested")
            daemon.reload()
            support.wait_for(lambda: "configuration reloaded" in daemon.log(), "the reload", 10)
            equal(len(events()), 3)  # they outlive a configuration


def test_statuses():
    with fixture_daemon() as daemon:
        for path in ("/api/v2/workloads", "/api/v1/", "/api/v1/nothing", "/api/v1/workloads/"):
            equal(daemon.get(path).status, 404, path)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            response = daemon.get("/api/v1/workloads", method=method)
            equal(response.status, 405, method)
            equal(response.headers["Allow"], "GET, HEAD")
            equal(response.headers["Access-Control-Allow-Origin"], None)
        for accept in ("text/html", "application/xml, text/*;q=0.5", "application/json;q=0", "image/*",
                       "application/json;q=0, */*"):
            ask(daemon, "/api/v1/workloads", 406, {"Accept": accept})
        for accept in ("application/json", "*/*", "application/*;q=0.1", "text/html, */*;q=0.1", "",
                       "APPLICATION/JSON", "application/json; charset=utf-8"):
            ask(daemon, "/api/v1/workloads", 200, {"Accept": accept})
        for length in ("1", "100000000"):
            ask(daemon, "/api/v1/workloads", 413, {"Content-Length": length})
        response = daemon.get("/api/v1/workloads", method="HEAD")
        equal((response.status, response.body), (200, b""))


def test_tags():
    with fixture_daemon() as daemon:
        for path in ("/api/v1/build", "/api/v1/openapi.json", "/api/v1/machine", "/static/style.css"):
            tag = daemon.get(path).headers["ETag"]
            require(re.fullmatch(r'W/"[0-9a-f]{24}"', tag), f"{path}: {tag}")
            for given in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
                response = daemon.get(path, {"If-None-Match": given})
                equal((response.status, response.body), (304, b""), f"{path} {given}")
                equal(response.headers["ETag"], tag)
            equal(daemon.get(path, {"If-None-Match": '"other"'}).status, 200, path)
        equal(daemon.get("/api/v1/workloads").headers["ETag"], None)
        packed = daemon.get("/api/v1/openapi.json", {"Accept-Encoding": "gzip;q=1"})
        equal(packed.headers["Content-Encoding"], "gzip")
        equal(json.loads(packed.text), DESCRIPTION)


def test_rates_need_two_readings():
    with support.Cgroup() as group:
        group.run(["sh", "-c", "while :; do :; done"])
        with support.Daemon() as daemon:
            path = f"/api/v1/workloads/{group.path.stat().st_ino}"
            first = ask(daemon, path)
            equal((first["interval_seconds"], first["cpu"]["usage_cores"]), (None, None))
            end = time.monotonic() + 30
            while time.monotonic() < end:
                time.sleep(0.5)
                later = ask(daemon, path)
                if later["interval_seconds"]:
                    break
            used = later["cpu"]["usage_seconds"] - first["cpu"]["usage_seconds"]
            require(later["cpu"]["usage_cores"] > 0, "no rate")
            require(abs(later["cpu"]["usage_cores"] * later["interval_seconds"] - used) < 1e-3, "wrong rate")


def test_processes_without_their_arguments():
    with support.Cgroup() as group:
        group.run(["sleep", "98765.4321"], env={**os.environ, "MARKER": "secret-in-environment"})
        with support.Daemon() as daemon:
            number = group.path.stat().st_ino
            answer = ask(daemon, f"/api/v1/workloads/{number}/processes")
            equal(answer["workload"], str(number))
            equal([p["comm"] for p in answer["items"]], ["sleep"])
            equal(answer["total"], 1)
            rows = ask(daemon, f"/api/v1/workloads/{number}/processes?format=table")
            equal([row["pid"] for row in rows], [p["pid"] for p in answer["items"]])
            for path in ("/", "/metrics", f"/api/v1/workloads/{number}/processes", "/api/v1/workloads",
                         f"/api/v1/workloads/{number}"):
                for secret in ("98765.4321", "secret-in-environment"):
                    require(secret not in daemon.get(path).text, f"{path}: {secret}")


class Page(html.parser.HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def check_page(response):
    equal(response.status, 200)
    equal(response.headers["Content-Type"], "text/html; charset=utf-8")
    policy = response.headers["Content-Security-Policy"]
    require("default-src 'none'" in policy and "unsafe" not in policy, policy)
    page = Page(response.text)
    scripts = [attrs for tag, attrs in page.elements if tag == "script"]
    equal([attrs.get("src") for attrs in scripts], ["/static/page.js"])
    for tag, attrs in page.elements:
        require("style" not in attrs and not any(name.startswith("on") for name in attrs), f"{tag} {attrs}")
        require(tag != "img" or attrs["src"] == "/static/icon.svg", f"{tag} {attrs}")
    return page


def test_page_and_its_links():
    with fixture_daemon() as daemon:
        page = check_page(daemon.get("/"))
        for tag, attrs in page.elements:
            link = attrs.get("href") or attrs.get("src")
            if link:
                equal(daemon.get(link).status, 200, link)
        text = " ".join(page.words)
        for wanted in ("Tallyman", "container", "of\xa064\xa0MiB", "Sources", "memory"):
            require(wanted in text, f"{wanted!r} is not on the page")
        for view in ("/?sort=cpu", "/?sort=pids&show=all", "/?sort=nothing&show=nothing&x=1"):
            check_page(daemon.get(view))
        check_page(daemon.get("/?show=all"))


def test_page_without_workloads():
    with fixture_daemon("--cgroups.include-name=no-such-workload") as daemon:
        check_page(daemon.get("/"))
        equal(ask(daemon, "/api/v1/top?by=memory")["items"], [])


def test_hostile_names():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        shutil.copytree(support.FIXTURES / FIXTURE / "cgroup", root / "cgroup")
        for name in HOSTILE:
            place = root / "cgroup" / name.replace("/", "∕")
            place.mkdir()
            (place / "cgroup.procs").write_text("")
            (place / "memory.current").write_text("12345678901\n")
        flags = [flag for flag in support.fixture(FIXTURE) if not flag.startswith("--path.cgroupfs")]
        with support.Daemon(f"--path.cgroupfs={root / 'cgroup'}", *flags) as daemon:
            paths = {item["path"]: item for item in everything(daemon)}
            page = check_page(daemon.get("/"))
            shown = {text for text in page.words}
            for name in HOSTILE:
                path = "/" + name.replace("/", "∕")
                require(path in paths, f"{path!r} is not in the list")
                equal(paths[path]["memory"]["usage_bytes"], 12345678901)
                plain = re.sub("[\x00-\x1f\x7f\u202e]", "\ufffd", path)
                require(any(plain in text for text in shown), f"{plain!r} is not on the page")


if __name__ == "__main__":
    support.main(globals())
