#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: preview.py [--at TIME] [--span SECONDS] [--width PIXELS]... [--prefix TEXT]
                  [--choose VARIABLE=VALUE]... URL FOLDER [UID...]

Draws dashboards by Grafana's own components with the data of the Prometheus at URL, as NAME-WIDTH.png in
FOLDER, in headless Chromium. What fails, or would be drawn as undefined, NaN or nothing, is printed; see
preview.jsx for what this is and what it is not."""

import argparse
import html
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import grafana

HERE = pathlib.Path(__file__).resolve().parent
POINTS = 240
BROWSER = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
           "--disable-dev-shm-usage", "--force-device-scale-factor=1",
           "--allow-file-access-from-files", "--enable-logging=stderr", "--virtual-time-budget=15000"]


class Server:
    """A Prometheus, asked for one range of time."""

    def __init__(self, url, end, span):
        self.url, self.end, self.span = url.rstrip("/"), end, span
        self.step = max(1, span // POINTS)

    def api(self, path, **parameters):
        data = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{data}", timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{parameters}: {error.read().decode()}") from None

    def label_values(self, selector, label):
        return self.api(f"label/{label}/values", **{"match[]": selector, "start": self.end - self.span, "end": self.end})

    def ask(self, query, instant):
        if instant:
            return self.api("query", query=query, time=self.end)["result"]
        return self.api("query_range", query=query, start=self.end - self.span, end=self.end, step=self.step)["result"]


def node_modules():
    result = subprocess.run([HERE / "fetch-npm"], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        sys.exit(result.returncode)
    return pathlib.Path(result.stdout.strip())


def bundle(folder):
    """The script of the page and Grafana's icons; its path."""
    target = pathlib.Path(folder) / "preview.js"
    modules = node_modules()
    pathlib.Path(folder, "public").symlink_to(modules / "node_modules/@grafana/ui/dist/public")
    subprocess.run(
        [modules / "node_modules/.bin/esbuild", HERE / "preview.jsx", "--bundle", "--minify", f"--outfile={target}",
         "--jsx=automatic", "--loader:.svg=dataurl", "--loader:.woff2=dataurl", "--loader:.ttf=dataurl",
         "--log-level=error", '--define:process.env.NODE_ENV="production"'],
        check=True, env=dict(os.environ, NODE_PATH=str(modules / "node_modules")))
    return target


def answers_of(dashboard, server, wanted):
    """What the page shows: window.PREVIEW."""
    # Grafana takes four scrapes at least, of 15 s here.
    values = grafana.variables(dashboard, server, wanted, server.span, server.step)
    values["__rate_interval"] = f"{max(4 * 15, server.step + 15)}s"
    answers, annotations = {}, []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = grafana.interpolate(target["expr"], values)
            answers[f"{panel['id']}/{target['refId']}"] = server.ask(query, target.get("instant", False))
    for annotation in dashboard["annotations"]["list"]:
        if not annotation.get("builtIn"):
            found = server.ask(grafana.interpolate(annotation["expr"], values), False)
            annotations.append({"color": annotation["iconColor"], "times": sorted(
                {float(series["values"][0][0]) for series in found})})
    choices = [{"label": variable["label"], "text": ", ".join(wanted.get(variable["name"], [])) or text_of(variable)}
               for variable in dashboard["templating"]["list"]]
    return {"dashboard": dashboard, "answers": answers, "annotations": annotations, "choices": choices,
            "range": {"from": server.end - server.span, "to": server.end, "step": server.step}}


def text_of(variable):
    text = (variable.get("current") or {}).get("text", "Prometheus")
    return " + ".join(text) if isinstance(text, list) else text


def chromium(folder, page, *more):
    """What the browser prints, and what the page's scripts complained of."""
    result = subprocess.run([*BROWSER, f"--user-data-dir={folder}/profile", *more, f"file://{page}"], timeout=120,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    return result.stdout, re.findall(r'CONSOLE[^"]*"((?:Uncaught|Error|TypeError).*)', result.stderr)


def height_of(dashboard):
    return max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"]) * 38 + 130


def complaints(uid, dom, errors):
    """What a person would see to be wrong, and the panels without data."""
    found = [f"{uid}: {error[:400]}" for error in errors]
    found += [f"{uid}: {html.unescape(text)[:600]}" for text in re.findall(r'<pre class="failure">(.*?)</pre>', dom, re.S)]
    seen = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", dom, flags=re.S)
    for word in ("undefined", "NaN", "Invalid date", "[object", "Infinity"):
        found += [f"{uid}: shows {word}: {seen[max(0, m.start() - 60):m.end() + 40]!r}" for m in re.finditer(re.escape(word), seen)]
    wanted = sum(panel["type"] != "row" for panel in grafana.load()[uid]["panels"])
    drawn = dom.count('data-testid="data-testid Panel header')
    if drawn != wanted:
        found.append(f"{uid}: {drawn} of {wanted} panels are drawn")
    return found, re.findall(r'class="empty" data-panel="([^"]*)"', dom)


def draw(folder, page, uid, dashboard, options):
    """Makes the pictures of a dashboard, and says what is wrong on them; the exit status."""
    status = 0
    for width in options.width or [1280, 1920]:
        picture = options.folder / f"{options.prefix}{uid.removeprefix('tallyman-')}-{width}.png"
        dom, errors = chromium(folder, page, f"--window-size={width},{height_of(dashboard)}",
                               f"--screenshot={picture}", "--dump-dom")
        found, empty = complaints(uid, dom, errors)
        print(f"{uid}, {width} pixels: empty: {', '.join(map(html.unescape, empty)) or 'none'}", flush=True)
        for line in found:
            print(line, flush=True)
            status = 1
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at", type=float, default=time.time())
    parser.add_argument("--span", type=int, default=3600)
    parser.add_argument("--width", type=int, action="append")
    parser.add_argument("--prefix", default="", help="of the names of pictures")
    parser.add_argument("--choose", action="append", default=[])
    parser.add_argument("url")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("uid", nargs="*")
    options = parser.parse_args()
    wanted = {}
    for choice in options.choose:
        name, _, value = choice.partition("=")
        wanted.setdefault(name, []).append(value)
    options.folder.mkdir(parents=True, exist_ok=True)
    server = Server(options.url, math.ceil(options.at), options.span)
    status = 0
    with tempfile.TemporaryDirectory(prefix="tallyman-preview-") as folder:
        script = bundle(folder)
        for uid, dashboard in grafana.load().items():
            if options.uid and uid not in options.uid:
                continue
            shown = answers_of(dashboard, server, wanted)
            page = pathlib.Path(folder, f"{uid}.html")
            data = json.dumps(shown).replace("</", "<\\/")
            page.write_text('<!doctype html><meta charset="utf-8"><body><div id="root"></div>'
                            f'<link rel="stylesheet" href="preview.css"><script>window.__grafana_public_path__ = "public/"; window.PREVIEW = {data};</script>'
                            f'<script src="{script.name}"></script>', encoding="utf-8")
            status |= draw(folder, page, uid, dashboard, options)
    return status


if __name__ == "__main__":
    sys.exit(main())
