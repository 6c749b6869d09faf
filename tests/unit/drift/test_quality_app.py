"""Laws of the quality application: a kill anywhere changes no signal, what was counted is not counted again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from harness.samples.builders import DIGEST, NOON_US, envelope, feature_item
from unit.drift.drift_envelopes import Killed, Log
from unit.drift.quality_scores import SMALL, draws, event, received
from weir.drift.core.ports import UnknownStream
from weir.drift.core.stream.decisions import Decision
from weir.drift.quality.adapters.store import SqliteQualityStore
from weir.drift.quality.app import Quality
from weir.drift.quality.core.intake import BAD_OUTCOMES
from weir.events import DriftSignalled, EvaluationScored, InvalidEvent, Outcome, TextFeaturesComputed, named_id
from weir.runtime.errors import Retryable
from weir.runtime.kafka.handling import Received

STREAMS_MAX = 8
SAVE_EVERY = 17


@dataclass
class Store:
    """A real file that kills the process before or after a save, or is full, on request."""

    file: SqliteQualityStore
    dies_before: int | None = None
    dies_after: int | None = None
    full: bool = False
    saves: int = 0

    def load(self) -> Any:
        return self.file.load()

    def save(self, *parts: Any) -> None:
        if self.full:
            raise Retryable("the disk is full")
        if self.saves == self.dies_before:
            raise Killed
        self.file.save(*parts)
        if self.saves == self.dies_after:
            raise Killed
        self.saves += 1


def messages() -> list[Received]:
    """Reference, quiet scores with anchors between, a drop, and quiet scores again."""
    bad = [*draws(1, 0.1, 140), *draws(2, 0.7, 40), *draws(3, 0.0, 160)]
    events: list[EvaluationScored] = []
    for number, is_bad in enumerate(bad):
        events.append(event(number, passed=not is_bad))
        for turn in range(3):
            events.append(anchor_event(10_000 + 3 * number + turn, f"a{number % 12}"))
    return [received(one, offset) for offset, one in enumerate(events)]


def anchor_event(number: int, anchor_id: str) -> EvaluationScored:
    return event(number, request_id=f"anchor:{anchor_id}", anchor_id=anchor_id, anchor_passed=True)


async def run_life(file: Path, log: Log, all_messages: Sequence[Received], start: int = 0, **deaths: int) -> bool:
    """Handle messages as the log delivers them: from the last acknowledged one; False when it was killed."""
    store = SqliteQualityStore(file)
    try:
        quality = Quality(Store(store, **deaths), log, SMALL, STREAMS_MAX)  # type: ignore[arg-type]  # only deaths
        for number, one in enumerate(all_messages[start:], start=1):
            await quality.handle(one)
            if number % SAVE_EVERY == 0:
                await quality.save()
        await quality.save()
    except Killed:
        return False
    finally:
        store.close()
    return True


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> list[DriftSignalled]:
    """The signals of an application that nobody killed."""
    log = Log()
    assert asyncio.run(run_life(tmp_path_factory.mktemp("whole") / "q", log, messages()))
    return log.signals


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteQualityStore]:
    file = SqliteQualityStore(tmp_path / "drift" / "q")
    yield file
    file.close()


@pytest.mark.capability("O6")
def test_a_drop_is_told_with_its_verdict(whole_run: list[DriftSignalled]) -> None:
    states = [(one.state, one.level, one.verdict) for one in whole_run]

    assert states[:2] == [("warming", "", ""), ("monitoring", "", "")]
    assert ("fired", "warn", "pending") in states
    assert ("fired", "page", "system") in states
    assert states[-2:] == [("cleared", "page", ""), ("cleared", "warn", "")]
    assert len({one.event_id for one in whole_run}) == len(whole_run)
    told = next(one for one in whole_run if one.verdict == "system")
    assert (told.detector, told.part, told.reference_version) == ("quality", "support-coverage", "1")
    assert told.statistic >= told.threshold == told.arl_target
    assert told.reference_digest.startswith("sha256:")
    assert 100 < told.since_event_index <= 160
    assert "Verdict system" in told.explanation
    assert "fell from 8" in told.explanation


def test_a_verdict_that_an_anchor_decides_names_the_call_of_its_alarm(whole_run: list[DriftSignalled]) -> None:
    fired = [one for one in whole_run if one.state == "fired"]
    pending = [one for one in fired if one.verdict == "pending"]
    told = [one for one in fired if one.verdict != "pending"]

    assert [one for one in fired if not one.trigger_request_id] == []
    assert {one.trigger_request_id for one in told} <= {one.trigger_request_id for one in pending}


@pytest.mark.parametrize("death", [{"dies_before": 20}, {"dies_after": 20}, {"dies_after": 33}, {"dies_before": 41}])
async def test_a_kill_at_any_save_changes_no_signal(
    tmp_path: Path, whole_run: list[DriftSignalled], death: dict[str, int]
) -> None:
    log, all_messages = Log(), messages()
    acknowledged = next(iter(death.values())) * SAVE_EVERY

    assert not await run_life(tmp_path / "q", log, all_messages, **death)
    assert await run_life(tmp_path / "q", log, all_messages, start=acknowledged)

    assert list(dict.fromkeys(log.signals)) == whole_run


@pytest.mark.slow
async def test_a_kill_before_a_signal_is_acknowledged_changes_no_signal(
    tmp_path: Path, whole_run: list[DriftSignalled]
) -> None:
    log, all_messages = Log(), messages()

    for count in range(len(whole_run)):
        log.dies_before = count
        assert not await run_life(tmp_path / "q", log, all_messages)
    log.dies_before = None
    assert await run_life(tmp_path / "q", log, all_messages)

    assert list(dict.fromkeys(log.signals)) == whole_run


async def test_a_replay_at_other_offsets_counts_nothing_again(store: SqliteQualityStore) -> None:
    quality = Quality(store, Log(), SMALL, STREAMS_MAX)
    for one in messages()[:40]:
        await quality.handle(one)
    before = quality.streams()

    for offset, one in enumerate(messages()[:40], start=1_000):
        await quality.handle(received(one.event, offset))

    assert quality.streams() == before


async def test_ends_of_calls_are_watched_one_way_at_a_time(store: SqliteQualityStore) -> None:
    log = Log()
    quality = Quality(store, log, SMALL, STREAMS_MAX)
    for seq in range(10):
        outcomes: list[Outcome] = ["ok"] * 20 if seq < 8 else ["refused"] * 20
        await quality.handle(received(features(seq, outcomes), seq, "text-features"))

    fired = [one for one in log.signals if one.state == "fired"]
    assert {one.part for one in fired} == {"outcome-refused"}
    assert {one.verdict for one in fired} == {"none"}
    assert [one.key.part for one in quality.streams()] == sorted(f"outcome-{one}" for one in BAD_OUTCOMES)


async def test_a_stream_beyond_the_bound_is_refused_and_an_old_version_makes_room(store: SqliteQualityStore) -> None:
    quality = Quality(store, Log(), SMALL, streams_max=2)
    other = DIGEST.replace("a", "c")
    await quality.handle(received(event(0), 0))
    await quality.handle(received(event(1, evaluator_digest=other), 1))
    await quality.handle(received(event(2, evaluator="length"), 2))
    await quality.handle(received(event(3, evaluator="format"), 3))
    await quality.save()

    assert [(one.key.part, one.key.digest) for one in quality.streams()] == [
        ("length", DIGEST),
        ("support-coverage", other),
    ]
    assert set(store.load().states) == {(key[0], one.key) for key, one in store.load().states.items()}
    assert len(store.load().states) == 2


async def test_accepting_withdraws_what_is_on_and_begins_a_reference(store: SqliteQualityStore) -> None:
    log = Log()
    quality = Quality(store, log, SMALL, STREAMS_MAX)
    for one in messages()[: 4 * 165]:
        await quality.handle(one)
    assert quality.streams()[0].page.raised

    after = await quality.accept("demo", "docs-qa", "support-coverage", Decision("ana", "a new rubric"), NOON_US)

    assert (after.version, after.is_warming) == (2, True)
    assert [(one.state, one.level) for one in log.signals[-3:]] == [
        ("cleared", "page"), ("cleared", "warn"), ("accepted", ""),
    ]  # fmt: skip
    accepted = log.signals[-1]
    assert (accepted.author, accepted.reason) == ("ana", "a new rubric")
    assert (accepted.reference_version, accepted.next_reference_version) == ("1", "2")
    assert next(iter(store.load().states.values())) == after
    with pytest.raises(UnknownStream, match="'nobody'"):
        await quality.accept("nobody", "docs-qa", "support-coverage", Decision("ana", "a new rubric"), NOON_US)


async def test_a_decision_sent_again_before_it_was_kept_is_one_event(store: SqliteQualityStore) -> None:
    log, disk = Log(), Store(store)
    first = Quality(disk, log, SMALL, STREAMS_MAX)
    for one in messages()[: 4 * 165]:
        await first.handle(one)
    await first.save()
    again = Quality(Store(store), log, SMALL, STREAMS_MAX)

    disk.full = True
    for moment in range(2):
        with pytest.raises(Retryable):
            await first.accept("demo", "docs-qa", "support-coverage", Decision("ana", "a new rubric"), NOON_US + moment)
    await again.accept("demo", "docs-qa", "support-coverage", Decision("ana", "a new rubric"), NOON_US + 5_000_000)

    decided = ("cleared", "page"), ("cleared", "warn"), ("accepted", "")
    for state in decided:
        ids = [one.event_id for one in log.signals if (one.state, one.level) == state][-3:]
        assert (len(ids), len(set(ids))) == (3, 1)
    assert [one.version for one in (*first.streams(), *again.streams())] == [1, 2]


async def test_a_full_disk_is_tried_again_and_loses_nothing(store: SqliteQualityStore) -> None:
    disk = Store(store, full=True)
    quality = Quality(disk, Log(), SMALL, STREAMS_MAX)
    await quality.handle(received(event(0), 0))
    with pytest.raises(Retryable):
        await quality.save()

    disk.full = False
    await quality.save()

    assert [one.scores for one in store.load().states.values()] == [1]


async def test_a_state_that_cannot_be_read_warms_again(store: SqliteQualityStore) -> None:
    quality = Quality(store, Log(), SMALL, STREAMS_MAX)
    await quality.handle(received(event(0), 0))
    await quality.save()
    refused = REGISTRY.get_sample_value("weir_drift_quality_states_refused_total") or 0.0
    store._connection.execute("UPDATE states SET record = x'00'")

    again = Quality(store, Log(), SMALL, STREAMS_MAX)

    assert again.streams() == []
    assert REGISTRY.get_sample_value("weir_drift_quality_states_refused_total") == refused + 1


@pytest.mark.parametrize(
    "fields",
    [
        {"inclusion_probability": 0.0},
        {"inclusion_probability": 1.5},
        {"anchor_id": "a", "anchor_passed": None},
    ],
)
async def test_a_score_that_cannot_be_is_a_dead_letter(store: SqliteQualityStore, fields: dict[str, Any]) -> None:
    quality = Quality(store, Log(), SMALL, STREAMS_MAX)

    with pytest.raises(InvalidEvent):
        await quality.handle(received(replace(event(0), **fields), 0))
    assert quality.streams() == []


async def test_another_event_is_a_dead_letter_and_a_score_without_verdict_is_left_out(
    store: SqliteQualityStore,
) -> None:
    quality = Quality(store, Log(), SMALL, STREAMS_MAX)

    with pytest.raises(InvalidEvent, match="expected EvaluationScored"):
        await quality.handle(received(DriftSignalled(**envelope("s"), **SIGNAL), 0))
    await quality.handle(received(event(0, passed=None), 1))

    assert quality.streams() == []


SIGNAL: dict[str, Any] = {
    "route": "r", "detector": "bank", "config_digest": DIGEST, "state": "warming", "event_index": 1,
}  # fmt: skip


def features(seq: int, outcomes: Sequence[Outcome]) -> TextFeaturesComputed:
    items = tuple(
        replace(
            feature_item(),
            response_event_id=named_id(NOON_US, f"response {seq} {number}"),
            request_id=f"request {seq} {number}",
            session_id="",
            outcome=outcome,
        )
        for number, outcome in enumerate(outcomes)
    )
    return TextFeaturesComputed(
        **envelope("features", seq), route="docs-qa", embedding_model="minilm", embedding_dimensions=3, items=items
    )
