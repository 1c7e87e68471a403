#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: storm.py NUMBER SECONDS LIFE, in the guest

A storm of containers, evenly over so many seconds: each has a cgroup /storm/docker-ID.scope, a file of
Docker's that calls it storm-N, and a process, and is taken away after LIFE seconds. Nothing is
imported that python3-minimal lacks."""
import os
import sys
import time

STORES = "/var/lib/docker/containers"
TOP = "/sys/fs/cgroup/storm"


def container_id(number):
    return f"{number + 1:064x}"


def group_of(number):
    return f"{TOP}/docker-{container_id(number)}.scope"


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def begin(number):
    """Makes one: its process."""
    group = group_of(number)
    os.mkdir(group)
    pid = os.fork()
    if pid == 0:
        try:
            write(f"{group}/cgroup.procs", str(os.getpid()))
            time.sleep(60)
        finally:
            os._exit(0)
    return pid


def tell(number, state):
    write(f"{STORES}/{container_id(number)}/config.v2.json",
          f'{{"Name":"/storm-{number}","Config":{{"Image":"storm:1"}},"State":{{{state}}}}}')


def end(number, pid):
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    tell(number, '"Running":false,"ExitCode":137,"FinishedAt":"2026-01-01T00:00:00Z"')
    for _ in range(10000):
        try:
            os.rmdir(group_of(number))
            return
        except OSError:  # busy: its process is not quite gone
            time.sleep(0.001)
    sys.exit(f"cannot remove {group_of(number)}")


def main():
    number, seconds, life = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    os.makedirs(TOP, exist_ok=True)
    for i in range(number):
        os.makedirs(f"{STORES}/{container_id(i)}")
        tell(i, '"Running":true')
    start = time.monotonic()
    alive = []
    for i in range(number):
        now = time.monotonic()
        while alive and (alive[0][2] <= now or now < start + i * seconds / number):
            time.sleep(max(0, min(alive[0][2], start + i * seconds / number) - now))
            now = time.monotonic()
            if alive[0][2] <= now:
                end(*alive.pop(0)[:2])
        time.sleep(max(0, start + i * seconds / number - now))
        alive.append((i, begin(i), time.monotonic() + life))
    for i, pid, until in alive:
        time.sleep(max(0, until - time.monotonic()))
        end(i, pid)
    print(f"@@{time.monotonic() - start:.1f}")


main()
