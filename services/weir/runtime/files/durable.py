"""Durable writes: a file has its old content or its new content, never a part, also after the machine lost power.

The one way in which a service replaces a file: a temporary file beside it, a sync, a rename, a sync of the folder.
Files are made with mode 0600, unless their writer says otherwise, and folders with 0700: they hold prompts, answers and keys.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from weir.runtime.files.disk import DISK, FILE_MODE, FOLDER_MODE, Disk, write_all

PARTIAL = ".partial"
"""Suffix of the file beside one that is being replaced; a death leaves it there until the next replacement."""


def replace_file(path: Path, content: bytes, *, mode: int = FILE_MODE, disk: Disk = DISK) -> None:
    """Make `content` the content of `path`. Raises OSError; then `path` holds what it held. mode: who may read it."""
    partial = path.with_name(path.name + PARTIAL)
    disk.unlink(partial)  # what a death left behind keeps neither its content nor its mode
    file = disk.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
    try:
        try:
            write_all(disk, file, content)
            disk.fsync(file)
        finally:
            disk.close(file)
        if mode != FILE_MODE:
            disk.chmod(partial, mode)
        disk.rename(partial, path)
    except OSError:
        _forget(partial, disk)
        raise
    sync_folder(path.parent, disk=disk)


def write_at(path: Path, position: int, content: bytes, *, disk: Disk = DISK) -> None:
    """Make `content` the end of `path` from byte `position` on, whatever stood there, and sync it. Raises OSError."""
    is_new = not path.exists()
    file = disk.open(path, os.O_RDWR | os.O_CREAT)
    try:
        disk.truncate(file, position)
        os.lseek(file, position, os.SEEK_SET)
        write_all(disk, file, content)
        disk.fsync(file)
    finally:
        disk.close(file)
    if is_new:
        sync_folder(path.parent, disk=disk)


def private_folder(path: Path, *, is_ours: bool = True, disk: Disk = DISK) -> None:
    """Make a folder, and those above it that are missing, for the owner's eyes alone. Raises OSError.

    is_ours: whether the folder is Weir's by its name; then one that is there already loses what others may do in it.
    """
    missing = []
    above = path
    while not above.exists():
        missing.append(above)
        above = above.parent
    for folder in reversed(missing):
        disk.mkdir(folder)
    status = path.stat()
    if is_ours and status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        disk.chmod(path, FOLDER_MODE)


def sync_folder(folder: Path, *, disk: Disk = DISK) -> None:
    """Force a folder's entries to the disk: a file is only as durable as its name. Raises OSError."""
    descriptor = disk.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        disk.fsync(descriptor)
    finally:
        disk.close(descriptor)


def _forget(partial: Path, disk: Disk) -> None:
    """Give the room of a failed write back; the write's own error is the one to tell."""
    try:
        disk.unlink(partial)
    except OSError:
        return
