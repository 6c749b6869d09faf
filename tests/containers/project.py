"""The checkout as a stranger has it, a copy of what git holds, and the commands of docs/containers.md run in it as they stand."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from containers.engine import Engine
from containers.telling import StepFailed, Teller
from harness.docs.pages import blocks_of
from weir.cli.stack.layout import repository

PAGE = "docs/containers.md"
NAME = "weir"
COMMAND_WITHIN_S = 2_400.0
"""Seconds for one command. Chosen: three times what all images took on two cores that ran much else."""


class Project:
    """One copy of the checkout, and its compose project on an engine."""

    def __init__(self, engine: Engine, folder: Path, teller: Teller) -> None:
        self._engine = engine
        self._teller = teller
        self._programs = folder / "bin"
        self.checkout = folder / "checkout"

    def copy(self) -> str:
        """Copy what git holds or would hold; make `docker` a program of this run."""
        shutil.rmtree(self.checkout, ignore_errors=True)
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = [name for name in self._teller.run(listed, cwd=repository(), timeout_s=60).split("\0") if name]
        present = [name for name in names if (repository() / name).is_file()]
        for name in present:
            target = self.checkout / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository() / name, target)
        self._programs.mkdir(exist_ok=True)
        shim = self._programs / "docker"
        shim.write_text(f'#!/bin/bash\nexec {sys.executable} {repository()}/tests/containers/compose.py "$@"\n')
        shim.chmod(0o755)
        return f"{len(present)} files"

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its commands."""
        models, java = (repository() / ".venv-triton").resolve(), Path(shutil.which("java") or "").resolve().parents[1]
        engine = self._engine.environment
        return {
            **engine,
            "PATH": f"{self._programs}:{Path(sys.executable).parent}:{engine['PATH']}",
            "COMPOSE_PROJECT_NAME": NAME,
            "COMPOSE_FILE": "docker-compose.yml:tests/containers/override.yml",
            "STANDIN_DOCKER": str(self._engine.root / "usr" / "bin" / "docker"),
            "STANDIN_COMPOSE": str(self._engine.root / "usr" / "bin" / "docker-compose"),
            "STANDIN_COMPOSE_PATH": f"{self._engine.root}/usr/lib/python3/dist-packages",
            "STANDIN_CHECKOUT": str(self.checkout),
            "STANDIN_JAVA": str(java),
            "STANDIN_JAVA_SETTINGS": f"/etc/java-{java.name.split('-')[1]}-openjdk",
            "STANDIN_BROKER": str((repository() / ".weir" / "kafka" / "libs").resolve()),
            "STANDIN_MODELS": str(models),
            "STANDIN_PYTHON": str((models / "bin" / "python").resolve().parents[1]),
            "STANDIN_CORPUS": str((repository() / ".weir" / "corpus").resolve()),
        }

    def lines(self) -> list[str]:
        """The commands of the page's first block."""
        text = (self.checkout / PAGE).read_text()
        block = next(block for block in blocks_of(PAGE, text) if block.language == "sh")
        return block.text.strip().splitlines()

    def shell(self, line: str) -> str:
        """Standard output of one command line, run in the engine's network. Raises StepFailed."""
        command = self._engine.inside(["bash", "-euo", "pipefail", "-c", line])
        return self._teller.run(command, cwd=self.checkout, env=self.environment, timeout_s=COMMAND_WITHIN_S)

    def last_words(self) -> str:
        """The last lines of every container, for whoever has to find out why one is not healthy."""
        try:
            return self.shell("docker compose logs --no-color --tail=15")
        except StepFailed as error:
            return f"no container said anything: {error}"

    def weir(self, *words: str) -> Any:
        """JSON of a command of `docker compose run cli`."""
        return json.loads(self.shell(f"docker compose run --rm -T cli {shlex.join(words)} --json"))

    def ask(self, count: int, key: str) -> list[str]:
        """`count` calls at each listener, by stock clients: their request ids. Raises StepFailed when one failed."""
        asking = [sys.executable, "-m", "containers.callers", str(count)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{repository()}/tests", "WEIR_API_KEY": key}
        command = self._engine.inside(asking)
        told = self._teller.run(command, env=environment, timeout_s=COMMAND_WITHIN_S)
        answer: dict[str, Any] = json.loads(told)
        if answer["failed"]:
            raise StepFailed(f"calls failed: {answer['failed'][:3]}")
        return [str(one) for one in answer["answered"]]
