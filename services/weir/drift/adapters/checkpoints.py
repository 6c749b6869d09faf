"""Checkpoints on disk: one folder a stream, files that change at different speeds.

    <root>/<partition>/<hash of tenant and route>/
        state.bin                       the checkpoint with the offset; replaced with every envelope
        warming-<hash>.bin              the observations of a warming bank, appended; only as many as state.bin counts
                                        are true, the rest was written before a crash
        reference-<version>-<digest>.bin   a reference and its thresholds, written once, before the state that needs it
        dataset-<hash>.bin              the evaluation dataset that the stream is compared with for skew, written once

The files beside state.bin are what `weir.state.Apart` keeps apart; each is named by what it holds. A stream that moves to
another partition, because their number was changed, starts anew there.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from weir.detectors.fitted import FITTED
from weir.detectors.observation import OBSERVATIONS, Observation
from weir.detectors.skew import DATASET
from weir.drift.adapters.metrics import CHECKPOINTS_REFUSED
from weir.drift.core.checkpoint import CHECKPOINT, Checkpoint
from weir.runtime.errors import Retryable
from weir.runtime.files.durable import private_folder, replace_file, write_at
from weir.runtime.files.one_owner import OneOwner
from weir.runtime.telemetry.logs import logger
from weir.state import Codec

_LENGTH = struct.Struct(">I")
"""Bytes of a batch of observations, before the batch."""

_ONCE: Mapping[str, Codec[Any]] = {"reference": FITTED, "dataset": DATASET}
"""Pieces that are written once, by the beginning of their names."""


@dataclass(frozen=True, slots=True)
class _Warming:
    """What is true of a file of observations: how many they are, and the bytes that hold them."""

    path: Path
    count: int = 0
    size: int = 0


class FileCheckpoints:
    """The checkpoints under one folder, which one process owns."""

    def __init__(self, root: Path) -> None:
        """Takes the folder, making it when missing. Raises BadSetting when another process has it."""
        self._root = root
        self._warming: dict[Path, _Warming] = {}
        self._files: dict[Path, set[str]] = {}
        self._lock = OneOwner(
            root / "lock", f"{root} is used by another drift process; give each its own WEIR_DATA_DIR"
        )

    def close(self) -> None:
        """Give the folder back."""
        self._lock.close()

    def load(self) -> list[Checkpoint]:
        """All readable checkpoints. Another is set aside, counted and logged, and its stream warms again."""
        found = [self._read(path.parent) for path in sorted(self._root.glob("*/*/state.bin"))]
        return [checkpoint for checkpoint in found if checkpoint is not None]

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the stream's checkpoint. Raises Retryable when the disk does not take it."""
        folder, pieces = self._folder(checkpoint), dict[str, Any]()
        content = CHECKPOINT.encode(checkpoint, pieces)
        try:
            private_folder(folder)
            warming = None
            for name, piece in pieces.items():
                if name.startswith("warming-"):
                    warming = self._appended(folder, name, piece)
                else:
                    _write_once(folder, name, piece)
            replace_file(folder / "state.bin", content)
            if warming:
                self._warming[folder] = warming
            files = {_path(folder, name).name for name in pieces}
            if self._files.get(folder) != files:
                _clean(folder, files)
            self._files[folder] = files
        except OSError as error:
            raise Retryable(f"cannot write the checkpoint {folder}: {error}; free space or mend the disk") from error

    def _folder(self, checkpoint: Checkpoint) -> Path:
        stream = checkpoint.stream
        name = hashlib.sha256(f"{stream.tenant}\n{stream.route}".encode()).hexdigest()[:32]
        return self._root / str(checkpoint.position.partition) / name

    def _appended(self, folder: Path, name: str, observations: Sequence[Observation]) -> _Warming:
        path, before = _path(folder, name), self._warming.get(folder)
        if before is None or before.path != path:
            before = _Warming(path)
        new = tuple(observations[before.count :])
        if not new:
            return before
        batch = OBSERVATIONS.encode(new)
        content = _LENGTH.pack(len(batch)) + batch
        write_at(path, before.size, content)
        return _Warming(path, len(observations), before.size + len(content))

    def _read(self, folder: Path) -> Checkpoint | None:
        try:
            return CHECKPOINT.decode((folder / "state.bin").read_bytes(), partial(self._get, folder))
        except (ValueError, FileNotFoundError) as error:  # StateError, also for values that a bank no longer accepts
            aside = _aside(folder)
            CHECKPOINTS_REFUSED.inc()
            logger().error("checkpoint_refused", kept=str(aside), error=str(error), effect="the stream warms again")
            return None

    def _get(self, folder: Path, name: str) -> object:
        path = _path(folder, name)
        if name.startswith("reference-"):
            return FITTED.decode(path.read_bytes())
        if name.startswith("dataset-"):
            return _dataset(path)
        count = int(name.rpartition("-")[2])
        observations, size = _observations(path, count) if count else ((), 0)
        self._warming[folder] = _Warming(path, count, size)
        return observations


def _write_once(folder: Path, name: str, piece: Any) -> None:
    path = _path(folder, name)
    if not path.exists():
        replace_file(path, _ONCE[name.partition("-")[0]].encode(piece))


def _observations(path: Path, count: int) -> tuple[tuple[Observation, ...], int]:
    """The first `count` observations, fewer where there are fewer, and the bytes that hold them."""
    content = path.read_bytes()
    found: list[Observation] = []
    position = 0
    while len(found) < count and position + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, position)
        position += _LENGTH.size + length
        found.extend(OBSERVATIONS.decode(content[position - length : position]))
    return tuple(found), position


def _dataset(path: Path) -> object:
    """A dataset. One that cannot be read is counted and logged: the stream goes on without it."""
    try:
        return DATASET.decode(path.read_bytes())
    except (ValueError, FileNotFoundError) as error:
        CHECKPOINTS_REFUSED.inc()
        folder = str(path.parent)
        logger().error("dataset_refused", folder=folder, error=str(error), effect="no skew test; set it again")
        raise ValueError(f"{path.name} cannot be read") from error


def _clean(folder: Path, needed: Iterable[str]) -> None:
    """Removes what no state needs any more; the reference in force stays until the next one is complete."""
    is_warming = any(name.startswith("warming-") for name in needed)
    for path in folder.glob("*-*.bin"):
        if path.name not in needed and not (is_warming and path.name.startswith("reference-")):
            path.unlink()


def _aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.refused-{number}")).exists():
        number += 1
    (folder / "state.bin").rename(folder / "state.bin.refused")
    return folder.rename(aside)


def _path(folder: Path, name: str) -> Path:
    """Of the file of a piece; that of observations bears their name without the count."""
    return folder / f"{name.rpartition('-')[0] if name.startswith('warming-') else name}.bin"
