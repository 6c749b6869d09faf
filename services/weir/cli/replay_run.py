"""A replay of the drift bank over a range of the log: read, decode, fold, compare, hash.

The history of signals is read first, because its events are looked for while the features stream through. Partitions
are read one after another: each stream lives in one, so nothing that comes out depends on how they interleave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weir.cli.log_decoder import Decode, decoder
from weir.cli.log_range import ranges, values
from weir.cli.moments import LATEST, Moment
from weir.cli.output import CliError, ExitCode
from weir.cli.replay_document import document
from weir.cli.replay_settings import ReplaySettings
from weir.cli.replay_source import Source
from weir.drift.core.replay.fold import Replay, ReplayLimits, TooMuchToReplay, begun, replayed
from weir.drift.core.stream.signals import DETECTOR
from weir.events import DriftSignalled, InvalidEvent, TextFeaturesComputed
from weir.events.log import OffsetRange

IN_TOPIC, OUT_TOPIC = "text-features", "drift-signals"

SIGNALS_MAX = 10_000
"""Most signals of either side. Chosen: about 30 MB; no person compares more."""

CLOCKS_APART_MS = 3_600_000
"""The history is read from so long before the range, ms. Chosen: far more than two clocks differ. Which signals belong
to the range is decided by the events that caused them, not by time.
"""

Progress = Callable[[int], None]
"""Called with the number of messages read since the last call."""

History = dict[tuple[str, str], list[DriftSignalled]]
"""What the service signalled, by tenant and route."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be replayed. Empty `tenant` or `route`: all. `near_events`: how far apart two signals may be to be
    the same one. `change_us`: event time at which the change began, None where nobody says it.
    """

    since: Moment
    until: Moment
    tenant: str
    route: str
    settings: ReplaySettings
    near_events: int
    change_us: int | None = None

    def wants(self, tenant: str, route: str) -> bool:
        """Whether a stream is replayed."""
        return self.tenant in ("", tenant) and self.route in ("", route)


def plan(asked: Asked) -> list[OffsetRange]:
    """The range of features that `asked` names, as the log stands now. Raises CliError."""
    return ranges(IN_TOPIC, asked.since, asked.until)


def run(asked: Asked, features: Sequence[OffsetRange], progress: Progress = lambda _: None) -> dict[str, object]:
    """The document of a replay of `features`. Raises CliError. Cost: about 0.25 ms an event, 2 s a stream that warms."""
    source = Source(IN_TOPIC, features)
    with decoder(asked.settings.message_bytes_max) as decode:
        history = _history(asked, decode)
        replay = _fold(asked, source, features, decode, _begin(asked, history), progress)
    filters = {"tenant": asked.tenant, "route": asked.route}
    return document(replay, {**source.plain(), **filters}, history, asked.near_events, asked.change_us)


def _begin(asked: Asked, history: History) -> Replay:
    limits = ReplayLimits(asked.settings.streams_max, SIGNALS_MAX, asked.settings.seen_events)
    watched = {key: frozenset(one.trigger_request_id for one in signals) for key, signals in history.items()}
    return begun(asked.settings.bank, limits, watched)


def _history(asked: Asked, decode: Decode) -> History:
    since = asked.since - CLOCKS_APART_MS if isinstance(asked.since, int) else asked.since
    history: History = defaultdict(list)
    count = 0
    for one in ranges(OUT_TOPIC, since, LATEST):
        for value in values(one):
            try:
                signal = decode(OUT_TOPIC, value)
            except InvalidEvent:
                continue  # the alert service makes it a dead letter, with its reason
            if not isinstance(signal, DriftSignalled) or signal.detector != DETECTOR:
                continue
            if asked.wants(signal.tenant, signal.route):
                history[signal.tenant, signal.route].append(signal)
                count += 1
            if count > SIGNALS_MAX:
                raise _too_much(f"the service signalled more than {SIGNALS_MAX:,} times since then")
    return history


def _fold(
    asked: Asked, source: Source, features: Sequence[OffsetRange], decode: Decode, replay: Replay, progress: Progress
) -> Replay:
    for one in features:
        for value in values(one):
            source.take(value)
            try:
                envelope = decode(IN_TOPIC, value)
                if isinstance(envelope, TextFeaturesComputed) and asked.wants(envelope.tenant, envelope.route):
                    replay = replayed(replay, one.partition, envelope)
            except InvalidEvent as error:
                source.refuse(error.reason)
            except TooMuchToReplay as error:
                raise _too_much(str(error)) from error
            progress(1)
    return replay


def _too_much(what: str) -> CliError:
    return CliError(ExitCode.INVALID, what, "narrow it with --tenant, --route, --from and --to")
