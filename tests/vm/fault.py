#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: fault.py FAULT CGROUP LIMITED, in the guest

Provokes one fault in a cgroup, in a child process that enters it; the limit that is hit is set in the
cgroup LIMITED and taken back afterwards. Prints a word about what happened. Nothing is imported that
python3-minimal lacks."""
import os
import sys
import time

MIB = 1 << 20
LOOSE = {"memory.max": "max", "memory.high": "max", "cpu.max": "max 100000", "pids.max": "max",
         "cgroup.freeze": "0", "io.max": "254:0 rbps=max wbps=max", "memory.swap.max": "max"}

fault, cgroup, limited = sys.argv[1:]
cgroup, limited = "/sys/fs/cgroup" + cgroup, "/sys/fs/cgroup" + limited


def read(folder, file):
    with open(f"{folder}/{file}", encoding="ascii") as f:
        return f.read().strip()


def write(folder, file, text):
    with open(f"{folder}/{file}", "w", encoding="ascii") as f:
        f.write(text)


def child(action):
    """Runs action() in the cgroup; its exit status, or minus its signal."""
    pid = os.fork()
    if pid == 0:
        write("/proc/self", "oom_score_adj", "1000")  # the workload itself shall live on
        write(cgroup, "cgroup.procs", str(os.getpid()))
        try:
            os._exit(action())
        except OSError as error:
            print(error)
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def with_limit(file, text, action):
    before = read(limited, file)
    write(limited, file, text)
    try:
        return child(action)
    finally:
        write(limited, file, LOOSE[file] if not before or file == "io.max" else before)


def take(size):
    b"x" * size
    return 0


def oom():
    used = int(read(limited, "memory.current"))
    swap = read(limited, "memory.swap.max")
    write(limited, "memory.swap.max", "0")
    try:
        return with_limit("memory.max", str(used + 8 * MIB), lambda: take(64 * MIB))
    finally:
        write(limited, "memory.swap.max", swap)


def times_high():
    return dict(line.split() for line in read(limited, "memory.events").splitlines())["high"]


def creep():
    """Takes memory until the kernel says that it is too much; more would sleep for minutes."""
    before, held = times_high(), []
    while times_high() == before and len(held) < 64:
        held.append(b"x" * (MIB // 4))
    return 0


def spin():
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pass
    return 0


def fork_too_often():
    for _ in range(3):
        try:
            pid = os.fork()
        except BlockingIOError:
            continue
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return 1
    return 0


def direct_write():
    dd = ["dd", "if=/dev/zero", f"of=/var/tmp/fault-{os.getpid()}", "bs=64k", "count=16", "oflag=direct"]
    pid = os.posix_spawn("/bin/busybox", dd, {}, file_actions=[(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    os.waitpid(pid, 0)
    os.unlink(f"/var/tmp/fault-{os.getpid()}")
    return 0


FAULTS = {
    "oom": oom,
    "throttle": lambda: with_limit("cpu.max", "10000 100000", spin),
    "pids": lambda: with_limit("pids.max", str(int(read(limited, "pids.current")) + 1), fork_too_often),
    "high": lambda: with_limit("memory.high", str(int(read(limited, "memory.current")) + 4 * MIB), creep),
    "io": lambda: with_limit("io.max", "254:0 wbps=524288", direct_write),
    "freeze": lambda: write(limited, "cgroup.freeze", "1") or 0,
    "thaw": lambda: write(limited, "cgroup.freeze", "0") or 0,
}
try:
    print(f"@@{FAULTS[fault]()}", flush=True)
except FileNotFoundError as error:
    print(f"@@absent {error}", flush=True)
