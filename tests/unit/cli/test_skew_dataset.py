"""An evaluation dataset is read the same way each time, and a line that is no item is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weir.cli.output import CliError, ExitCode
from weir.cli.skew_dataset import texts_of

pytestmark = pytest.mark.capability("O5")


def written(folder: Path, *lines: object) -> Path:
    path = folder / "dataset.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_texts_come_from_the_usual_keys_in_order(tmp_path: Path) -> None:
    file = written(tmp_path, {"text": "a", "question": "x"}, "", {"question": "b"}, {"prompt": "c"}, {"input": "d"})

    assert texts_of(file, "", 10) == ["a", "b", "c", "d"]


def test_a_named_field_alone_counts(tmp_path: Path) -> None:
    assert texts_of(written(tmp_path, {"text": "a", "q": "b"}), "q", 10) == ["b"]


def test_of_too_many_items_always_the_same_are_taken_in_their_order(tmp_path: Path) -> None:
    file = written(tmp_path, *({"text": f"item {i:03}"} for i in range(100)))

    taken = texts_of(file, "", 10)

    assert len(taken) == 10
    assert taken == sorted(taken) == texts_of(file, "", 10)
    assert taken != [f"item {i:03}" for i in range(10)]
    assert set(taken) < set(texts_of(file, "", 20))


@pytest.mark.parametrize("line", ["{", "7", '{"text": 7}', '{"text": " "}', '{"other": "a"}'])
def test_a_line_that_is_no_item_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(CliError, match="line 2") as raised:
        texts_of(written(tmp_path, {"text": "a"}, line), "", 10)

    assert raised.value.code is ExitCode.INVALID
    assert "--field" in raised.value.hint
