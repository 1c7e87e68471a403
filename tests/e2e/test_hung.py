#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain serial
"""A walk over a writable layer that never comes back, on a real FUSE file system whose server does not
answer: everything else is served, and a stop signal ends the exporter all the same."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import support

ID = "a" * 64
INIT, LOOKUP = 26, 1
MNT_FORCE, MNT_DETACH = 1, 2
PATIENCE_S = 10  # WORKER_PATIENCE_S in collector/worker.h
libc = ctypes.CDLL(None, use_errno=True)


class Hung:
    """A mounted file system that answers to nothing but its mount. `reads`: requests are taken, and not
    answered; then not even SIGKILL ends who waits for one. Otherwise they stay in the kernel."""

    def __init__(self, where, reads):
        self.where, self.reads = str(where), reads
        self.asked = threading.Event()

    def __enter__(self):
        try:
            self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            support.skip(f"no /dev/fuse: {error}")
        options = f"fd={self.fd},rootmode=40755,user_id=0,group_id=0".encode()
        if libc.mount(b"hung", self.where.encode(), b"fuse.hung", 0, options) != 0:
            error = os.strerror(ctypes.get_errno())
            os.close(self.fd)
            support.skip(f"no FUSE file system can be mounted: {error}")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        """struct fuse_in_header and fuse_out_header of linux/fuse.h."""
        with contextlib.suppress(OSError):  # the end of the connection
            while True:
                request = os.read(self.fd, 1 << 18)
                _, operation, unique = struct.unpack_from("=IIQ", request)
                if operation == INIT:
                    answer = struct.pack("=IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 9, 4096, 1, 0, 0, 0)
                    os.write(self.fd, struct.pack("=IiQ", 16 + len(answer), 0, unique) + answer)
                    if not self.reads:
                        return
                elif operation == LOOKUP:
                    self.asked.set()

    def release(self):
        """Whoever waits gets an error."""
        libc.umount2(self.where.encode(), MNT_FORCE | MNT_DETACH)

    def __exit__(self, *_):
        self.release()
        os.close(self.fd)
        self.thread.join(5)


def make_tree(top):
    """A host with one container, whose layer is /layer/upper; its list of mounts does not tell of a FUSE there."""
    group = top / f"cgroup/system.slice/docker-{ID}.scope"
    process = top / "proc/20"
    for folder in (group, process, top / "proc/1", top / "sys", top / "root/layer"):
        folder.mkdir(parents=True)
    for folder in (top / "cgroup", group.parent):
        (folder / "cgroup.procs").write_text("")
    (group / "cgroup.procs").write_text("20\n")
    (top / "cgroup/cgroup.controllers").write_text("memory\n")
    (group / "memory.current").write_text("4096\n")
    (top / "proc/1/mountinfo").write_text("27 1 8:1 / / rw,relatime - ext4 /dev/root rw\n")
    (process / "stat").write_text("20 (sh) S 1 1 1 0 -1 4194560 0 0 0 0 10 20 0 0 20 0 3 0 200 1000000 50 "
                                  "18446744073709551615 0 0 0 0 0\n")
    (process / "mountinfo").write_text("1 1 0:50 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/layer/upper,workdir=/w\n")
    return [f"--path.{flag}={top / part}" for flag, part in
            {"cgroupfs": "cgroup", "procfs": "proc", "sysfs": "sys", "rootfs": "root"}.items()]


@contextlib.contextmanager
def hung_walk(reads):
    """An exporter whose walk hangs: (daemon, file system, flags)."""
    with tempfile.TemporaryDirectory(prefix="tallyman-hung-") as folder:
        flags = make_tree(pathlib.Path(folder))
        with Hung(f"{folder}/root/layer", reads) as hung, support.Daemon(*flags, "--web.min-scrape-interval=0s") as daemon:
            def hangs():
                return [float(s.value) for s in daemon.metrics().get("tallyman_filesystem_walk_running_seconds", ())
                        if float(s.value) >= 1]
            support.wait_for(hangs, "the walk hangs", 20)
            yield daemon, hung, flags


def check_served(daemon):
    samples = daemon.metrics()
    support.equal([s.value for s in samples["container_memory_usage_bytes"] if ID in s.labels["id"]], ["4096"])
    support.equal(daemon.get("/-/healthy").status, 200)


def test_ends_while_a_request_waits_in_the_kernel():
    with hung_walk(reads=False) as (daemon, _, _):
        check_served(daemon)
        start = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        support.equal(daemon.process.wait(3 * PATIENCE_S), 0)
        print(f"# ended after {time.monotonic() - start:.1f} s")
        daemon.start()  # the address is free, and leaving the block ends this one


def test_makes_room_while_a_request_is_never_answered():
    """The kernel lets nothing end a thread that waits for an answer to a request that was taken; its process stays until
    the file system goes. What it held is free, so that another exporter can take its place."""
    with hung_walk(reads=True) as (daemon, hung, flags):
        if not hung.asked.wait(5):
            raise AssertionError("the file system was not asked")
        check_served(daemon)
        daemon.process.send_signal(signal.SIGTERM)

        def is_free():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", daemon.port))
                except OSError:
                    return False
                return True
        support.wait_for(is_free, "the address is free", 5)
        with support.Daemon(*flags, "--no-collector.filesystem", port=daemon.port) as second:
            check_served(second)
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.process.wait(2 * PATIENCE_S)
        print(f"# {'has ended' if daemon.process.poll() is not None else 'waits for the file system'}")
        hung.release()
        support.equal(daemon.process.wait(3 * PATIENCE_S), 0)
        daemon.start()


if __name__ == "__main__":
    support.main(globals())
