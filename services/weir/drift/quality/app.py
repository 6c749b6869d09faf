"""The quality application: scores, anchors and ends of calls, one message at a time, in the order of its partition.

    step (in a thread) -> announce the signals -> hold the states
    with the next message after 2 s: save states with positions -> acknowledge

What a crash loses is what was not acknowledged: it is read again from the saved states and announces the same signals
with the same ids. A message that a saved position covers is skipped, so state and position never disagree.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from weir.detectors.alarm_state import AlarmState
from weir.detectors.outcomes import AlarmLevel
from weir.detectors.scores.outcomes import Cleared, Outcome
from weir.detectors.scores.score import AnchorScore, Score
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream, StreamKey, begun_anew, step, step_anchor
from weir.drift.adapters.refused_streams import RefusedStreams
from weir.drift.core.checkpoint import LogPosition
from weir.drift.core.ports import Announcer, UnknownStream
from weir.drift.core.signal_kinds import QualityVerdict
from weir.drift.core.stream.decisions import Decision
from weir.drift.quality.adapters.metrics import (
    LEFT_OUT,
    SCORES,
    STEP_SECONDS,
    STREAMS,
    STREAMS_REFUSED,
    STREAMS_REPLACED,
)
from weir.drift.quality.core.intake import key_of_score, outcome_scores, score_of
from weir.drift.quality.core.ports import QualityStore
from weir.drift.quality.core.signals import acceptance_of, signal_of
from weir.events import EvaluationScored, InvalidEvent, TextFeaturesComputed, named_id
from weir.events.log import TopicPartition
from weir.runtime.errors import Retryable
from weir.runtime.kafka.handling import Received
from weir.runtime.telemetry.logs import logger

SCORES_TOPIC = "evaluation-scores"

Entry = tuple[StreamKey, Score | AnchorScore]
_StreamAt = tuple[TopicPartition, StreamKey]


@dataclass(frozen=True, slots=True)
class _Stepped:
    """What one message led to."""

    states: dict[StreamKey, ScoreStream]
    signals: list[QualityVerdict]
    counted: Counter[str]
    left_out: Counter[str]


class Quality:
    """All streams of scores of this process."""

    def __init__(self, store: QualityStore, announcer: Announcer, settings: QualitySettings, streams_max: int) -> None:
        """Reads the saved states. streams_max: streams held."""
        self._store = store
        self._announcer = announcer
        self._settings = settings
        self._streams_max = streams_max
        self._turn = asyncio.Lock()
        self._refused = RefusedStreams(STREAMS_REFUSED, "WEIR_DRIFT_QUALITY_STREAMS_MAX")
        saved = store.load()
        self._states, self._positions = saved.states, saved.positions
        self._unsaved: set[_StreamAt] = set()
        self._gone: set[_StreamAt] = set()
        self._moved: set[TopicPartition] = set()
        self._note_streams()

    @property
    def settings(self) -> QualitySettings:
        """Settings of every stream."""
        return self._settings

    def streams(self) -> list[ScoreStream]:
        """The streams, in order of tenant, route and part."""
        return sorted(self._states.values(), key=lambda one: (one.key.tenant, one.key.route, one.key.part, one.last_us))

    async def handle(self, received: Received) -> None:
        """Take in one message; returns when its signals are acknowledged. `save` makes it durable.

        Raises InvalidEvent for an event that cannot be believed, Retryable when the broker refuses.
        """
        message = received.message
        source = message.topic_partition
        position = LogPosition(message.partition, message.offset, message.timestamp_us)
        async with self._turn:
            before = self._positions.get(source)
            if before is not None and before.covers(position):
                LEFT_OUT.labels("offset").inc()
                return
            entries = _entries(received)
            if entries:
                await self._step(source, entries)
            self._positions[source] = position
            self._moved.add(source)

    async def save(self) -> None:
        """Write what changed since the last save. Raises Retryable when the disk does not take it."""
        async with self._turn:
            await self._write()

    async def accept(self, tenant: str, route: str, part: str, by: Decision, now_us: int) -> ScoreStream:
        """Take the scores from now on for the new normal; signalled with its author and reason. Alarms that are on are withdrawn.

        Raises UnknownStream, Retryable.
        """
        async with self._turn:
            source, before = self._found(tenant, route, part)
            # Of the stream and its reference, not of now: a decision sent again before it was kept is one event.
            named = f"accept {tenant} {route} {part} {before.key.digest} {before.version}"
            cause_id = named_id(before.first_us or now_us, named)
            cause = Score(cause_id, cause_id, "", "", now_us, is_bad=False, value=0.0, inclusion_probability=1.0)
            alarms: list[tuple[AlarmLevel, AlarmState]] = [("page", before.page), ("warn", before.warn)]
            cleared: list[Outcome] = [Cleared(level) for level, alarm in alarms if alarm.raised]
            signals = [signal_of(before, one, cause, self._settings) for one in cleared]
            await self._announcer.announce([*signals, acceptance_of(before, cause, self._settings, by)])
            after = begun_anew(before)
            self._hold(source, [after])
            try:
                await self._write()
            except Retryable:
                self._hold(source, [before])
                raise
            logger().info("quality_reference_begun", tenant=tenant, route=route, part=part, author=by.author)
        return after

    async def _write(self) -> None:
        states = [(source, self._states[source, key]) for source, key in self._unsaved]
        positions = [(source, self._positions[source]) for source in self._moved]
        await asyncio.to_thread(self._store.save, states, list(self._gone), positions)
        self._unsaved.clear()
        self._gone.clear()
        self._moved.clear()
        self._note_streams()

    async def _step(self, source: TopicPartition, entries: list[Entry]) -> None:
        held = self._admitted(source, entries)
        with STEP_SECONDS.time():
            stepped = await asyncio.to_thread(_stepped, held, entries, self._settings)
        if stepped.signals:
            await self._announcer.announce(stepped.signals)
        self._hold(source, stepped.states.values())
        for kind, count in stepped.counted.items():
            SCORES.labels(kind).inc(count)
        for reason, count in stepped.left_out.items():
            LEFT_OUT.labels(reason).inc(count)

    def _hold(self, source: TopicPartition, states: Iterable[ScoreStream]) -> None:
        for state in states:
            self._states[source, state.key] = state
            self._unsaved.add((source, state.key))
            self._gone.discard((source, state.key))

    def _admitted(self, source: TopicPartition, entries: list[Entry]) -> dict[StreamKey, ScoreStream]:
        """The states of the streams of `entries`, new ones as far as there is room."""
        held: dict[StreamKey, ScoreStream] = {}
        for key in dict.fromkeys(key for key, _ in entries):
            known = self._states.get((source, key))
            new = 0 if known else sum((source, one) not in self._states for one in held)
            if known is not None or len(self._states) + new < self._streams_max or self._make_room(held):
                held[key] = known or ScoreStream(key)
            else:
                self._refused.refuse(self._streams_max, **asdict(key))
        return held

    def _make_room(self, held: dict[StreamKey, ScoreStream]) -> bool:
        """Give up the stream of an evaluator version that another version replaced, the longest silent first."""
        newest: dict[tuple[str, str, str], int] = {}
        for state in self._states.values():
            name = (state.key.tenant, state.key.route, state.key.part)
            newest[name] = max(newest.get(name, 0), state.last_us)
        replaced = [
            (state.last_us, place)
            for place, state in self._states.items()
            if state.last_us < newest[state.key.tenant, state.key.route, state.key.part] and place[1] not in held
        ]
        if not replaced:
            return False
        _, place = min(replaced, key=lambda one: one[0])
        del self._states[place]
        self._unsaved.discard(place)
        self._gone.add(place)
        STREAMS_REPLACED.inc()
        return True

    def _found(self, tenant: str, route: str, part: str) -> tuple[TopicPartition, ScoreStream]:
        named = [
            (source, state)
            for (source, key), state in self._states.items()
            if (key.tenant, key.route, key.part) == (tenant, route, part)
        ]
        if not named:
            raise UnknownStream(f"no scores of tenant {tenant!r}, route {route!r}, part {part!r} are watched")
        return max(named, key=lambda one: one[1].last_us)

    def _note_streams(self) -> None:
        warming = sum(state.is_warming for state in self._states.values())
        STREAMS.labels("warming").set(warming)
        STREAMS.labels("monitoring").set(len(self._states) - warming)


def _entries(received: Received) -> list[Entry]:
    event = received.event
    if isinstance(event, TextFeaturesComputed):
        return list(outcome_scores(event))
    if not isinstance(event, EvaluationScored):
        raise InvalidEvent("wrong_event", f"{received.message.topic} held {event.EVENT}; expected EvaluationScored")
    score = score_of(event)
    if score is None:
        LEFT_OUT.labels("no_verdict").inc()
        return []
    return [(key_of_score(event), score)]


def _stepped(held: dict[StreamKey, ScoreStream], entries: list[Entry], settings: QualitySettings) -> _Stepped:
    states, signals = dict(held), []
    counted, left_out = Counter[str](), Counter[str]()
    for key, entry in entries:
        if key not in states:
            continue
        if isinstance(entry, AnchorScore):
            states[key], outcomes = step_anchor(states[key], entry, settings)
            counted["anchor"] += 1
        else:
            states[key], outcomes, reason = step(states[key], entry, settings)
            (left_out if reason else counted)[reason or _kind(key)] += 1
        signals += [signal_of(states[key], outcome, entry, settings) for outcome in outcomes]
    return _Stepped(states, signals, counted, left_out)


def _kind(key: StreamKey) -> str:
    return "score" if key.digest else "outcome"
