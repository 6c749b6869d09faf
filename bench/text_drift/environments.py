"""Environments of their own for what must not enter the services': peers with old pins, and the drawing of plots.

Each is made by pip, by name, at the pins below. One that does not install is reported and left out of the run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .embeddings import FOLDER, MODELS_PYTHON

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "plots": ("matplotlib>=3.10,<4",),
    "evidently": ("evidently==0.7.23", "pandas<3"),
    "alibi": ("alibi-detect==0.11.4", "numpy==1.24.4", "numba==0.57.1", "scipy<1.12"),
}
"""0.11.4 is the last alibi-detect under the Apache licence; the others of its line are what it still runs with."""

TORCH_FROM_MODELS = frozenset({"alibi"})
"""Environments that see the packages of the models' environment after their own: torch is 2 GB and is there already."""


class NotInstalled(Exception):
    """An environment could not be made; the text is the end of what pip said."""


def python_of(name: str) -> Path:
    """The interpreter of environment `name`, made where it is missing. Raises NotInstalled."""
    folder = FOLDER / "environments" / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join(REQUIREMENTS[name])
    if not stamp.exists() or stamp.read_text() != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", *REQUIREMENTS[name]])
        stamp.write_text(wanted)
    if name in TORCH_FROM_MODELS:
        # Each time: the folder may have been copied from another checkout, whose models' environment is gone.
        own = next((folder / "lib").glob("python3*/site-packages"))
        others = next((MODELS_PYTHON.parent.parent / "lib").glob("python3*/site-packages"), None)
        if others is None:
            raise NotInstalled(f"{name} takes torch from the models' environment, which is missing; run: make setup")
        (own / "models.pth").write_text(f"{others}\n")
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:]
        raise NotInstalled(f"`{' '.join(command[1:5])} ...` failed: {said}")
