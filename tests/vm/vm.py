#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Virtual machines with real kernels, full cgroup v2 and every container runtime (QEMU, TCG).

usage: vm.py prepare KERNEL...           makes image and kernels, starts all runtimes once, saves that state
       vm.py run KERNEL COMMAND...       runs a shell command in a machine restored from that state, with the
                                         freshly built exporter in /tallyman; its exit code is ours, and what it
                                         puts into /results comes back to build/vm/results/KERNEL
       vm.py shell KERNEL [HOST:GUEST]   the same machine, kept: prints how to reach it, waits for Ctrl-C

KERNEL is 6.1, 6.12, 5.10 or sid, the newest that Debian offers. The cache is $VM_CACHE, else build/vm."""
import contextlib
import fcntl
import hashlib
import io
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("VM_CACHE", ROOT / "build" / "vm"))
READY = b"@@READY\n"
END = b"\n@@RC="
MEMORY_MB = 2048
# The emulation moves strings byte by byte (10 ns each), and tells the guest that they are fast: more than half of a scrape
# of very many workloads was that. Without these two flags kernel and C library copy by words.
PROCESSOR = "max,-erms,-fsrm"
# With a thread for each of the guest's processors QEMU 7.2 now and then runs code that the guest's kernel has just
# patched: it dies in an int3 that is no longer there within a minute of BPF_ENABLE_STATS being turned on and off.
# Two machines at a time keep two cores busy anyway. One that is prepared is alone, and runs no probes.
THREADS = "tcg,thread=single"
THREADS_PREPARING = "tcg,thread=multi"
COMMAND_LINE = ("console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off systemd.show_status=false "
                "apparmor=0 selinux=0 root=/dev/vda rw")


class VmError(Exception):
    pass


class NoKernel(VmError):
    """Debian does not offer this kernel today."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    """One running guest. `disk` is written to; with `restore` it continues from that saved state."""

    def __init__(self, kernel, disk, restore=None, forwards=(), threads=THREADS):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tallyman-vm-"))
        self.agent_port = free_port()
        files = CACHE / "kernels" / kernel
        network = f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.agent_port}-:9999"
        for host, guest in forwards:
            network += f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
        command = [
            "setpriv", "--pdeathsig", "KILL",  # it never outlives us
            "qemu-system-x86_64", "-accel", threads, "-cpu", PROCESSOR, "-smp", "2",
            "-m", str(MEMORY_MB), "-display", "none", "-no-reboot", "-nodefaults",
            "-serial", f"file:{self.folder}/console.log",
            "-monitor", f"unix:{self.folder}/monitor,server=on,wait=off",
            "-kernel", str(files / "vmlinuz"), "-initrd", str(files / "initrd"),
            "-append", COMMAND_LINE,
            "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
            "-netdev", network, "-device", "virtio-net-pci,netdev=n0,romfile=",
        ]
        if restore:
            command += ["-loadvm", restore]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stderr=open(self.folder / "qemu.log", "wb"))

    def console(self):
        """What the guest's kernel has said last."""
        text = (self.folder / "console.log").read_text(errors="replace")
        return f"its console ends with:\n{text[-3000:]}"

    def check(self):
        if self.process.poll() is not None:
            log = (self.folder / "qemu.log").read_text(errors="replace")
            raise VmError(f"QEMU ended with {self.process.returncode}: {log[-2000:]}; {self.console()}")

    def connect(self, deadline):
        """A connection on which the agent has said that it is there."""
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", self.agent_port), timeout=5)
                connection.settimeout(1.0)
                greeting = b""
                with contextlib.suppress(OSError):
                    while len(greeting) < len(READY):
                        chunk = connection.recv(len(READY) - len(greeting))
                        if not chunk:
                            break
                        greeting += chunk
                if greeting == READY:
                    return connection
                connection.close()
            time.sleep(0.1)
        raise VmError(f"the guest does not answer; {self.console()}")

    def execute(self, script, timeout=120, echo=None):
        """Runs a bash script (bytes or text) in the guest: (exit code, output as bytes)."""
        deadline = time.monotonic() + timeout
        connection = self.connect(deadline)
        connection.settimeout(max(1, deadline - time.monotonic()))
        output = bytearray()
        with connection:
            connection.sendall(script if isinstance(script, bytes) else script.encode())
            connection.shutdown(socket.SHUT_WR)
            try:
                while chunk := connection.recv(65536):
                    output += chunk
                    if echo:
                        echo.write(chunk)
                        echo.flush()
                    connection.settimeout(max(0.1, deadline - time.monotonic()))
            except TimeoutError:
                raise VmError(f"no end within {timeout} s; output so far:\n"
                              f"{bytes(output[-3000:]).decode(errors='replace')}\n{self.console()}") from None
        body, mark, code = bytes(output).rpartition(END)
        if not mark:
            raise VmError(f"the connection to the guest broke; {self.console()}")
        return int(code), body

    def succeed(self, script, timeout=120):
        """Output of a script that must exit with 0, as text."""
        code, output = self.execute(script, timeout)
        text = output.decode(errors="replace")
        if code:
            raise VmError(f"exit code {code} from: {script[:300]}\n{text[-4000:]}")
        return text

    def push(self, files, folder):
        """Puts files {name in the guest's folder: path here} there, modes kept."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
            for name, path in files.items():
                tar.add(path, arcname=name)
        head = f"mkdir -p {folder}; tail -c +%06d \"$0\" | tar -C {folder} -xz; exit $?\n"
        head = (head % (len(head % 0) + 1)).encode()
        code, output = self.execute(head + archive.getvalue(), 300)
        if code:
            raise VmError(f"cannot put files into the guest: {output.decode(errors='replace')}")

    def pull(self, folder, target):
        """Brings a guest's folder back, if it is there."""
        code, output = self.execute(f"[ -d {folder} ] && tar -C {folder} -cz . | base64 -w0", 300)
        if code:
            return
        import base64
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(output))) as tar:
            tar.extractall(target)

    def monitor(self, command, timeout=120):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(f"{self.folder}/monitor")
            self.read_prompt(s)
            s.sendall(command.encode() + b"\n")
            return self.read_prompt(s).decode(errors="replace")

    @staticmethod
    def read_prompt(s):
        data = b""
        while not data.endswith(b"(qemu) "):
            chunk = s.recv(4096)
            if not chunk:
                break
            data += chunk
        return data

    def set_clock(self):
        """A restored guest believes that no time has passed."""
        self.succeed(f"date -s @{time.time():.3f} > /dev/null")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def recipe(kernel):
    """What the saved state was made from."""
    digest = hashlib.sha256()
    for name in ("image.recipe", "kernels.recipe"):
        digest.update((CACHE / name).read_bytes())
    for path in sorted((HERE / "provision").iterdir()):
        digest.update(path.read_bytes())
    digest.update(f"{kernel} {MEMORY_MB} {PROCESSOR} {COMMAND_LINE}".encode())
    return digest.hexdigest()


