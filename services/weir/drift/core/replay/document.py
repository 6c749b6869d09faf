"""Document: a finished replay as plain values, and the digest over what decides it and what came out.

Only numbers and names are in it, never a user's text; the sentences that explain a signal are left out, so that better
words change no digest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

from weir.detectors.bank import MonitoringBank
from weir.drift.core.replay.comparison import Compared
from weir.drift.core.replay.fold import Key, Replay, ReplayedStream, Signalled
from weir.drift.core.stream.signals import config_digest, reference_digest
from weir.events import digest_of

Plain = dict[str, object]


def settings_of(replay: Replay) -> Plain:
    """The settings that decide the output."""
    return {**asdict(replay.settings), "seen_events": replay.limits.seen_events}


def streams_of(replay: Replay) -> list[Plain]:
    """Every stream with what it would have signalled, by tenant, route and partition."""
    return [_stream(key, replay.streams[key]) for key in sorted(replay.streams)]


def output_digest(replay: Replay) -> str:
    """Digest of settings and output: equal for the same events, however they were cut into envelopes or repeated."""
    return digest_of({"settings": _plain(settings_of(replay)), "streams": streams_of(replay)})


def replay_digest(replay: Replay, source: Mapping[str, object]) -> str:
    """Digest of `source`, which names the range that was read, and of settings and output."""
    return digest_of({"source": source, "output": output_digest(replay)})


def signal_of(one: Signalled) -> Plain:
    """A signal as plain values."""
    signal = one.signal
    fields: Plain = {
        "at_event": one.at_event,
        "signal_id": signal.event_id,
        "request_id": signal.trigger_request_id,
        "event_time_us": signal.event_time_us,
        "state": signal.state,
        "level": signal.level,
        "part": signal.part,
        "statistic": signal.statistic,
        "threshold": signal.threshold,
        "arl_target": signal.arl_target,
        "event_index": signal.event_index,
        "since_event_index": signal.since_event_index,
        "reference_version": signal.reference_version,
        "reference_digest": signal.reference_digest,
        "reference_events": signal.reference_events,
        "config_digest": signal.config_digest,
    }
    return {name: _plain(value) for name, value in fields.items()}


def comparison_of(key: Key, row: Compared) -> Plain:
    """A row of the comparison as plain values."""
    would, did = row.would_have, row.did
    return {
        "tenant": key[0],
        "route": key[1],
        "partition": key[2],
        "state": row.state,
        "level": row.level,
        "verdict": str(row.side),
        "would_have_at_event": would.at_event if would else None,
        "did_at_event": did.at_event if did else None,
        "would_have": signal_of(would) if would else None,
        "did": signal_of(did) if did else None,
    }


def _stream(key: Key, one: ReplayedStream) -> Plain:
    bank = one.stream.bank
    warmed = next((first for first in one.signalled if first.signal.state == "monitoring"), None)
    return {
        "tenant": key[0],
        "route": key[1],
        "partition": key[2],
        "events": one.events,
        "first_event_us": one.first_us,
        "last_event_us": one.last_us,
        "counted_events": one.stream.events,
        "state": "monitoring" if isinstance(bank, MonitoringBank) else "warming",
        "config_digest": config_digest(bank.settings),
        "reference_version": one.stream.version,
        "reference_events": one.stream.reference_events,
        "reference_digest": reference_digest(bank.fitted.reference.digest) if isinstance(bank, MonitoringBank) else "",
        "warmed_at_event": warmed.at_event if warmed else None,
        "warmed_at_us": warmed.signal.event_time_us if warmed else None,
        "signals": [signal_of(each) for each in one.signalled if each.signal.state != "warming"],
    }


def _plain(value: object) -> object:
    """`value` as JSON has it; floats that JSON lacks by name. The shortest text that reads back equal stands for a
    float, so equal texts mean equal bits.
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
