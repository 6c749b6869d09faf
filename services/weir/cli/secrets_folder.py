"""The folder of secrets on the disk: what stands in it is looked at, and given its mode, without following a link.

A link would lead out of the folder: what it names would be opened to every user of the host. So is a file with a second name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path


class Strange(ValueError):
    """Something stands in the folder that is neither a plain file nor a folder; the text names it."""


def kind_of(path: Path) -> str:
    """`folder`, `file`, or nothing where nothing stands there. Raises Strange for anything else, OSError."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ""
    if stat.S_ISDIR(status.st_mode):
        return "folder"
    if stat.S_ISLNK(status.st_mode):
        raise Strange(
            f"{path} is a link to {os.readlink(path)}; put the file or folder itself there, no link is followed"
        )
    if not stat.S_ISREG(status.st_mode):
        raise Strange(f"{path} is no plain file and no folder; remove it")
    if status.st_nlink > 1:
        raise Strange(f"{path} has a second name elsewhere on the disk (a hard link); put a copy there")
    return "file"


def everything_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """What stands in a folder and below it, with its kind, in the order of names. Raises Strange, OSError."""
    for path in sorted(folder.iterdir()):
        kind = kind_of(path)
        yield path, kind
        if kind == "folder":
            yield from everything_in(path)


def give_mode(path: Path, *, file: int, folder: int) -> None:
    """Say who may read a plain file, or enter a folder. Raises Strange for anything else, OSError.

    The mode goes to what was opened and looked at, so that nothing can be put in its place meanwhile.
    """
    kind_of(path)
    # Without waiting: a pipe that was put there just now would hold the command up.
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(opened)
        is_folder = stat.S_ISDIR(status.st_mode)
        if not is_folder and (not stat.S_ISREG(status.st_mode) or status.st_nlink > 1):
            raise Strange(f"{path} was changed meanwhile; look at it and run the command again")
        mode = folder if is_folder else file
        if stat.S_IMODE(status.st_mode) != mode:
            os.fchmod(opened, mode)
    finally:
        os.close(opened)
