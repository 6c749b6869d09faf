"""State files: what a service keeps between its runs, and can do without.

A state file that is missing is a first start. One that is empty, torn or of another shape is set aside as
`<name>.refused`, logged and counted, and the service starts without it: nobody is stopped. What can be
derived from the log is derived again; what cannot (a silence, a webhook that waits) is in the refused file alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from weir.runtime.files.disk import DISK, Disk
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import STATE_FILES_REFUSED

Kept = TypeVar("Kept")


def read_state(
    path: Path, decode: Callable[[bytes], Kept], otherwise: Kept, *, disk: Disk = DISK, kind: str = ""
) -> Kept:
    """What `path` holds; `otherwise` when it is missing or cannot be used, and then it is set aside.

    kind: what the metric calls it, where many files of changing names are of one kind; else its name.
    decode: makes state of the file's bytes; whatever it raises means that the bytes are not that state.
    Raises OSError when the disk does not let the file be read: that is no statement about its content.
    """
    try:
        content = disk.read(path)
    except FileNotFoundError:
        return otherwise
    try:
        return decode(content)
    except Exception as error:  # noqa: BLE001  # bytes that are no state can raise anything, and all of it means the same
        set_aside(path, repr(error) if content else "the file is empty", disk=disk, kind=kind)
        return otherwise


def set_aside(path: Path, reason: str, *, disk: Disk = DISK, kind: str = "") -> None:
    """Move a file that cannot be used to `<name>.refused`, in the place of an earlier one."""
    STATE_FILES_REFUSED.labels(kind or path.name).inc()
    aside = path.with_name(path.name + ".refused")
    try:
        disk.rename(path, aside)
    except OSError as error:
        logger().error("state_file_not_moved", path=str(path), error=str(error))
    logger().error("state_file_refused", path=str(path), kept=str(aside), reason=reason, effect="started without it")
