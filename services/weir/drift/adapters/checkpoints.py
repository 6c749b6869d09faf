"""Checkpoints on disk: one folder a stream, files that change at different speeds.

    <root>/<partition>/<hash of tenant and route>/
        state.bin            the record with the offset; replaced with every envelope
        warming-<v>.bin      pieces of observations while reference <v> is collected; only the part counted by
                             state.bin is true, the rest was written before a crash
        reference-<v>.bin    reference <v> and its thresholds, written once, before the state that needs it
        dataset-<hash>.bin   the evaluation dataset that the stream is compared with for skew, written once

A stream that moves to another partition, because their number was changed, starts anew there.
"""

from __future__ import annotations

import fcntl
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from weir.detectors.bank import MonitoringBank, WarmingBank
from weir.detectors.fitted import Fitted
from weir.detectors.observation import Observation
from weir.detectors.skew import SkewReference
from weir.detectors.snapshot_fitted import decode_fitted, encode_fitted
from weir.detectors.snapshot_observations import decode_observations, encode_observations
from weir.drift.adapters.metrics import CHECKPOINTS_REFUSED
from weir.drift.core.ports import Checkpoint
from weir.drift.core.stream.record import StreamRecord, dataset_wanted, decode_record, encode_record, stream_of
from weir.drift.core.stream.skew_record import dataset_key, decode_dataset, encode_dataset
from weir.drift.core.stream.state import StreamState
from weir.runtime.errors import BadSetting, Retryable
from weir.runtime.files.durable import private_folder, replace_file, write_at
from weir.runtime.telemetry.logs import logger

_LENGTH = struct.Struct(">I")
"""Bytes of a piece, before the piece."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What the files of a stream hold for the reference `version`."""

    version: int
    observations: int
    warming_bytes: int
    has_reference: bool


class FileCheckpoints:
    """The checkpoints under one folder, which one process owns."""

    def __init__(self, root: Path) -> None:
        """Takes the folder, making it when missing. Raises BadSetting when another process has it."""
        self._root = root
        self._written: dict[Path, _Written] = {}
        private_folder(root)
        self._lock = (root / "lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise BadSetting(f"{root} is used by another drift process; give each its own WEIR_DATA_DIR") from error

    def close(self) -> None:
        """Give the folder back."""
        self._lock.close()

    def load(self) -> list[Checkpoint]:
        """All readable checkpoints. Another is set aside, counted and logged, and its stream warms again."""
        found = [self._read(path.parent) for path in sorted(self._root.glob("*/*/state.bin"))]
        return [checkpoint for checkpoint in found if checkpoint is not None]

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the stream's checkpoint. Raises Retryable when the disk does not take it."""
        folder = self._folder(checkpoint)
        try:
            private_folder(folder)
            written = self._pieces(folder, checkpoint.stream)
            dataset = _dataset_written(folder, checkpoint.stream)
            content = encode_record(checkpoint.stream, checkpoint.place, written.warming_bytes)
            replace_file(folder / "state.bin", content)
            before = self._written.get(folder)
            self._written[folder] = written
            if before is None or (before.version, before.has_reference) != (written.version, written.has_reference):
                _clean(folder, written)
            _clean_datasets(folder, dataset)
        except OSError as error:
            raise Retryable(f"cannot write the checkpoint {folder}: {error}; free space or mend the disk") from error

    def _folder(self, checkpoint: Checkpoint) -> Path:
        stream = checkpoint.stream
        name = hashlib.sha256(f"{stream.tenant}\n{stream.route}".encode()).hexdigest()[:32]
        return self._root / str(checkpoint.place.partition) / name

    def _pieces(self, folder: Path, stream: StreamState) -> _Written:
        before = self._written.get(folder)
        if before is None or before.version != stream.version:
            before = _Written(stream.version, 0, 0, has_reference=False)
        if isinstance(stream.bank, WarmingBank):
            return _append(folder, before, stream.bank.observations)
        if not before.has_reference:
            replace_file(folder / _reference_name(stream.version), encode_fitted(stream.bank.fitted))
        return _Written(stream.version, 0, 0, has_reference=True)

    def _read(self, folder: Path) -> Checkpoint | None:
        try:
            record = decode_record((folder / "state.bin").read_bytes())
            observations = _observations(folder, record) if record.is_warming else ()
            fitted = None if record.is_warming else _fitted(folder, record)
            stream = stream_of(record, observations, fitted, _dataset(folder, record))
        except (ValueError, FileNotFoundError) as error:  # SnapshotError, or values that a bank no longer accepts
            aside = _aside(folder)
            CHECKPOINTS_REFUSED.inc()
            logger().error("checkpoint_refused", kept=str(aside), error=str(error), effect="the stream warms again")
            return None
        count = len(stream.bank.observations) if isinstance(stream.bank, WarmingBank) else 0
        has_reference = isinstance(stream.bank, MonitoringBank)
        self._written[folder] = _Written(record.version, count, record.warming_bytes, has_reference)
        return Checkpoint(stream, record.place)


def _append(folder: Path, before: _Written, observations: tuple[Observation, ...]) -> _Written:
    new = observations[before.observations :]
    if not new:
        return before
    piece = encode_observations(new)
    content = _LENGTH.pack(len(piece)) + piece
    write_at(folder / _warming_name(before.version), before.warming_bytes, content)
    return _Written(before.version, len(observations), before.warming_bytes + len(content), has_reference=False)


def _observations(folder: Path, record: StreamRecord) -> tuple[Observation, ...]:
    path = folder / _warming_name(record.version)
    content = path.read_bytes()[: record.warming_bytes] if record.warming_bytes else b""
    found: list[Observation] = []
    position = 0
    while position + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, position)
        position += _LENGTH.size + length
        found.extend(decode_observations(content[position - length : position]))
    return tuple(found)


