# SPDX-License-Identifier: Apache-2.0
"""Servers and their clients, each in a cgroup of its own, and what a request costs them by their cpu.stat."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import time

from bench.support.daemon import BUILD, FIRST_PORT

PORT = FIRST_PORT + 10
NGINX = """daemon off; master_process off; error_log {0}/error.log; pid {0}/pid;
events {{}}
http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;
uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; keepalive_requests 100000000;
server {{ listen 127.0.0.1:{1}; location / {{ return 200 "hello"; }} }} }}
"""
RATE = 10000  # of "redis_10k", in a second


class Groups(contextlib.ExitStack):
    """A cgroup for the server and one for the client."""

    def __enter__(self):
        super().__enter__()
        mount = next(m.split()[1] for m in open("/proc/self/mounts") if m.split()[2] == "cgroup2")
        self.top = pathlib.Path(mount, f"tallyman-bench-{os.getppid()}")
        self.paths = [self.top / "server", self.top / "client"]
        self.top.mkdir(exist_ok=True)
        self.callback(self.top.rmdir)
        for path in self.paths:
            path.mkdir()
            self.callback(self.remove, path)
        return self

    def remove(self, path):
        for _ in range(100):  # until the last process is really gone
            with contextlib.suppress(OSError):
                path.rmdir()
                return
            time.sleep(0.1)
        path.rmdir()

    def start(self, group, command):
        return subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.paths[group] / "cgroup.procs"), *map(str, command)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def serve(self, command):
        process = self.start(0, command)
        self.callback(process.wait)
        self.callback(process.terminate)
        time.sleep(1)

    def cpu_us(self):
        return sum(int(re.search(r"usage_usec (\d+)", (path / "cpu.stat").read_text())[1]) for path in self.paths)

    def cost(self, load):
        """Microseconds of CPU time for a request, and requests a second."""
        command, count = load
        used, start = self.cpu_us(), time.monotonic()
        out = self.start(1, command).communicate()[0]
        took = time.monotonic() - start
        n = count(out)
        return (self.cpu_us() - used) / n, n / took


def redis(groups, folder):
    server = shutil.which("redis-check-rdb")  # the server, under another name
    if not server or not shutil.which("redis-benchmark"):
        return {}
    link = pathlib.Path(folder, "redis-server")
    link.symlink_to(server)
    groups.serve([link, "--port", PORT, "--bind", "127.0.0.1", "--save", "", "--dir", folder])
    benchmark = ["redis-benchmark", "-p", PORT, "-t", "get", "-q", "-c", 20]
    return {
        "redis": ([*benchmark, "-n", 40000], lambda out: 40000),
        "redis_10k": ([BUILD / "bench/paced", PORT, RATE, 2, 20], int),
        "redis_pipelined": ([*benchmark, "-n", 400000, "-P", 16], lambda out: 400000),
    }


def nginx(groups, folder):
    server = BUILD / "peers/stage/nginx"
    if not server.exists() or not shutil.which("wrk"):
        return {}
    conf = pathlib.Path(folder, "nginx.conf")
    conf.write_text(NGINX.format(folder, PORT + 1))
    groups.serve([server, "-p", folder, "-c", conf])
    return {"nginx": (["wrk", "-t1", "-c10", "-d2s", f"http://127.0.0.1:{PORT + 1}/"],
                      lambda out: int(re.search(r"(\d+) requests in", out)[1]))}


def pgbench(groups, folder):
    """Reads alone, where a transaction is cheapest. The server does not run as root."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam("postgres")
    if not found or not shutil.which("pgbench"):
        return {}
    data = pathlib.Path(folder, "postgres")
    data.mkdir()
    os.chown(data, user.pw_uid, user.pw_gid)
    os.chmod(folder, 0o755)
    become = ["runuser", "-u", "postgres", "--"]
    subprocess.run([*become, found[-1].parent / "initdb", "-N", "-A", "trust", "-D", data], check=True,
                   stdout=subprocess.DEVNULL, cwd="/")
    groups.serve([*become, found[-1], "-D", data, "-p", PORT + 2, "-h", "127.0.0.1", "-k", data, "-F"])
    client = ["pgbench", "-h", "127.0.0.1", "-p", str(PORT + 2), "-U", "postgres"]
    subprocess.run([*client, "-i", "-q", "-s", "1", "postgres"], check=True, stderr=subprocess.DEVNULL)
    return {"pgbench": ([*client, "-n", "-S", "-c", 4, "-t", 5000, "postgres"], lambda out: 20000)}


def loads(groups, folder):
    """{name: (command, what reads the number of requests from its output)}, of the programs that are here."""
    return {**redis(groups, folder), **nginx(groups, folder), **pgbench(groups, folder)}
