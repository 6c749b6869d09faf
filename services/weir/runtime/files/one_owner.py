"""One owner: a lock on a folder that a process holds as long as it runs; the kernel releases it, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from weir.runtime.errors import BadSetting
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.files.durable import private_folder


class OneOwner:
    """Held from its making to `close` or the death of the process."""

    def __init__(self, path: Path, otherwise: str, *, disk: Disk = DISK) -> None:
        """path: of the lock file; its folder is made.

        Raises BadSetting(otherwise) when another process holds it, and OSError when the disk refuses the file.
        """
        private_folder(path.parent, disk=disk)
        self._file = disk.open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise BadSetting(otherwise) from error

    def close(self) -> None:
        """Let another process take it."""
        os.close(self._file)  # nothing was written to it: what a disk says of that changes nothing
