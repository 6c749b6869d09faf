"""The keys file: read at start, read again when it changes, the last good one kept when a new one is broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from weir.gateway.core.keys import ApiKey, parse_keys
from weir.runtime.clock import monotonic_s
from weir.runtime.errors import BadSetting
from weir.runtime.telemetry import logger

LOOK_EVERY_S = 1.0
"""Seconds between looks at the file. Chosen: a revoked key works that long at most."""


class KeysFile:
    """The keys of this gateway."""

    def __init__(self, path: Path | None) -> None:
        """path: None for no keys at all. Raises BadSetting when the file cannot be used at start."""
        self._path = path
        self._keys: dict[str, ApiKey] = {}
        self._stamp = (0, 0)
        self._next_look_s = 0.0
        if path is not None:
            try:
                self._read()
            except (OSError, ValueError) as error:
                raise BadSetting(f"WEIR_GATEWAY_KEYS_FILE={path}: {error}") from error

    def current(self) -> Mapping[str, ApiKey]:
        """Keys by prefix, at most a second old."""
        if self._path is not None and monotonic_s() >= self._next_look_s:
            self._next_look_s = monotonic_s() + LOOK_EVERY_S
            self._refresh()
        return self._keys

    def _refresh(self) -> None:
        assert self._path is not None
        try:
            if self._stamp != _stamp(self._path):
                self._read()
        except (OSError, ValueError) as error:
            logger().error("keys_file_unusable", path=str(self._path), error=str(error), keys_kept=len(self._keys))

    def _read(self) -> None:
        assert self._path is not None
        stamp = _stamp(self._path)
        self._keys = parse_keys(json.loads(self._path.read_text()))
        self._stamp = stamp
        logger().info("keys_read", keys=len(self._keys))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
