# SPDX-License-Identifier: Apache-2.0
"""What whole programs lose while they are watched: Redis, nginx and system calls of one byte, unwatched,
with our exporter and with syscount and bpftrace doing part of its work, in turn in each round. What is
compared is operations per second of CPU time of the program that is watched, in which its probes are:
operations per second of the clock say more about who else uses the machine, and are only noted."""

import contextlib
import functools
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

from bench.support.daemon import BUILD, figure, note

ROUNDS = 7
LIMIT_S = 480  # no further round begins after that, on a busy machine
PORT = int(os.environ.get("BENCH_PORT", "11500"))
SERVER, CLIENT = "0", "1"  # one CPU each
HISTOGRAM = ("tracepoint:raw_syscalls:sys_enter { @s[tid] = nsecs; } tracepoint:raw_syscalls:sys_exit /@s[tid]/ "
             "{ @[cgroup, args->id] = hist(nsecs - @s[tid]); delete(@s[tid]); }")
TALLYMAN = [BUILD / "tallyman", f"--web.listen-address=127.0.0.1:{PORT}", "--log.level=error"]
# The first is what the others are compared with.
WATCHERS = {
    "off": None,
    "tallyman": TALLYMAN,
    "syscount": ["syscount", "-L"],
    "bpftrace": ["bpftrace", "-e", HISTOGRAM],
}
NGINX = """daemon off; master_process off; worker_processes 1; pid {0}/pid; error_log {0}/error crit;
events {{ }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {0}; proxy_temp_path {0};
fastcgi_temp_path {0}; uwsgi_temp_path {0}; scgi_temp_path {0};
server {{ listen 127.0.0.1:{1}; location / {{ return 200 "hello"; }} }} }}
"""


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=True).stdout


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **options)
    try:
        time.sleep(1)
        yield process
    finally:
        process.kill()  # bpftrace may hang when it is asked
        process.wait()


def attached(process):
    """Whether it has attached programs: its descriptors say so."""
    found = 0
    for fd in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += any(kind in os.readlink(fd) for kind in ("bpf_link", "perf_event"))
    return found >= 2


@contextlib.contextmanager
def watching(command):
    """The tool, with tracefs mounted for it alone, once its programs are attached."""
    if not command:
        yield
        return
    private = ["unshare", "-m", "sh", "-c", 'mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"', "sh"]
    with running([*private, *command]) as process:
        deadline = time.monotonic() + 30
        while not attached(process):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} attached nothing")
            time.sleep(0.2)
        time.sleep(2)
        yield


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process_cpu(pid):
    """Of all its threads, also of those that have ended; the number is how the kernel names that clock."""
    return time.clock_gettime(~pid << 3 | 2)


def rates(cpu, work):
    """Operations per second of CPU time, and of the clock. The work says how many it did."""
    used, start = cpu(), time.monotonic()
    n = work()
    return n / (cpu() - used), n / (time.monotonic() - start)


def redis_get():
    run("taskset", "-c", CLIENT, "redis-benchmark", "-p", str(PORT + 1), "-t", "get", "-c", "20", "-n", "40000", "-q")
    return 40000


def nginx_wrk():
    out = run("taskset", "-c", CLIENT, "wrk", "-t1", "-c10", "-d2s", f"http://127.0.0.1:{PORT + 2}/")
    return int(re.search(r"(\d+) requests in", out)[1])


def dd_bytes():
    """Each byte is read and written by a system call of its own."""
    run("taskset", "-c", SERVER, "dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=300000")
    return 600000


def fio_read(folder):
    out = run("taskset", "-c", SERVER, "fio", "--name=peers", f"--filename={folder}/file", "--size=64M", "--rw=randread",
              "--bs=4k", "--ioengine=psync", "--loops=4", "--output-format=terse")
    return int(next(line for line in out.splitlines() if line.count(";") > 50).split(";")[5]) // 4


def subjects(folder, stack):
    """{name: what measures it}, of the programs that are here."""
    found = {"dd": (children_cpu, dd_bytes)}
    if shutil.which("fio"):
        found["fio"] = (children_cpu, lambda: fio_read(folder))
    redis = shutil.which("redis-check-rdb")  # the server, under another name
    if redis:
        (pathlib.Path(folder) / "redis-server").symlink_to(redis)
        server = stack.enter_context(running(["taskset", "-c", SERVER, f"{folder}/redis-server", "--port",
                                              str(PORT + 1), "--bind", "127.0.0.1", "--save", "", "--dir", folder]))
        found["redis"] = (functools.partial(process_cpu, server.pid), redis_get)
    nginx = BUILD / "peers/stage/nginx"
    if nginx.exists() and shutil.which("wrk"):
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(NGINX.format(folder, PORT + 2))
        web = stack.enter_context(running(["taskset", "-c", SERVER, nginx, "-p", folder, "-c", conf]))
        found["nginx"] = (functools.partial(process_cpu, web.pid), nginx_wrk)
    return found


def report(what, found):
    """What was found while each watched, beside what was found unwatched in the same round."""
    for who in list(WATCHERS)[1:]:
        by_cpu, by_clock = ([a[i] / b[i] for a, b in zip(found[who], found["off"])] for i in (0, 1))
        note(f"{what}, {who}: by CPU time {min(by_cpu):.3f} to {max(by_cpu):.3f}, by the clock "
             f"{statistics.median(by_clock):.3f}, {min(by_clock):.3f} to {max(by_clock):.3f}")
        figure(f"peers/{what}/{who}", statistics.median(by_cpu), "ratio", better="higher", runs=len(by_cpu),
               method="operations per second of CPU time, watched over unwatched in the same round, median")


def main():
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        measures = subjects(folder, stack)
        found = {what: {who: [] for who in WATCHERS} for what in measures}
        end = time.monotonic() + LIMIT_S
        for i in range(ROUNDS):
            if time.monotonic() > end:
                break
            order = list(WATCHERS)
            for who in order[i % len(order):] + order[:i % len(order)]:
                with watching(WATCHERS[who]):
                    for what, (cpu, work) in measures.items():
                        found[what][who].append(rates(cpu, work))
    for what in measures:
        report(what, found[what])


if __name__ == "__main__":
    main()