def _dataset_written(folder: Path, stream: StreamState) -> str:
    """Name of the file with the dataset of `stream`, written when it was not there; empty without a dataset."""
    if stream.skew is None:
        return ""
    name = _dataset_name(dataset_key(stream.skew.reference))
    if not (folder / name).exists():
        replace_file(folder / name, encode_dataset(stream.skew.reference))
    return name


def _dataset(folder: Path, record: StreamRecord) -> SkewReference | None:
    """The dataset of a record. One that cannot be read is counted and logged: the stream goes on without it."""
    key = dataset_wanted(record)
    if not key:
        return None
    try:
        return decode_dataset((folder / _dataset_name(key)).read_bytes())
    except (ValueError, FileNotFoundError) as error:
        CHECKPOINTS_REFUSED.inc()
        logger().error("dataset_refused", folder=str(folder), error=str(error), effect="no skew test; set it again")
        return None


def _clean_datasets(folder: Path, needed: str) -> None:
    for path in folder.glob("dataset-*.bin"):
        if path.name != needed:
            path.unlink()


def _fitted(folder: Path, record: StreamRecord) -> Fitted:
    return decode_fitted((folder / _reference_name(record.version)).read_bytes())


def _clean(folder: Path, written: _Written) -> None:
    """Removes what no state needs any more; the reference in force stays until the next one is complete."""
    needed = {_warming_name(written.version)} if not written.has_reference else {_reference_name(written.version)}
    stale = ("warming-*.bin", "reference-*.bin") if written.has_reference else ("warming-*.bin",)
    for path in (path for pattern in stale for path in folder.glob(pattern)):
        if path.name not in needed:
            path.unlink()


def _aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.refused-{number}")).exists():
        number += 1
    (folder / "state.bin").rename(folder / "state.bin.refused")
    return folder.rename(aside)


def _warming_name(version: int) -> str:
    return f"warming-{version}.bin"


def _reference_name(version: int) -> str:
    return f"reference-{version}.bin"


def _dataset_name(key: str) -> str:
    return f"dataset-{hashlib.sha256(key.encode()).hexdigest()[:16]}.bin"