def provision(machine, steps="*"):
    """Runs the steps of tests/vm/provision/, or those whose name matches."""
    machine.push({p.name: p for p in (HERE / "provision").iterdir()}, "/provision")
    for path in sorted((HERE / "provision").glob(f"{steps}.sh")):
        start = time.monotonic()
        machine.succeed(f"cd /provision && . ./lib && . ./{path.name}", 600)
        print(f"  {path.name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def prepare(kernel):
    """The disk with the saved state "ready" of a kernel, made when it is missing or out of date."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / ".lock-ready", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that start at once do not make it twice
        return prepare_locked(kernel)


def make_image(kernel):
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run([HERE / "make-image", CACHE], check=True, stdin=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        raise VmError("the image could not be made, see above") from None
    if not (CACHE / "kernels" / kernel / "vmlinuz").exists():
        raise NoKernel(f"Debian's mirror does not offer a kernel {kernel} today")


def make_disk(disk, image="image.raw"):
    """A disk that begins as the image, which is named from where the disk is: a cache may be moved."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "raw", disk], check=True)


def prepare_locked(kernel):
    make_image(kernel)
    disk = CACHE / f"ready-{kernel}.qcow2"
    stamp = CACHE / f"ready-{kernel}.recipe"
    if disk.exists() and stamp.exists() and stamp.read_text() == recipe(kernel):
        return disk
    print(f"preparing a machine with kernel {kernel}", file=sys.stderr, flush=True)
    stamp.unlink(missing_ok=True)
    disk.unlink(missing_ok=True)
    make_disk(disk)
    with Machine(kernel, disk, threads=THREADS_PREPARING) as machine:
        machine.connect(time.monotonic() + 180).close()
        machine.set_clock()
        provision(machine)
        answer = machine.monitor("savevm ready")
        if "Error" in answer:
            raise VmError(f"savevm: {answer}")
        machine.monitor("quit")
        machine.process.wait(60)
    stamp.write_text(recipe(kernel))
    return disk


@contextlib.contextmanager
def restored(kernel, forwards=()):
    """A machine in the state "ready", with its containers alive; its disk is thrown away afterwards."""
    ready = prepare(kernel)
    descriptor, disk = tempfile.mkstemp(prefix="disk-", dir=CACHE)
    os.close(descriptor)
    try:
        # A reflink or sparse copy: two machines may run from one saved state.
        subprocess.run(["cp", "--reflink=auto", "--sparse=always", ready, disk], check=True)
        machine = Machine(kernel, disk, "ready", forwards)
    except BaseException:
        os.unlink(disk)
        raise
    with machine:
        try:
            machine.set_clock()
        finally:
            os.unlink(disk)  # QEMU has it open; nothing is left behind however this ends
        yield machine


@contextlib.contextmanager
def booted(kernel, forwards=()):
    """A machine that has only just been started, with nothing in it but systemd and the agent."""
    make_image(kernel)
    with tempfile.TemporaryDirectory(prefix="boot-", dir=CACHE) as folder:
        disk = f"{folder}/disk.qcow2"
        make_disk(disk, "../image.raw")
        with Machine(kernel, disk, forwards=forwards) as machine:
            machine.connect(time.monotonic() + 240).close()
            machine.set_clock()
            yield machine


def push_exporter(machine):
    binary = pathlib.Path(os.environ.get("TALLYMAN", ROOT / "build" / "tallyman"))
    machine.push({"tallyman": binary}, "/tallyman")


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("prepare", "run", "shell"):
        print(__doc__, file=sys.stderr)
        return 2
    action, kernel, *rest = sys.argv[1:]
    # As if by Ctrl-C, so that the machine ends with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if action == "prepare":
            for name in [kernel, *rest]:
                prepare(name)
            return 0
        if action == "run":
            with restored(kernel) as machine:
                push_exporter(machine)
                code, _ = machine.execute("cd /tallyman; " + " ".join(rest), 1800, sys.stdout.buffer)
                machine.pull("/results", ROOT / "build" / "vm" / "results" / kernel)
                return code
        forwards = [tuple(map(int, pair.split(":"))) for pair in rest]
        with restored(kernel, forwards) as machine:
            push_exporter(machine)
            print(f"agent on 127.0.0.1:{machine.agent_port}; send a script, close, read:\n"
                  f"  echo 'uname -a' | socat -t60 - TCP:127.0.0.1:{machine.agent_port}\n"
                  f"monitor: socat - UNIX:{machine.folder}/monitor", flush=True)
            machine.process.wait()
    except NoKernel as reason:
        print(reason, file=sys.stderr)
        return 77  # how tests/run knows a skip
    except VmError as error:
        print(f"vm.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
