#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: meter.py FOLDER WORKLOADS ROUNDS INTERVAL PORT NAME...

Runs exporters side by side over the same cgroups, scrapes each once per INTERVAL seconds, and says what
that took: lines of "NAME KEY VALUE", with one VALUE for each round, or one for all. Each exporter is in
a cgroup of its own, whose cpu.stat is what it and all its children used, scraping or not. On this
machine or in a guest: nothing is imported that python3-minimal lacks."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

SETTLE_S = 30
# Their programs cost and hold something, which exporters that only read files do not have.
PROBES = ["runqueue", "blkio", "memory_stalls", "syscalls", "lifetime", "connections"]
TALLYMAN = "{bin}/tallyman --web.listen-address=127.0.0.1:{port} --log.level=error"
CADVISOR = "{bin}/cadvisor --listen_ip=127.0.0.1 --port={port}"
# name: (path of the metrics, command)
EXPORTERS = {
    "tallyman": ("/metrics", TALLYMAN),
    "tallyman-files": ("/metrics", TALLYMAN + "".join(f" --no-collector.{p}" for p in PROBES)),
    "cadvisor": ("/metrics", CADVISOR),
    "cadvisor-10s": ("/metrics", CADVISOR + " --housekeeping_interval=10s"),
    "node_exporter": ("/metrics", "{bin}/node_exporter --web.listen-address=127.0.0.1:{port}"),
    "ebpf_exporter": ("/metrics", "{bin}/ebpf_exporter --web.listen-address=127.0.0.1:{port} "
                      "--config.dir={bin}/ebpf_examples --config.names=syscalls,cfs-throttling,biolatency,oomkill"),
    # Where a kernel refuses kprobes and fentry, this much of it is left.
    "ebpf_exporter-some": ("/metrics", "{bin}/ebpf_exporter --web.listen-address=127.0.0.1:{port} "
                           "--config.dir={bin}/ebpf_examples --config.names=syscalls,biolatency"),
    # The service does what the exporter asks for, so it is part of the price.
    "podman_exporter": ("/metrics", "sh -c 'podman system service -t 0 unix:///run/peers-podman & sleep 5; "
                        "CONTAINER_HOST=unix:///run/peers-podman exec {bin}/podman_exporter "
                        "--web.listen-address=127.0.0.1:{port} --collector.enable-all'"),
    "netdata": ("/api/v1/allmetrics?format=prometheus", "{bin}/netdata-run {port}"),
    "pcp": ("/metrics?names=cgroup", "{bin}/pcp-run {port}"),
    "coroot": ("/metrics", "{bin}/coroot --listen=127.0.0.1:{port}"),
}
MOUNT = next(pathlib.Path(p) for p in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
             if os.path.exists(p + "/cgroup.procs"))


def children(group):
    return [int(pid) for procs in [group, *group.rglob("*/")] if (procs / "cgroup.procs").exists()
            for pid in (procs / "cgroup.procs").read_text().split()]


