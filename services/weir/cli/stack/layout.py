"""Where things are: what the repository provides, and what one running stack writes.

Jars, corpus and environments are shared by every stack of a checkout; data, logs and secrets belong to one.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
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


class Layout:
    """Paths of one stack."""

    def __init__(self, root: Path, home: Path) -> None:
        """root: the checkout. home: the folder of this stack, `.weir` by default."""
        self.root = root
        self.home = home
        self.jars = root / ".weir" / "kafka" / "libs"
        """The broker's jars."""
        self.corpus = root / ".weir" / "corpus"
        """The built corpus."""
        self.anchors = root / "examples" / "anchors"
        """Human-labelled anchors that evaluators are checked against."""
        self.models_env = root / ".venv-triton"
        """Python environment of the models."""
        self.python = Path(sys.executable)
        """The interpreter the services run on."""
        self.data = home / "data"
        """Data of Kafka and of the services."""
        self.run = home / "run"
        """Generated configuration, pid and lock files."""
        self.locks = self.run / "locks"
        """A lock file for each process, held as long as it lives."""
        self.stack_lock = self.run / "stack.lock"
        """Held by the supervisor as long as it lives."""
        self.start_lock = self.run / "start.lock"
        """Held by the `weir up` that is starting the stack."""
        self.logs = home / "log"
        """One log per process."""
        self.secrets = home / "secrets"
        """Keys and webhook secrets; mode 700."""
        self.keys_file = self.secrets / "keys.json"
        """Hashed API keys."""
        self.openai_servers_file = self.secrets / "openai-servers.json"
        """OpenAI servers that the gateway may ask, as the user wrote them; not there unless the user made it."""
        self.receivers_file = self.secrets / "receivers.yaml"
        """Webhook receivers as the user wrote them."""
        self.endpoints_file = home / "stack.json"
        """Where the running stack says how it is reached."""
        self.socket = _socket(self.run, home)
        """The supervisor's socket; in the temporary folder when the stack's own path is too long."""

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


def _socket(run: Path, home: Path) -> Path:
    here = run / "supervisor.sock"
    if len(str(here)) <= SOCKET_CHARS_MAX:
        return here
    name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"weir-{name}.sock"


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
