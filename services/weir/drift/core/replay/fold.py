"""Fold: recorded envelopes of features, in the order of their partition, to the signals they would have led to.

    replay = begun(settings, limits)
    for partition, envelope in recorded:
        replay = replayed(replay, partition, envelope)

The same functions as the running service, so a replay of everything a stream ever read, under its settings, gives the
signals that the service gave, with the same ids. Events that come again change nothing but `repeated`, and the cut into
envelopes changes nothing. Not repeated: decisions of people (accept, dismiss), which the log of features does not
hold, and the signals of other detectors than the bank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weir.detectors.settings import BankSettings
from weir.drift.core.signal_kinds import record_of
from weir.drift.core.stream.advance import Advance, advance
from weir.drift.core.stream.intake import skip_reason
from weir.drift.core.stream.signals import DETECTOR
from weir.drift.core.stream.state import StreamState, new_stream
from weir.events import DriftSignalled, TextFeaturesComputed

Key = tuple[str, str, int]
"""Tenant, route and partition: the service keeps a state for each, too."""


class TooMuchToReplay(ValueError):
    """The range holds more streams or leads to more signals than a replay keeps."""


@dataclass(frozen=True, slots=True)
class ReplayLimits:
    """Bounds. `streams_max`: streams, about 10 MB each. `signals_max`: signals in all. `seen_events`: events that each
    stream remembers against double counting.
    """

    streams_max: int
    signals_max: int
    seen_events: int


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal and the place of its event among those of its stream that were replayed, counted from 1."""

    at_event: int
    signal: DriftSignalled


@dataclass(frozen=True, slots=True, eq=False)
class ReplayedStream:
    """A stream so far. `events`: those counted; `repeated`: those that had been counted before. `places`: of the calls
    in `Replay.watched`, by request id.
    """

    stream: StreamState
    events: int = 0
    repeated: int = 0
    first_us: int = 0
    last_us: int = 0
    signalled: tuple[Signalled, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """All streams so far. `watched`: request ids whose places are wanted, by tenant and route."""

    settings: BankSettings
    limits: ReplayLimits
    watched: Mapping[tuple[str, str], frozenset[str]]
    streams: Mapping[Key, ReplayedStream]


def begun(
    settings: BankSettings, limits: ReplayLimits, watched: Mapping[tuple[str, str], frozenset[str]] | None = None
) -> Replay:
    """A replay that has read nothing."""
    return Replay(settings, limits, watched or {}, {})


def replayed(replay: Replay, partition: int, envelope: TextFeaturesComputed) -> Replay:
    """The replay after one envelope.

    Raises InvalidEvent for an envelope that the service would have refused, TooMuchToReplay beyond the limits; the
    replay that was passed is unchanged. Cost: as `advance`.
    """
    if all(map(skip_reason, envelope.items)):
        return replay
    key = (envelope.tenant, envelope.route, partition)
    before = replay.streams.get(key) or _admitted(replay, key)
    done = advance(before.stream, envelope, replay.settings)
    after = _counted(before, done, replay.watched.get(key[:2], frozenset()))
    streams = {**replay.streams, key: after}
    _require_room(streams, replay.limits)
    return replace(replay, streams=streams)


def _admitted(replay: Replay, key: Key) -> ReplayedStream:
    limit = replay.limits.streams_max
    if len(replay.streams) >= limit:
        raise TooMuchToReplay(f"the range holds more than {limit} streams; replay one tenant or route at a time")
    tenant, route, _ = key
    return ReplayedStream(new_stream(tenant, route, replay.settings, replay.limits.seen_events))


def _counted(before: ReplayedStream, done: Advance, watched: frozenset[str]) -> ReplayedStream:
    before, new = replace(before, repeated=before.repeated + done.repeated), done.new
    if not new:
        return before
    places: dict[str, int] = {}
    for number, item in enumerate(new, before.events + 1):
        places.setdefault(item.request_id, number)
    last = before.events + len(new)
    signalled = tuple(
        Signalled(places.get(signal.trigger_request_id, last), record_of(signal))
        for signal in done.signals
        if signal.detector == DETECTOR
    )
    found = {request_id: place for request_id, place in places.items() if request_id in watched}
    times_us = [item.event_time_us for item in new]
    return replace(
        before,
        stream=done.stream,
        events=last,
        first_us=min(times_us) if not before.events else min(before.first_us, *times_us),
        last_us=max(before.last_us, *times_us),
        signalled=before.signalled + signalled,
        places={**found, **before.places},
    )


def _require_room(streams: Mapping[Key, ReplayedStream], limits: ReplayLimits) -> None:
    signals = sum(len(one.signalled) for one in streams.values())
    if signals > limits.signals_max:
        raise TooMuchToReplay(
            f"these settings lead to more than {limits.signals_max:,} signals; raise the ARL or narrow the range"
        )
