"""The keys file: read at start, read again when it changes, and never believed for long when it cannot be read.

Invariant: a key that was taken out of the file stops working within LOOK_EVERY_S where the file is readable, whatever else
is wrong in it, and within TRUSTED_S where it is not; meanwhile the service says that it is not ready and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from weir.access.keys import ApiKey, document_of, parse_keys, read_keys
from weir.runtime.clock import monotonic_s
from weir.runtime.errors import BadSetting
from weir.runtime.files.regular import read_regular
from weir.runtime.telemetry.logs import logger

LOOK_EVERY_S = 1.0
"""Seconds between looks at the file: a revoked key works that long at most."""

TRUSTED_S = 30.0
"""Seconds that the keys of the last readable file are served while the file cannot be read; then none is. Long enough for an
editor or a mount that comes back, short enough that nobody revokes in vain."""

FILE_BYTES_MAX = 8_388_608
"""Largest keys file: about 20,000 keys. A larger one would hold up every call while it is read."""


class KeysFile:
    """The keys that this service knows."""

    def __init__(self, path: Path | None) -> None:
        """path: None for no keys at all. Raises BadSetting when the file cannot be used at start."""
        self._path = path
        self._keys: dict[str, ApiKey] = {}
        self._stamp = (0, 0, 0)
        self._next_look_s = 0.0
        self._read_at_s = monotonic_s()
        self._problem = ""
        if path is not None:
            try:
                self._stamp, document = _document(path)
                self._keys = parse_keys(document)
            except (OSError, ValueError, RecursionError) as error:
                raise BadSetting(f"WEIR_GATEWAY_KEYS_FILE={path}: {error}") from error

    def current(self) -> Mapping[str, ApiKey]:
        """Keys by prefix, at most a second old; none once the file could not be read for TRUSTED_S."""
        if self._path is not None and monotonic_s() >= self._next_look_s:
            self._next_look_s = monotonic_s() + LOOK_EVERY_S
            self._refresh(self._path)
        return self._keys

    def problem(self) -> str:
        """What is wrong with the file now; empty when every key in it is served. For readiness."""
        self.current()
        return self._problem

    def _refresh(self, path: Path) -> None:
        try:
            stamp = _stamp(path)
            if stamp != self._stamp:
                stamp, document = _document(path)
                self._take(*read_keys(document))
                self._stamp = stamp
        except (OSError, ValueError, RecursionError) as error:
            self._unreadable(path, error)
        else:
            self._read_at_s = monotonic_s()

    def _take(self, keys: dict[str, ApiKey], problems: tuple[str, ...]) -> None:
        self._keys = keys
        self._problem = "; ".join(problems)
        if problems:
            logger().error("keys_refused", path=str(self._path), problems=problems, keys=len(keys))
        else:
            logger().info("keys_read", keys=len(keys))

    def _unreadable(self, path: Path, error: Exception) -> None:
        self._stamp = (0, 0, 0)  # read again even when its time and size are those of the file before
        left_s = self._read_at_s + TRUSTED_S - monotonic_s()
        if left_s <= 0:
            self._keys = {}
        kept = f"the keys read before are served for {left_s:.0f} s more" if left_s > 0 else "no key is served"
        self._problem = f"{path} cannot be read: {error}; {kept}"
        logger().error("keys_file_unusable", path=str(path), error=str(error), keys_kept=len(self._keys))


def _document(path: Path) -> tuple[tuple[int, int, int], object]:
    """Stamp and JSON of a file. Raises OSError or ValueError."""
    return _stamp(path), document_of(read_regular(path, FILE_BYTES_MAX))


def _stamp(path: Path) -> tuple[int, int, int]:
    """Time, size and inode: a file that was replaced within a tick of the clock differs in the last."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
