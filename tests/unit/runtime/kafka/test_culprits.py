"""Culprits: a message that no handler can take ends as a dead letter; what the world does wrong puts nothing aside."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kafka.loop_laws import TOPIC
from harness.samples.builders import NOON_US
from weir.events import InvalidEvent
from weir.events.log import RawMessage
from weir.runtime.errors import TooManyRejects
from weir.runtime.kafka.culprits import PROCESSES_MAX, PUT_ASIDE_MAX, SUSPECTS_MAX, Culprits

CULPRIT = 4
"""Offset of the message that the handler cannot take."""


def message(offset: int, at_us: int = NOON_US) -> RawMessage:
    return RawMessage(TOPIC, 0, offset, None, b"", at_us)


@pytest.mark.parametrize("error", [TypeError("no"), ZeroDivisionError(), KeyError("a"), RecursionError("deep")])
def test_a_message_that_ends_three_lives_is_put_aside_in_the_fourth(tmp_path: Path, error: Exception) -> None:
    file = tmp_path / "culprits.json"
    batch = [message(offset) for offset in range(10)]
    Culprits(file).blame(batch, error)
    for _ in range(PROCESSES_MAX - 1):
        life = Culprits(file)
        assert life.suspects(batch[CULPRIT])
        life.check(batch[CULPRIT])
        life.blame([batch[CULPRIT]], error)

    with pytest.raises(InvalidEvent, match=f"handler_error.*{PROCESSES_MAX} times: {type(error).__name__}"):
        Culprits(file).check(batch[CULPRIT])


@pytest.mark.parametrize("error", [OSError("disk full"), MemoryError(), RuntimeError("loop closed")])
def test_what_the_world_refuses_blames_no_message(tmp_path: Path, error: Exception) -> None:
    for _ in range(2 * PROCESSES_MAX):
        Culprits(tmp_path / "culprits.json").blame([message(1)], error)

    Culprits(tmp_path / "culprits.json").check(message(1))


@given(blamed=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=10))
def test_the_lives_of_each_message_are_counted_whatever_ended_others_in_between(
    tmp_path_factory: pytest.TempPathFactory, blamed: list[tuple[int, int]]
) -> None:
    file = tmp_path_factory.mktemp("lives") / "culprits.json"

    def at(place: tuple[int, int]) -> RawMessage:
        return replace(message(place[1]), partition=place[0])

    for place in blamed:
        Culprits(file).blame([at(place)], ValueError())

    def is_culprit(place: tuple[int, int]) -> bool:
        try:
            Culprits(file).check(at(place))
        except InvalidEvent:
            return True
        return False

    places = list(itertools.product((0, 1), (0, 1)))
    assert [is_culprit(place) for place in places] == [blamed.count(place) >= PROCESSES_MAX for place in places]


def test_the_oldest_suspect_is_forgotten_and_a_file_of_an_earlier_build_is_read(tmp_path: Path) -> None:
    file = tmp_path / "culprits.json"
    old = {
        "topic": TOPIC,
        "partition": 0,
        "first": 1,
        "last": 1,
        "since_us": NOON_US,
        "lives": PROCESSES_MAX,
        "error": "E",
    }
    file.write_text(json.dumps({"suspect": old, "put_aside_us": []}))
    with pytest.raises(InvalidEvent):
        Culprits(file).check(message(1))

    for offset in range(10, 10 + SUSPECTS_MAX):
        Culprits(file).blame([message(offset)], ValueError())

    assert not Culprits(file).suspects(message(1))
    assert all(Culprits(file).suspects(message(offset)) for offset in range(10, 10 + SUSPECTS_MAX))


def test_the_same_offset_of_a_topic_made_anew_is_another_message(tmp_path: Path) -> None:
    for _ in range(PROCESSES_MAX):
        Culprits(tmp_path / "culprits.json").blame([message(1, NOON_US)], ValueError())

    Culprits(tmp_path / "culprits.json").check(message(1, NOON_US + 1))
    with pytest.raises(InvalidEvent):
        Culprits(tmp_path / "culprits.json").check(message(1, NOON_US))


def test_a_deploy_that_dies_of_every_message_halts_instead_of_draining_the_topic(tmp_path: Path) -> None:
    file = tmp_path / "culprits.json"
    for offset in range(PUT_ASIDE_MAX + 1):
        for _ in range(PROCESSES_MAX):
            Culprits(file).blame([message(offset)], ValueError("a bug"))
        life = Culprits(file)
        with pytest.raises(InvalidEvent if offset < PUT_ASIDE_MAX else TooManyRejects):
            life.check(message(offset))
        life.settle(message(offset))


def test_a_file_that_is_torn_knows_nobody(tmp_path: Path) -> None:
    (tmp_path / "culprits.json").write_text('{"suspect": {"topic"')

    Culprits(tmp_path / "culprits.json").check(message(1))
