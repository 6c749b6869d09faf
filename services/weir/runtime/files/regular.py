"""Files of the operator that are read again while a service serves: keys, certificates.

Law: reading one never waits, and is bounded. A FIFO or a device in its place would hold up the whole loop until somebody writes;
it is not opened. A file that cannot be read raises OSError and nothing else.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, bytes_max: int) -> bytes:
    """The content of a regular file of at most so many bytes. Raises OSError, whose `strerror` says what is wrong."""
    _demand_regular(os.stat(path), path, bytes_max)  # before it is opened: opening a device can do something
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        _demand_regular(os.fstat(descriptor), path, bytes_max)  # it may be another one since
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise _too_large(path, len(content), bytes_max)
    return content


def _demand_regular(found: os.stat_result, path: Path, bytes_max: int) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a FIFO, a socket or a device; expected a regular file", str(path))
    if found.st_size > bytes_max:
        raise _too_large(path, found.st_size, bytes_max)


def _too_large(path: Path, size_bytes: int, bytes_max: int) -> OSError:
    return OSError(errno.EFBIG, f"it has {size_bytes} bytes; at most {bytes_max} are read", str(path))
