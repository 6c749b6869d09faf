"""The document that a replay prints: range, settings, what would have been signalled, what was, and the digests.

`sha256` is over the range, the settings and what would have been signalled; `output_sha256` leaves out the range. The
comparison and the verdicts are in neither, since the service may go on signalling about a range that is already written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from weir.drift.adapters.linear_algebra import computed_with
from weir.drift.core.replay.comparison import Compared, compared, placed
from weir.drift.core.replay.document import comparison_of, output_digest, replay_digest, settings_of, streams_of
from weir.drift.core.replay.fold import Key, Replay
from weir.drift.core.replay.verdict import in_words, judged
from weir.drift.core.stream.signals import config_digest
from weir.events import DriftSignalled


def document(
    replay: Replay,
    source: Mapping[str, object],
    history: Mapping[tuple[str, str], Sequence[DriftSignalled]],
    near_events: int,
    change_us: int | None = None,
) -> dict[str, object]:
    """The document. source: the range. history: what the service signalled, by tenant and route.

    change_us: event time at which the change began, for the verdicts; None where nobody says it.
    """
    did = {key: placed(history.get(key[:2], ()), one.places) for key, one in replay.streams.items()}
    placed_ids = {each.signal.event_id for signals in did.values() for each in signals}
    all_ids = {signal.event_id for signals in history.values() for signal in signals}
    rows = {key: compared(replay.streams[key].signalled, did[key], near_events) for key in sorted(replay.streams)}
    return {
        "source": dict(source),
        "settings": settings_of(replay),
        "config_digest": config_digest(replay.settings),
        "streams": streams_of(replay),
        "service": [_service(key, replay, [each.signal for each in did[key]]) for key in sorted(replay.streams)],
        "repeated_events": sum(one.repeated for one in replay.streams.values()),
        "service_signals_elsewhere": len(all_ids - placed_ids),
        "near_events": near_events,
        "comparison": [comparison_of(key, row) for key, found in rows.items() for row in found],
        "verdicts": [] if change_us is None else _verdicts(rows, change_us),
        "computed_with": computed_with(),
        "output_sha256": output_digest(replay),
        "sha256": replay_digest(replay, source),
    }


def _verdicts(rows: Mapping[Key, Sequence[Compared]], change_us: int) -> list[dict[str, object]]:
    return [
        {"tenant": key[0], "route": key[1], "partition": key[2], **asdict(one), "in_words": in_words(one)}
        for key, found in rows.items()
        for one in judged(found, change_us)
    ]


def _service(key: Key, replay: Replay, signals: Sequence[DriftSignalled]) -> dict[str, object]:
    """What the service compared with when it signalled about these events."""
    digests = sorted({one.reference_digest for one in signals if one.reference_digest})
    ours = {each.signal.reference_digest for each in replay.streams[key].signalled if each.signal.reference_digest}
    return {
        "tenant": key[0],
        "route": key[1],
        "partition": key[2],
        "reference_digests": digests,
        "reference_versions": sorted({one.reference_version for one in signals if one.reference_version}),
        "config_digests": sorted({one.config_digest for one in signals}),
        "has_same_reference": bool(ours & set(digests)),
    }
