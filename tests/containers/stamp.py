"""A stamp says that something was made whole, and from which inputs: what a run broke off in the middle is made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stamp:
    """The stamp of a file or folder, beside it. inputs: all that decides what it becomes."""

    made: Path
    inputs: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether it is there, whole, and made from these inputs."""
        return self.made.exists() and self._file.exists() and self._file.read_text() == self._hash

    @contextmanager
    def making(self) -> Iterator[None]:
        """The block makes it; the stamp goes before it and comes back only when the block ends well."""
        self._file.unlink(missing_ok=True)
        yield
        self._file.write_text(self._hash)

    @property
    def _file(self) -> Path:
        return self.made.with_name(f"{self.made.name}.stamp")

    @property
    def _hash(self) -> str:
        return hashlib.sha256("\0".join(self.inputs).encode()).hexdigest()
