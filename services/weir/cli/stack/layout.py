"""Where things are: what the repository provides, and what one running stack writes.

Jars, corpus and environments are shared by every stack of a checkout; data, logs and secrets belong to one.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from weir.cli.output import CliError, ExitCode
from weir.runtime.files.durable import private_folder

PART_BYTES_MAX = 255
"""Bytes of one name in a path; specified by Linux (NAME_MAX)."""

HOME_BYTES_MAX = 3_840
"""Bytes of a home's path: Linux takes 4095 (PATH_MAX), less room for what lies below it."""

SHOWN_CHARS = 300
"""Characters of a path that an error repeats."""

SOCKET_CHARS_MAX = 100
"""Longest path of a unix socket that works everywhere; the kernel's limit is 108 bytes."""


def repository() -> Path:
    """The checkout this package was installed from; WEIR_ROOT names another."""
    given = os.environ.get("WEIR_ROOT")
    return Path(given).resolve() if given else Path(__file__).resolve().parents[4]


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one stack."""

    root: Path
    """The checkout."""
    home: Path
    """Folder of this stack, `.weir` by default."""

    @property
    def jars(self) -> Path:
        """The broker's jars."""
        return self.root / ".weir" / "kafka" / "libs"

    @property
    def corpus(self) -> Path:
        """The built corpus."""
        return self.root / ".weir" / "corpus"

    @property
    def anchors(self) -> Path:
        """Human-labelled anchors that evaluators are checked against."""
        return self.root / "examples" / "anchors"

    @property
    def models_env(self) -> Path:
        """Python environment of the models."""
        return self.root / ".venv-triton"

    @property
    def python(self) -> Path:
        """The interpreter the services run on."""
        return Path(sys.executable)

    @property
    def data(self) -> Path:
        """Data of Kafka and of the services."""
        return self.home / "data"

    @property
    def run(self) -> Path:
        """Generated configuration, pid and lock files."""
        return self.home / "run"

    @property
    def locks(self) -> Path:
        """A lock file for each process, held as long as it lives."""
        return self.run / "locks"

    @property
    def stack_lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.run / "stack.lock"

    @property
    def start_lock(self) -> Path:
        """Held by the `weir up` that is starting the stack."""
        return self.run / "start.lock"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.home / "log"

    @property
    def secrets(self) -> Path:
        """Keys and webhook secrets; mode 700."""
        return self.home / "secrets"

    @property
    def keys_file(self) -> Path:
        """Hashed API keys."""
        return self.secrets / "keys.json"

    @property
    def receivers_file(self) -> Path:
        """Webhook receivers as the user wrote them."""
        return self.secrets / "receivers.yaml"

    @property
    def endpoints_file(self) -> Path:
        """Where the running stack says how it is reached."""
        return self.home / "stack.json"

    @property
    def socket(self) -> Path:
        """The supervisor's socket; in the temporary folder when the stack's own path is too long."""
        here = self.run / "supervisor.sock"
        if len(str(here)) <= SOCKET_CHARS_MAX:
            return here
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"weir-{name}.sock"

    def make(self) -> None:
        """Create the folders, for the eyes of their owner alone."""
        for folder in (self.data, self.run, self.locks, self.logs, self.secrets):
            private_folder(folder)


def layout(home: Path | None = None) -> Layout:
    """Paths of the stack in `home`; by default WEIR_HOME's, else `.weir` of the checkout. An empty WEIR_HOME is none.

    Raises CliError for a home that cannot be a folder.
    """
    root = repository()
    return Layout(root, _resolved(home or Path(os.environ.get("WEIR_HOME") or root / ".weir")))


def _resolved(home: Path) -> Path:
    try:
        found = home.resolve()
        problem = _problem(found)
    except UnicodeEncodeError:
        problem = "its name is no UTF-8 text"
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that lead round
        problem = str(error)
    if problem:
        raise CliError(
            ExitCode.USAGE, f"the home {str(home)[:SHOWN_CHARS]!r} cannot be used: {problem}", "set WEIR_HOME"
        )
    return found


def _problem(home: Path) -> str:
    """Why a path cannot be a folder; empty when it can, whether it is there or not. Raises OSError, UnicodeEncodeError."""
    if len(str(home).encode()) > HOME_BYTES_MAX:
        return f"its path has more than {HOME_BYTES_MAX} bytes"
    if any(len(part.encode()) > PART_BYTES_MAX for part in home.parts):
        return f"a name in its path has more than {PART_BYTES_MAX} bytes"
    for folder in reversed((home, *home.parents)):
        try:
            if not stat.S_ISDIR(folder.stat().st_mode):
                return f"{str(folder)!r} is no folder"
        except FileNotFoundError:
            break
    return ""
