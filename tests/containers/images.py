"""What builds need where no registry of images and no package index is reached from inside: a base image, and packages at hand.

The base stands in for `python:3.11-slim`: Debian's own Python 3.11, and of what the official image lacks libgomp1 alone, which
infra/docker/triton.Dockerfile installs. Its pip knows one
place, a folder of this run's wheels at the locked versions, served on the engine's bridge.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from containers.engine import BRIDGE, Engine
from containers.stamp import Stamp
from containers.telling import Teller

BASE = "python:3.11-slim"
INCLUDED = "python3,python3-venv,python-is-python3,libpython3.11,ca-certificates,libgomp1"
SUITE = "bookworm"
PORT = 8099
"""Of the package server, in the engine's own network. Arbitrary: nothing else listens there."""

PIP = f"[global]\nno-index = true\nfind-links = http://{BRIDGE}:{PORT}/\ntrusted-host = {BRIDGE}\n"


def make_wheels(checkout: Path, folder: Path, teller: Teller) -> str:
    """Wheels of everything that the images install."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "-c", "requirements.lock", "-w", str(folder)]
    teller.run(
        [*command, ".[all]", "hatchling", "setuptools", "wheel"], cwd=checkout, timeout_s=600, env=dict(os.environ)
    )
    return f"{len(list(folder.glob('*.whl')))} wheels"


def make_base(engine: Engine, folder: Path, teller: Teller) -> str:
    """The base image, from Debian's packages; its archive is kept for the next run that wants the same."""
    archive, pip = folder / "base.tar", folder / "pip.conf"
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={INCLUDED}", "--skip=output/dev"]
    command += ["--customize-hook=rm -f $1/etc/resolv.conf $1/etc/hostname", f"--customize-hook=copy-in {pip} /etc"]
    command += [SUITE, str(archive)]
    stamp = Stamp(archive, (*command, PIP))
    if not stamp.is_current:
        with stamp.making():
            pip.write_text(PIP)
            archive.unlink(missing_ok=True)
            teller.run(command, env=engine.environment, timeout_s=600)
    imported = ["docker", "import", "-c", 'CMD ["python3"]', str(archive), BASE]
    teller.run(imported, env=engine.environment, timeout_s=300)
    return f"{archive.stat().st_size // 2**20} MB"


@contextmanager
def packages_served(engine: Engine, folder: Path) -> Iterator[None]:
    """The wheels on the engine's bridge while the block runs."""
    served = [sys.executable, "-m", "http.server", str(PORT), "--bind", BRIDGE, "--directory", str(folder)]
    server = subprocess.Popen(engine.inside(served), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait(30)
