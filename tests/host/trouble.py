#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that are the cause of alerts, each of which does what the lines of its standard input say, answers each
line with one, and ends with its input:

    trouble.py serve            a server of HTTP; the first line that it writes is its port
        fail N                  one answer in N is 503; 0: none
        slow SECONDS            it answers no sooner
        hang                    it does not answer
    trouble.py hold GROUP...    a process in each of these cgroups
        N                       each with that many descriptors; 0: there are none
    trouble.py wander GROUP...  one that goes from group to group, and makes several system calls in each
"""

import http.server
import itertools
import os
import pathlib
import resource
import select
import signal
import sys
import threading
import time


def say(what):
    print(what, flush=True)


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    numbers = itertools.count(1)
    fail, slow, hang = 0, 0.0, False

    def do_GET(self):  # pylint: disable=invalid-name
        while self.hang:
            time.sleep(1)
        time.sleep(self.slow)
        failed = self.fail and next(self.numbers) % self.fail == 0
        self.send_response(503 if failed else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_port)
    for line in sys.stdin:
        name, *value = line.split()
        setattr(Answers, name, float(value[0]) if value else True)
        say("done")


def held(group, inner, outer):
    """A child with the descriptors of its parent."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    (pathlib.Path(group) / "cgroup.procs").write_text("0")
    os.close(inner)
    os.close(outer)  # it is there
    while True:
        signal.pause()


def end(children):
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def hold(groups):
    children, descriptors = [], []
    try:
        for line in sys.stdin:
            end(children)
            children, wanted = [], int(line)
            limit = max(resource.getrlimit(resource.RLIMIT_NOFILE)[1], wanted + 100)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            while len(descriptors) < wanted:
                descriptors.append(os.dup(0))
            inner, outer = os.pipe()
            children = [held(group, inner, outer) for group in groups if wanted]
            os.close(outer)
            os.read(inner, 1)  # the end of it: all are there
            os.close(inner)
            say("done")
    finally:
        end(children)


def wander(groups):
    """In all of them within a fifth of a second, or as fast as it can."""
    while not select.select([0], [], [], 0.2)[0]:
        for group in groups:
            (pathlib.Path(group) / "cgroup.procs").write_text("0")
            for _ in range(3):
                os.getppid()
                os.getpriority(os.PRIO_PROCESS, 0)
                os.sched_yield()
                os.stat("/")
                os.getcwd()


if __name__ == "__main__":
    {"serve": serve, "hold": lambda: hold(sys.argv[2:]), "wander": lambda: wander(sys.argv[2:])}[sys.argv[1]]()
