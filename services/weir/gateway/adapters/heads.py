"""Heads: how many numbers each life of a gateway used, told beside its segments and not in them.

One small file a life, overwritten in place after each record (2 us, no new room on the disk). So the drain knows what it
must find, and a life whose segments end too early, or are gone, is seen by the audit (`accounting.headed`).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

from weir.gateway.core.accounting import LifeKey
from weir.runtime.disk import DISK, Disk
from weir.runtime.telemetry import logger

SUFFIX = ".head"

HEAD = struct.Struct("<QQI")
"""Boot epoch, numbers used, CRC-32 of both and of the source, which follows."""

SOURCE_BYTES_MAX = 512
"""Longest name of a source. Chosen: a service and an instance."""


class Head:
    """The head of one life, for its gateway."""

    def __init__(self, folder: Path, source: str, boot_epoch: int, *, disk: Disk = DISK) -> None:
        """Opens nothing yet: a disk that refuses costs the head, not the gateway."""
        self._path = folder / f"{boot_epoch:020d}{SUFFIX}"
        self._source = source.encode()[:SOURCE_BYTES_MAX]
        self._boot_epoch = boot_epoch
        self._disk = disk
        self._file: int | None = None
        self._is_refused = False

    def tell(self, numbers: int) -> None:
        """Say how many numbers are used. Never raises; a disk that refuses is logged once and tried at the next."""
        try:
            if self._file is None:
                self._file = self._disk.open(self._path, os.O_WRONLY | os.O_CREAT)
            self._disk.write_at(self._file, _content(self._boot_epoch, numbers, self._source), 0)
        except OSError as error:
            if not self._is_refused:
                logger().error("head_not_written", path=str(self._path), error=str(error))
            self._is_refused = True
        else:
            self._is_refused = False

    def close(self) -> None:
        """Close the file; it stays for the drain."""
        if self._file is not None:
            self._disk.close(self._file)
            self._file = None


def heads_in(folder: Path) -> dict[LifeKey, int]:
    """Numbers used by each life that told; one that is being written at this moment is left for the next look."""
    found = dict[LifeKey, int]()
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        if len(data) < HEAD.size:
            continue
        boot_epoch, numbers, checksum = HEAD.unpack_from(data)
        source = data[HEAD.size :]
        if checksum == _checksum(boot_epoch, numbers, source):
            found[source.decode("utf-8", "replace"), boot_epoch] = numbers
    return found


def forget_heads(folder: Path, kept: Mapping[LifeKey, object], live: set[int], *, disk: Disk = DISK) -> None:
    """Remove the heads of lives that are over. kept: lives still in the books. live: boot epochs with segments."""
    epochs = {boot_epoch for _, boot_epoch in kept} | live
    for path in folder.glob(f"*{SUFFIX}"):
        if path.stem.isdigit() and int(path.stem) not in epochs:
            disk.unlink(path)


def _content(boot_epoch: int, numbers: int, source: bytes) -> bytes:
    return HEAD.pack(boot_epoch, numbers, _checksum(boot_epoch, numbers, source)) + source


def _checksum(boot_epoch: int, numbers: int, source: bytes) -> int:
    return zlib.crc32(source, zlib.crc32(b"%d %d" % (boot_epoch, numbers)))
