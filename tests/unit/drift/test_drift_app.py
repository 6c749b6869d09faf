"""Laws of the drift application: a kill anywhere changes no signal, what was counted is not counted again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.samples.builders import NOON_US
from unit.drift.drift_envelopes import (
    LIMITS,
    SMALL,
    Disk,
    Log,
    cut,
    enveloped,
    item_of,
    received,
    run_life,
    shifting_items,
)
from unit.drift.drift_traffic import Traffic
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.app import Drift, Limits, phase_of
from weir.drift.core.checkpoint import CHECKPOINT
from weir.drift.core.ports import UnknownStream
from weir.drift.core.stream.decisions import Decision
from weir.events import DriftSignalled, InvalidEvent
from weir.runtime.errors import Retryable

SIZES = (30, 17, 20, 1, 12, 25)
"""Envelopes: the third completes the reference in its middle."""


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> list[DriftSignalled]:
    """The signals of an application that nobody killed."""
    log = Log()
    assert asyncio.run(run_life(tmp_path_factory.mktemp("whole"), log, cut(shifting_items(), SIZES)))
    return log.signals


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileCheckpoints]:
    checkpoints = FileCheckpoints(tmp_path)
    yield checkpoints
    checkpoints.close()


@pytest.mark.capability("O6")
@pytest.mark.slow
def test_a_change_is_told_from_warming_to_clearance(whole_run: list[DriftSignalled]) -> None:
    told = whole_run

    states = [(signal.state, signal.level) for signal in told]
    assert states[:2] == [("warming", ""), ("monitoring", "")]
    assert {("fired", "warn"), ("fired", "page"), ("cleared", "page")} <= set(states)
    assert [signal.event_index for signal in told] == sorted(signal.event_index for signal in told)
    page = next(signal for signal in told if (signal.state, signal.level) == ("fired", "page"))
    known = {item.request_id for item in shifting_items()}
    assert 100 < page.event_index <= 150
    assert page.trigger_request_id in known
    assert page.example_request_ids
    assert set(page.example_request_ids) <= known
    assert page.statistic >= page.threshold == page.arl_target == SMALL.page_arl_events
    assert page.reference_version == "1"
    assert page.reference_digest.startswith("sha256:")
    assert page.config_digest.startswith("sha256:")
    assert "reference 1 of 60 events" in page.explanation


@pytest.mark.parametrize("moment", ["dies_before", "dies_after"])
@pytest.mark.parametrize("envelope_number", [0, 1, 2, 4, 5, 6])
@pytest.mark.slow
async def test_a_kill_at_any_checkpoint_changes_no_signal(
    tmp_path: Path, whole_run: list[DriftSignalled], moment: str, envelope_number: int
) -> None:
    envelopes, log = cut(shifting_items(), SIZES), Log()

    assert not await run_life(tmp_path, log, envelopes, **{moment: envelope_number})
    assert await run_life(tmp_path, log, envelopes)

    assert list(dict.fromkeys(log.signals)) == whole_run


@pytest.mark.slow
async def test_a_kill_before_any_signal_is_acknowledged_changes_no_signal(
    tmp_path: Path, whole_run: list[DriftSignalled]
) -> None:
    envelopes, log = cut(shifting_items(), SIZES), Log()

    for count in range(len(whole_run)):
        log.dies_before = count
        assert not await run_life(tmp_path, log, envelopes)
    log.dies_before = None
    assert await run_life(tmp_path, log, envelopes)

    assert list(dict.fromkeys(log.signals)) == whole_run


@pytest.mark.slow
async def test_other_envelopes_of_the_same_calls_change_nothing(
    tmp_path: Path, whole_run: list[DriftSignalled]
) -> None:
    log = Log()
    assert await run_life(tmp_path, log, cut(shifting_items(), (7,)))

    assert log.signals == whole_run


async def test_calls_counted_before_are_not_counted_again(files: FileCheckpoints) -> None:
    items = [item_of(event) for event in Traffic(3).events(30)]
    drift = Drift(files, Log(), SMALL, LIMITS)

    await drift.handle(received(enveloped(items[:20]), 0))
    await drift.handle(received(enveloped([*items[10:], items[29]]), 1))

    assert [one.stream.events for one in drift.streams()] == [30]


async def test_a_topic_made_anew_is_read_from_its_start(files: FileCheckpoints) -> None:
    items = [item_of(event) for event in Traffic(3).events(30)]
    drift = Drift(files, Log(), SMALL, LIMITS)
    await drift.handle(received(enveloped(items[:20]), 500))

    anew = received(enveloped(items[20:]), 0)
    later = replace(anew.message, timestamp_us=anew.message.timestamp_us + 1_000)
    await drift.handle(replace(anew, message=later))

    assert [(one.stream.events, one.position.offset) for one in drift.streams()] == [(30, 0)]


async def test_an_envelope_that_cannot_be_believed_changes_nothing(files: FileCheckpoints) -> None:
    items = [item_of(event) for event in Traffic(3).events(4)]
    drift = Drift(files, Log(), SMALL, LIMITS)
    await drift.handle(received(enveloped(items[:2]), 0))

    bad = replace(items[3], prompt=replace(items[3].prompt, words=-1))
    with pytest.raises(InvalidEvent, match="-1 words"):
        await drift.handle(received(enveloped([items[2], bad]), 1))

    assert [(one.stream.events, one.position.offset) for one in drift.streams()] == [(2, 0)]


async def test_a_full_disk_is_a_reason_to_wait_and_counts_nothing_twice(files: FileCheckpoints) -> None:
    items = [item_of(event) for event in Traffic(3).events(10)]
    disk = Disk(files, full=True)
    drift = Drift(disk, Log(), SMALL, LIMITS)

    with pytest.raises(Retryable, match="disk is full"):
        await drift.handle(received(enveloped(items), 0))
    disk.full = False
    await drift.handle(received(enveloped(items), 0))

    assert [one.stream.events for one in drift.streams()] == [10]


async def test_a_stream_too_many_is_refused_and_the_others_go_on(files: FileCheckpoints) -> None:
    items = [item_of(event) for event in Traffic(3).events(3)]
    drift = Drift(files, Log(), SMALL, Limits(streams_max=1, seen_events=256))

    for offset, route in enumerate(("a", "b", "a")):
        await drift.handle(received(enveloped([items[offset]], route=route), offset))

    assert [(one.stream.route, one.stream.events) for one in drift.streams()] == [("a", 2)]


async def test_a_stream_without_a_watched_call_is_not_begun(files: FileCheckpoints) -> None:
    refused = replace(item_of(Traffic(3).event()), outcome="refused")
    drift = Drift(files, Log(), SMALL, LIMITS)

    await drift.handle(received(enveloped([refused]), 0))

    assert list(drift.streams()) == []


async def test_another_embedding_model_warms_again_and_raises_no_alarm(files: FileCheckpoints) -> None:
    log = Log()
    drift = Drift(files, log, SMALL, LIMITS)
    items = shifting_items(quiet=0, shifted=60)
    await drift.handle(received(enveloped(items[:120]), 0))
    before = list(log.signals)
    assert before[-1].state == "fired"

    await drift.handle(received(enveloped(items[120:122], embedding_model="other"), 1))

    withdrawn = log.signals[len(before) : -1]
    assert {signal.state for signal in withdrawn} == {"cleared"}
    assert {signal.level for signal in withdrawn} >= {"page"}
    assert log.signals[-1].state == "warming"
    assert "embedding model changed from minilm (24) to other (24)" in log.signals[-1].explanation
    assert log.signals[-1].event_index == 121


@pytest.mark.slow
async def test_accepting_a_change_begins_the_next_reference(files: FileCheckpoints, tmp_path: Path) -> None:
    log = Log()
    drift = Drift(files, log, SMALL, LIMITS)
    items = shifting_items(quiet=0, shifted=60)
    await drift.handle(received(enveloped(items[:120]), 0))

    accepted = await drift.accept("demo", "docs-qa", Decision("ana", "a new product"), now_us=NOON_US)
    assert (phase_of(accepted.stream), accepted.stream.version, accepted.stream.events) == ("warming", 2, 120)
    assert [signal.state for signal in log.signals[-2:]] == ["cleared", "accepted"]
    recorded = log.signals[-1]
    assert (recorded.author, recorded.reason) == ("ana", "a new product")
    assert (recorded.reference_version, recorded.next_reference_version) == ("1", "2")
    await drift.handle(received(enveloped(items[120:200]), 1))

    assert (log.signals[-1].state, log.signals[-1].reference_version) == ("monitoring", "2")
    stored = sorted(path.name.rpartition("-")[0] or path.name for path in tmp_path.glob("0/*/*"))
    assert stored == ["reference-2", "state.bin"]
    with pytest.raises(UnknownStream, match="'nowhere'"):
        await drift.accept("demo", "nowhere", Decision("ana"), now_us=NOON_US)


@pytest.mark.slow
async def test_a_restart_reads_back_the_same_stream(tmp_path: Path) -> None:
    for count in (1, 2, 3, 9):
        root = tmp_path / str(count)
        first = FileCheckpoints(root)
        drift = Drift(first, Log(), SMALL, LIMITS)
        for offset, event in enumerate(cut(shifting_items(), SIZES)[:count]):
            await drift.handle(received(event, offset))
        (left,) = drift.streams()
        first.close()
        second = FileCheckpoints(root)
        (found,) = second.load()
        second.close()

        assert found.position == left.position
        assert CHECKPOINT.encode(found) == CHECKPOINT.encode(left)