class Exporter:
    def __init__(self, name, folder, port):
        self.name, self.port, (self.path, command) = name, port, EXPORTERS[name]
        self.group = MOUNT / f"tallyman-peers-{os.getpid()}-{name}"
        self.group.mkdir()
        self.log = open(f"/tmp/tallyman-peers-{name}.log", "wb")
        self.process = subprocess.Popen(
            ["sh", "-c", f'echo $$ > {self.group}/cgroup.procs; exec "$@"', "sh", "sh", "-c",
             "exec " + command.format(bin=folder, port=port)],
            stdout=self.log, stderr=self.log, start_new_session=True)

    def get(self):
        """The reply's body; HTTP/1.0, so that it is neither in chunks nor compressed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=110) as s:
            s.sendall(f"GET {self.path} HTTP/1.0\r\nHost: 127.0.0.1:{self.port}\r\n"
                      "Accept: text/plain\r\n\r\n".encode())
            parts = []
            while part := s.recv(1 << 20):
                parts.append(part)
        head, _, body = b"".join(parts).partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise OSError(head[:100].decode(errors="replace"))
        return body

    def cpu_ms(self):
        return int(re.search(r"usage_usec (\d+)", (self.group / "cpu.stat").read_text())[1]) / 1000

    def status_mb(self, key):
        total = 0
        for pid in children(self.group):
            try:
                found = re.search(rf"^{key}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
            except OSError:
                continue
            total += int(found[1]) * 1024 if found else 0
        return total / 1e6

    def maps_mb(self):
        """Kernel memory of the BPF maps behind its descriptors."""
        maps = {}
        for pid in children(self.group):
            for info in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*"):
                try:
                    text = info.read_text()
                except OSError:
                    continue
                found = re.search(r"^memlock:\s+(\d+)\nmap_id:\s+(\d+)", text, re.M)
                if found:
                    maps[found[2]] = int(found[1])
        return sum(maps.values()) / 1e6

    def kernel_mb(self):
        """All that the kernel holds for it, where cgroup v2 counts memory."""
        try:
            found = re.search(r"^kernel (\d+)", (self.group / "memory.stat").read_text(), re.M)
        except OSError:
            return None
        return int(found[1]) / 1e6 if found else None

    def stop(self):
        for sign in signal.SIGTERM, signal.SIGKILL:
            for pid in children(self.group):
                os.kill(pid, sign)
            for _ in range(100):
                self.process.poll()
                if not children(self.group):
                    break
                time.sleep(0.1)
        try:
            self.group.rmdir()
        except OSError as error:
            print(f"{self.name} note cannot remove its cgroup: {error.strerror}")


def ready(exporter, deadline):
    """Whether it answers in time."""
    while time.monotonic() < deadline:
        try:
            if exporter.get():
                return True
        except OSError:
            time.sleep(1)
        if exporter.process.poll() is not None:
            return False
    return False


def tell(name, key, values):
    print(name, key, *(f"{v:.6g}" for v in values), flush=True)


def series(body):
    return sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))


def rounds(exporters, n, interval, dirty):
    """n scrapes of each, in turn: the first of a round is another each time."""
    found = {e.name: {"scrape_cpu_ms": [], "duration_ms": []} for e in exporters}
    before = {e.name: e.cpu_ms() for e in exporters}
    bodies = {}
    start = time.monotonic()
    for i in range(n):
        for j in range(len(exporters)):
            e = exporters[(i + j) % len(exporters)]
            time.sleep(max(0, start + interval * (i + j / len(exporters)) - time.monotonic()))
            dirty()
            cpu, begin = e.cpu_ms(), time.monotonic()
            bodies[e.name] = e.get()
            found[e.name]["duration_ms"].append((time.monotonic() - begin) * 1000)
            found[e.name]["scrape_cpu_ms"].append(e.cpu_ms() - cpu)
    time.sleep(max(0, start + interval * n - time.monotonic()))
    took = time.monotonic() - start
    for e in exporters:
        tell(e.name, "cpu_ms", [(e.cpu_ms() - before[e.name]) / took * interval])
        for key, values in found[e.name].items():
            tell(e.name, key, values)
        tell(e.name, "bytes", [len(bodies[e.name])])
        tell(e.name, "series", [series(bodies[e.name])])
        for key in "RssAnon", "VmRSS":
            tell(e.name, key, [e.status_mb(key)])
        tell(e.name, "maps_mb", [e.maps_mb()])
        kernel = e.kernel_mb()
        if kernel is not None:
            tell(e.name, "kernel_mb", [kernel])


def main():
    folder, n_workloads, n_rounds, interval, port, *names = sys.argv[1:]
    workloads = subprocess.Popen([f"{folder}/workloads", n_workloads], text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
    top = pathlib.Path(workloads.stdout.readline().strip())

    def dirty():
        workloads.stdin.write("dirty\n")
        workloads.stdin.flush()
        workloads.stdout.readline()

    exporters, alive = [], []
    try:
        for controller in (top / "cgroup.controllers").read_text().split():
            try:
                (top / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:
                pass
        exporters = [Exporter(name, folder, int(port) + i) for i, name in enumerate(names)]
        deadline = time.monotonic() + 180
        for e in exporters:
            if ready(e, deadline):
                alive.append(e)
                continue
            last = pathlib.Path(e.log.name).read_text(errors="replace").strip().splitlines()[-1:]
            print(f"{e.name} note does not run here: {' '.join(last)[:300]}", flush=True)
        time.sleep(SETTLE_S)
        rounds(alive, int(n_rounds), float(interval), dirty)
    finally:
        for e in exporters:
            e.stop()
        workloads.stdin.close()
        workloads.wait()


if __name__ == "__main__":
    main()
