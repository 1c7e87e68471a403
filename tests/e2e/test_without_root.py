#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""As a user who may not read everything: the rest is served, and what is missing is said once."""

import os
import pathlib
import re
import shutil
import tempfile

import support

FIXTURE = "debian-6.12"
# What tells of a container of each runtime: its cgroup, and a file that only root may read.
FILES = {
    "docker-*.scope": "var/lib/docker/containers/{}/config.v2.json",
    "libpod-*.scope": "var/lib/containers/storage/overlay-containers/containers.json",
    "cri-containerd-*.scope": "run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json",
}


def test_denied_is_said_once():
    if os.geteuid() != 0:
        support.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        binary = shutil.copy(support.binary(), place / "tallyman")
        root = place / "root"
        shutil.copytree(support.FIXTURES / FIXTURE, root, symlinks=True)
        names = []
        for pattern, path in FILES.items():
            group = next((root / "cgroup").rglob(pattern)).name
            names.append(re.search("[0-9a-f]{64}", group)[0])
            file = root / "root" / path.format(names[-1])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
            file.chmod(0o600)
        flags = [f"--path.{flag}={root / part}" for flag, part in
                 {"cgroupfs": "cgroup", "procfs": "proc", "sysfs": "sys", "rootfs": "root"}.items()]
        before = os.environ.get("TALLYMAN")
        os.environ["TALLYMAN"] = str(binary)
        try:
            with support.Daemon(*flags, "--web.min-scrape-interval=0s", user=65534) as daemon:
                for _ in range(3):
                    text = daemon.get("/metrics").text
                lines = [line for line in daemon.log().splitlines() if "not permitted" in line]
        finally:
            if before is None:
                del os.environ["TALLYMAN"]
            else:
                os.environ["TALLYMAN"] = before
        support.equal(len(lines), 1, repr(lines))
        if "container runtimes" not in lines[0]:
            raise AssertionError(lines[0])
        for name in names:
            if f'name="{name}"' not in text:
                raise AssertionError(f"{name} is not served")
        if "container_memory_usage_bytes{" not in text:
            raise AssertionError("the rest is not served")


if __name__ == "__main__":
    support.main(globals())
