"""Files of the operator: regular ones are read whole, and nothing else is waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.runtime.files.regular import read_regular

BYTES_MAX = 100


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


@given(content=st.binary(max_size=BYTES_MAX + 5))
def test_a_regular_file_is_read_whole_or_refused_by_its_size(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)
    link = path.with_name("link")
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    if len(content) <= BYTES_MAX:
        assert read_regular(link, BYTES_MAX) == content
    else:
        with pytest.raises(OSError, match=f"it has {len(content)} bytes; at most {BYTES_MAX} are read"):
            read_regular(link, BYTES_MAX)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("put", "what"),
    [
        (os.mkfifo, "it is a FIFO"),
        (a_socket, "it is a FIFO, a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "or a device"),
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda _: None, "No such file"),
    ],
    ids=["FIFO", "socket", "device", "folder", "loop", "nothing"],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, put: Callable[[Path], object], what: str) -> None:
    path = tmp_path / "file"
    put(path)

    with pytest.raises(OSError, match=what):
        read_regular(path, BYTES_MAX)
