"""Law: a file that is replaced holds its old content or its new one, whichever call of the disk says no."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from harness.failing_disk import CALLS, FailingDisk
from weir.runtime.files.durable import private_folder, replace_file, write_at
from weir.runtime.files.state_file import read_state

OLD, NEW = b"old" * 100, b"new" * 200


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("first", range(3))
def test_whatever_call_fails_a_file_is_old_or_new_and_nothing_is_left_beside_it(
    tmp_path: Path, call: str, first: int, error: int
) -> None:
    path = tmp_path / "state.json"
    replace_file(path, OLD)
    disk = FailingDisk(refuses=frozenset({call}), first=first, times=1, error=error)

    try:
        replace_file(path, NEW, disk=disk)
    except OSError:
        assert path.read_bytes() in (OLD, NEW)
    else:
        assert path.read_bytes() == NEW
    if call != "unlink":  # a disk that removes nothing leaves the partial file; the next write removes it
        assert [one.name for one in tmp_path.iterdir()] == ["state.json"]
    replace_file(path, NEW)
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_content_is_on_the_disk_before_its_name_and_the_name_before_the_return(tmp_path: Path) -> None:
    disk = FailingDisk()

    replace_file(tmp_path / "state.json", NEW, disk=disk)

    order = [call for call in disk.seen if call in ("write", "fsync", "rename")]
    assert order == ["write", "fsync", "rename", "fsync"]


def test_a_short_write_is_carried_on(tmp_path: Path) -> None:
    disk = FailingDisk(refuses=frozenset({"short_write"}), times=1)

    replace_file(tmp_path / "state.json", NEW, disk=disk)

    assert (tmp_path / "state.json").read_bytes() == NEW


def test_files_and_folders_are_for_their_owner_alone_whatever_stood_there(tmp_path: Path) -> None:
    folder = tmp_path / "above" / "data"
    private_folder(folder)
    path = folder / "state.json"
    (folder / "state.json.partial").write_text("of a death")
    (folder / "state.json.partial").chmod(0o666)
    folder.chmod(0o755)

    private_folder(folder)
    replace_file(path, NEW)
    write_at(folder / "pieces.bin", 0, NEW)

    modes = [stat.S_IMODE(one.stat().st_mode) for one in (folder.parent, folder, path, folder / "pieces.bin")]
    assert modes == [0o700, 0o700, 0o600, 0o600]


def test_a_folder_that_others_may_read_and_that_cannot_be_closed_to_them_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with pytest.raises(OSError, match="No space"):
        private_folder(tmp_path, disk=FailingDisk(refuses=frozenset({"chmod"})))


def test_a_folder_that_is_not_ours_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    private_folder(tmp_path, is_ours=False)

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_the_end_of_a_file_is_replaced_from_a_place_on(tmp_path: Path) -> None:
    path = tmp_path / "pieces.bin"
    write_at(path, 0, b"one two")
    write_at(path, 3, b" three")

    assert path.read_bytes() == b"one three"


def test_a_missing_state_file_is_a_first_start(tmp_path: Path) -> None:
    assert read_state(tmp_path / "missing.json", bytes.decode, "first") == "first"
    assert refused("missing.json") == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"torn \xc3"])
def test_a_state_file_that_cannot_be_used_is_set_aside_and_counted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"state-{len(content)}.json"
    path.write_bytes(content)

    assert read_state(path, _decoded, "first") == "first"

    assert not path.exists()
    assert path.with_name(path.name + ".refused").read_bytes() == content
    assert refused(path.name) == 1


def test_a_disk_that_lets_nothing_be_read_is_no_first_start(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_state(tmp_path, bytes.decode, "first")


def test_a_state_file_that_cannot_be_moved_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"")

    assert read_state(path, _decoded, "first", disk=FailingDisk(refuses=frozenset({"rename"}))) == "first"


def _decoded(content: bytes) -> str:
    if not content:
        raise ValueError("empty")
    return content.decode()


def refused(name: str) -> float:
    return REGISTRY.get_sample_value("weir_state_files_refused_total", {"file": name}) or 0.0
