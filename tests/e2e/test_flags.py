#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flags, the configuration file and the log of the real binary: what is printed where, and the status."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import support


def run(*args):
    done = subprocess.run([support.binary(), *args], capture_output=True, timeout=30, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


def config(directory, text):
    path = pathlib.Path(directory, "tallyman.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def test_help_and_version_go_to_standard_output():
    for flag in ("--help", "-h"):
        status, out, err = run(flag)
        support.equal((status, err), (0, ""))
        assert out.startswith("usage: tallyman [flags]\n"), out
        assert "--web.listen-address=ADDRESS" in out and "--[no-]collector.cpu" in out, out
    status, out, err = run("--version")
    support.equal((status, err), (0, ""))
    assert re.match(r"tallyman, version \d+\.\d+\.\d+\S* \(revision: \S+\)\n", out), out


def test_wrong_flag_is_one_line_and_status_1():
    status, out, err = run("--web.listen-adress=:1")
    support.equal((status, out), (1, ""))
    support.equal(err, 'tallyman: error: unknown flag "--web.listen-adress=:1", '
                       "did you mean --web.listen-address?\n")


def test_wrong_file_is_one_line_and_status_2():
    with tempfile.TemporaryDirectory() as directory:
        path = config(directory, "web:\n  max-request: 4\n")
        for extra in ([], ["--config.check"]):
            status, out, err = run(f"--config.file={path}", *extra)
            support.equal((status, out), (2, ""))
            support.equal(err, f'tallyman: error: {path}:2:3: unknown key "max-request" in "web", '
                               'did you mean "max-requests"?\n')


def test_config_check_does_not_serve():
    with tempfile.TemporaryDirectory() as directory:
        path = config(directory, "web: {max-requests: 4}\n")
        status, out, err = run(f"--config.file={path}", "--config.check")
        support.equal((status, err), (0, ""))
        assert out.count("\n") == 1, out


def test_shipped_example_is_right():
    status, _, err = run("--config.check", f"--config.file={support.ROOT}/deploy/tallyman.example.yaml")
    support.equal((status, err), (0, ""))


def test_log_is_json():
    with support.Daemon("--log.format=json", "--log.level=debug") as daemon:
        lines = [json.loads(line) for line in daemon.log().splitlines()]
    assert lines, "no log"
    for line in lines:
        support.equal(list(line)[:3], ["time", "level", "msg"])


def reload(daemon, successful):
    """Sends SIGHUP and waits until the metric of the last reload is as expected."""
    os.kill(daemon.process.pid, signal.SIGHUP)
    end = time.monotonic() + 20
    wanted = f"tallyman_config_last_reload_successful {successful}\n"
    while wanted not in daemon.get("/metrics").text:
        if time.monotonic() > end:
            raise AssertionError(f"not within 20 s: {wanted}")
        time.sleep(0.05)


def test_reload_keeps_the_last_good_file():
    with tempfile.TemporaryDirectory() as directory:
        path = config(directory, "collector: {pids: false}\n")
        with support.Daemon(f"--config.file={path}", "--web.min-scrape-interval=0") as daemon:
            up = 'tallyman_source_up{source="pids"}'
            assert up not in daemon.get("/metrics").text
            config(directory, "collector: {pids: maybe}\n")
            reload(daemon, 0)
            assert f'{path}:1:19: collector.pids: \\"maybe\\" is not true or false' in daemon.log(), daemon.log()
            assert up not in daemon.get("/metrics").text
            config(directory, "collector: {pids: true}\n")
            reload(daemon, 1)
            assert up in daemon.get("/metrics").text


if __name__ == "__main__":
    support.main(globals())
