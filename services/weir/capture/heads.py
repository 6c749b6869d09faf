"""Heads: how many numbers each producer epoch of a service used, written beside its segments and not in them.

One small file an epoch, overwritten in place twice a second (no new room on the disk). So the drain knows what it
must find, and an epoch whose segments end too early, or are gone, is seen by the audit (`accounting.headed`).
"""

from __future__ import annotations

import asyncio
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from weir.events.log import ProducerEpoch
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

SUFFIX = ".head"

FIXED = struct.Struct("<QQ")
"""Boot epoch and numbers used."""

CHECKSUM = struct.Struct("<I")
"""CRC-32 of the source, which follows it, and of both."""

HEAD_BYTES = FIXED.size + CHECKSUM.size

EVERY_S = 0.5
"""Seconds between two heads. Chosen: what is used in the last half second before a kill is known by its records alone, and
calls pay nothing for it (after each record it cost 2 of 11 us)."""

SOURCE_BYTES_MAX = 512
"""Longest name of a source. Chosen: a service and an instance."""


class Head:
    """The head of one epoch, for the service that writes it."""

    def __init__(self, folder: Path, source: str, boot_epoch: int, *, disk: Disk = DISK) -> None:
        """Opens nothing yet: a disk that refuses costs the head, not the service."""
        self._path = folder / f"{boot_epoch:020d}{SUFFIX}"
        self._source = source.encode()[:SOURCE_BYTES_MAX]
        self._source_checksum = zlib.crc32(self._source)
        self._boot_epoch = boot_epoch
        self._disk = disk
        self._file: int | None = None
        self._is_refused = False

    def write(self, numbers: int) -> None:
        """Say how many numbers are used. Never raises; a disk that refuses is logged once and tried at the next."""
        fixed = FIXED.pack(self._boot_epoch, numbers)
        head = fixed + CHECKSUM.pack(zlib.crc32(fixed, self._source_checksum))
        try:
            if self._file is None:
                self._open(head)
            else:
                self._disk.write_at(self._file, head, 0)
        except OSError as error:
            if not self._is_refused:
                logger().error("head_not_written", path=str(self._path), error=str(error))
            self._is_refused = True
        else:
            self._is_refused = False

    def _open(self, head: bytes) -> None:
        file = self._disk.open(self._path, os.O_WRONLY | os.O_CREAT)
        try:
            self._disk.write_at(file, head + self._source, 0)
        except OSError:
            self._disk.close(file)
            raise
        self._file = file

    def close(self) -> None:
        """Close the file; it stays for the drain."""
        if self._file is not None:
            self._disk.close(self._file)
            self._file = None


async def keep_heads(write: Callable[[], None], stop: asyncio.Event) -> None:
    """Tell how many numbers are used, again and again; a write of 20 bytes into the page cache."""
    while not stop.is_set():
        write()
        await wait_or_stop(stop, EVERY_S)


def heads_in(folder: Path, *, disk: Disk = DISK) -> dict[ProducerEpoch, int]:
    """Numbers used by each epoch that has a head; one that is being written at this moment is left for the next look.

    Raises OSError when the folder cannot be listed.
    """
    found = dict[ProducerEpoch, int]()
    for path in _heads(folder, disk):
        try:
            data = disk.read(path)
        except OSError as error:  # also one that is gone already; what it said is not known then
            logger().warning("head_not_read", path=str(path), error=str(error))
            continue
        if len(data) < HEAD_BYTES:
            continue
        boot_epoch, numbers = FIXED.unpack_from(data)
        (checksum,) = CHECKSUM.unpack_from(data, FIXED.size)
        source = data[HEAD_BYTES:]
        if checksum == zlib.crc32(data[: FIXED.size], zlib.crc32(source)):
            found[ProducerEpoch(source.decode("utf-8", "replace"), boot_epoch)] = numbers
    return found


def forget_heads(folder: Path, kept: Mapping[ProducerEpoch, object], live: set[int], *, disk: Disk = DISK) -> None:
    """Remove the heads of epochs that are over. kept: epochs still in the ledger. live: boot epochs with segments."""
    epochs = {boot_epoch for _, boot_epoch in kept} | live
    for path in _heads(folder, disk):
        if path.stem.isascii() and path.stem.isdigit() and int(path.stem) not in epochs:
            disk.unlink(path)


def _heads(folder: Path, disk: Disk) -> list[Path]:
    return [folder / name for name in disk.names(folder) if name.endswith(SUFFIX)]
