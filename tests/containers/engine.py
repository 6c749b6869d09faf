"""A Docker engine of the test's own: Debian's programs unpacked into a folder, started in namespaces of their own.

It needs root, Linux and Debian's package sources. The host keeps its network, its mounts and its packages: the engine's
bridge, rules and mounts vanish with its last process. Containers have no memory limit there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from containers.stamp import Stamp
from containers.telling import StepFailed, Teller
from harness.waiting import eventually

PACKAGES = (
    "docker.io", "containerd", "runc", "tini", "iptables", "libip4tc2", "libip6tc2", "libnftnl11", "libnfnetlink0",
    "libnetfilter-conntrack3", "libxtables12", "mmdebstrap",
    "docker-compose", "python3-docker", "python3-dockerpty", "python3-docopt", "python3-dotenv", "python3-jsonschema",
    "python3-requests", "python3-texttable", "python3-websocket", "python3-yaml", "python3-distro", "python3-attr",
    "python3-pyrsistent", "python3-urllib3", "python3-chardet", "python3-idna", "python3-certifi",
    "python3-charset-normalizer", "python3-six", "python3-pkg-resources",
)  # fmt: skip
"""The engine, its network rules, the builder of the base image, and compose with what it imports; unpacked, not installed."""

BRIDGE = "172.31.0.1"
"""Address of the engine's bridge in its own network; builds reach the package server there."""

POOL = "base=172.30.0.0/16,size=24"
"""Networks of the compose file are cut from it."""

START_WITHIN_S = 60.0
"""Seconds the engine may take to answer. It takes one."""

INNER = """\
mount -t cgroup2 cgroup2 /sys/fs/cgroup || mount --bind /sys/fs/cgroup /sys/fs/cgroup
ip link set lo up
exec dockerd --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/docker.pid" -H "unix://$0/docker.sock" --group root \
  --bip {bridge}/24 --default-address-pool {pool}
"""


class Engine:
    """One engine in one folder: `start` runs it, `stop` ends it and removes all that it held."""

    def __init__(self, folder: Path, teller: Teller) -> None:
        self._folder = folder
        self._teller = teller
        self._process: subprocess.Popen[bytes] | None = None
        self.root = folder / "programs"
        """Where the packages are unpacked."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables of every program that speaks to it."""
        programs = [self.root / "usr" / folder for folder in ("bin", "sbin")]
        return {
            "PATH": ":".join([*map(str, programs), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
            "HOME": str(self._folder),
            "LD_LIBRARY_PATH": f"{self.root}/usr/lib/x86_64-linux-gnu",
            "XTABLES_LIBDIR": f"{self.root}/usr/lib/x86_64-linux-gnu/xtables",
            "DOCKER_HOST": f"unix://{self._folder}/docker.sock",
            "DOCKER_BUILDKIT": "0",  # that builder is no part of these packages
            "COMPOSE_DOCKER_CLI_BUILD": "0",
        }

    def fetch(self) -> str:
        """Unpack the programs; once. Raises StepFailed where this machine cannot."""
        if os.geteuid() or shutil.which("apt-get") is None:
            raise StepFailed(
                "an engine is started by root on Debian; here run docs/containers.md by hand with your own"
            )
        stamp = Stamp(self.root, PACKAGES)
        if stamp.is_current:
            return "there already"
        with stamp.making():
            self._unpack()
        return f"{len(PACKAGES)} packages unpacked, none installed"

    def start(self) -> str:
        """Start it in namespaces of its own and wait until it answers."""
        inner = INNER.format(bridge=BRIDGE, pool=POOL)
        unshared = ["unshare", "--mount", "--net", "--propagation", "private", "bash", "-c", inner, str(self._folder)]
        with (self._folder / "engine.log").open("wb") as log:
            self._process = subprocess.Popen(unshared, env=self.environment, stdout=log, stderr=log)
        eventually(self._answers, within_s=START_WITHIN_S, what="the engine")
        return "answers"

    def inside(self, command: Sequence[str]) -> list[str]:
        """A command in the engine's network, where published ports and the bridge are."""
        assert self._process is not None
        return ["nsenter", f"--net=/proc/{self._process.pid}/ns/net", *command]

    def stop(self) -> None:
        """Stop it and what it started, and give its disk back."""
        if self._process is not None and self._process.poll() is None:
            _end(self._process)
        self._process = None
        for name in ("data", "exec"):
            _remove(self._folder / name)

    def _unpack(self) -> None:
        """The packages as they are now, in folders without what an earlier run left there."""
        packages = self._folder / "packages"
        for folder in (packages, self.root):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._teller.run(["apt-get", "-q", "update"], timeout_s=180)
        self._teller.run(["apt-get", "-q", "download", *PACKAGES], cwd=packages, timeout_s=300)
        for package in sorted(packages.glob("*.deb")):
            self._teller.run(["dpkg", "-x", str(package), str(self.root)], timeout_s=60)
        for name in ("iptables", "ip6tables"):
            link = self.root / "usr" / "sbin" / name
            link.unlink(missing_ok=True)
            link.symlink_to("xtables-nft-multi")

    def _answers(self) -> bool:
        assert self._process is not None
        log = self._folder / "engine.log"
        assert self._process.poll() is None, log.read_text()[-3_000:]
        asked = ["docker", "version", "--format", "{{.Server.Version}}"]
        return subprocess.run(asked, env=self.environment, capture_output=True, check=False).returncode == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a running process and all that it started."""
    processes = [psutil.Process(process.pid)]
    processes += processes[0].children(recursive=True)
    process.send_signal(signal.SIGTERM)
    psutil.wait_procs(processes, timeout=60)
    for left in processes:
        if left.is_running():
            left.kill()
    process.wait(60)


def _remove(folder: Path) -> None:
    """Remove a folder; what a process that is just ending still writes is waited for."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.5)
    raise StepFailed(f"{folder} could not be removed; remove it by hand")
