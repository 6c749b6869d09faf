"""Laws of the checkpoints on disk: a cut write loses nothing true, what cannot be read is set aside, one owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.drift.drift_envelopes import LIMITS, SMALL, Log, cut, received, shifting_items
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.app import Drift
from weir.drift.core.checkpoint import Checkpoint
from weir.runtime.errors import BadSetting, Retryable


async def left_by(root: Path, envelopes: int) -> Checkpoint:
    """The last checkpoint of an application that handled so many envelopes of 25 and ended."""
    files = FileCheckpoints(root)
    drift = Drift(files, Log(), SMALL, LIMITS)
    for offset, event in enumerate(cut(shifting_items(), (25,))[:envelopes]):
        await drift.handle(received(event, offset))
    files.close()
    return next(iter(drift.streams()))


def loaded(root: Path) -> list[Checkpoint]:
    files = FileCheckpoints(root)
    found = files.load()
    files.close()
    return found


async def test_observations_written_before_a_crash_are_not_counted(tmp_path: Path) -> None:
    await left_by(tmp_path, 2)
    (warming,) = tmp_path.glob("0/*/warming-*.bin")
    true_part = warming.read_bytes()
    warming.write_bytes(true_part + true_part[:100])

    (found,) = loaded(tmp_path)
    assert found.stream.events == 50
    await left_by(tmp_path, 3)
    (found,) = loaded(tmp_path)
    assert found.stream.events == 75
    assert not list(tmp_path.glob("0/*/warming-*"))


@pytest.mark.parametrize(
    ("envelopes", "name"),
    [(2, "state.bin"), (2, "warming-*.bin"), (4, "state.bin"), (4, "reference-1-*.bin")],
)
@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
async def test_a_damaged_checkpoint_is_set_aside_and_the_stream_warms_again(
    tmp_path: Path, envelopes: int, name: str, damage: str
) -> None:
    await left_by(tmp_path, envelopes)
    (path,) = tmp_path.glob(f"0/*/{name}")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 200 if damage == "cut" else 0])

    assert loaded(tmp_path) == []
    refused = len(list(tmp_path.glob("0/*.refused-1")))
    assert refused == (0 if (name, damage) == ("state.bin", "gone") else 1)
    again = await left_by(tmp_path, 1)
    assert again.stream.events == 25


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    owner = FileCheckpoints(tmp_path)
    with pytest.raises(BadSetting, match="another drift process"):
        FileCheckpoints(tmp_path)
    owner.close()
    FileCheckpoints(tmp_path).close()


async def test_a_disk_that_refuses_is_a_reason_to_wait(tmp_path: Path) -> None:
    left = await left_by(tmp_path / "first", 1)
    files = FileCheckpoints(tmp_path / "second")
    (tmp_path / "second" / "0").write_text("a file where a folder has to be")

    with pytest.raises(Retryable, match="cannot write the checkpoint"):
        files.save(left)
    (tmp_path / "second" / "0").unlink()
    files.save(left)
    files.close()

    assert [one.position for one in loaded(tmp_path / "second")] == [left.position]
