"""Kafka's storage: its folder is where the stack's is, whatever the folder's name, and for its owner's eyes alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.cli.stack import StackError, start_stack
from weir.cli.stack.kafka_storage import escaped, prepare_kafka
from weir.cli.stack.layout import layout


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\\")))
def test_what_is_written_is_ascii_and_reads_back_as_java_reads_it(value: str) -> None:
    units = escaped(value).encode("ascii").decode("unicode_escape")

    assert units.encode("utf-16-be", "surrogatepass").decode("utf-16-be") == value


def test_kafkas_folder_is_private_and_named_in_ascii(tmp_path: Path) -> None:
    place = layout(tmp_path / "größe 漢字")
    place.make()
    (place.data / "kafka").mkdir(mode=0o755)
    (place.data / "kafka" / "meta.properties").touch()  # formatted already

    prepare_kafka(place, {"kafka": 1, "kafka_controller": 2})

    assert stat.S_IMODE((place.data / "kafka").stat().st_mode) == 0o700
    assert b"gr\\u00f6\\u00dfe \\u6f22\\u5b57/data/kafka" in (place.run / "kafka.properties").read_bytes()


@pytest.mark.slow
def test_kafka_formats_a_folder_in_other_letters_under_a_plain_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    place = layout(tmp_path / "größe 漢字")
    place.make()

    prepare_kafka(place, {"kafka": 1, "kafka_controller": 2})

    assert (place.data / "kafka" / "meta.properties").exists()


def test_a_comma_in_the_folders_name_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="holds ',' in its name"):
        start_stack(tmp_path / "a,b")
    assert not (tmp_path / "a,b").exists()
