"""Snapshot: a bank as bytes, in three pieces that change at different speeds.

1. `encode_state`: what every event changes (about 35 kB, and 16 bytes a remembered session; below 1 ms). Written with
   every batch, beside the offset.
2. `snapshot_observations`: what warming has collected since the last write; append-only pieces, nothing written twice.
3. `snapshot_fitted`: reference and thresholds (about 4 MB), written once, on the outcome `Frozen`.

Reading back gives the same bank to the last bit, hence the same outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from weir.detectors.archive import AnyArray, Json, Opened, SnapshotError, pack
from weir.detectors.bank import BankState, MonitoringBank, WarmingBank
from weir.detectors.channels import CHANNELS
from weir.detectors.e_detector import EDetector
from weir.detectors.fitted import Fitted, Memory
from weir.detectors.latch import Latch
from weir.detectors.mean_ewma import LAMBDAS, MeanEwma
from weir.detectors.monitor import Monitor, RecentEvent
from weir.detectors.observation import Observation
from weir.detectors.sessions import Sessions
from weir.detectors.settings import BankSettings
from weir.detectors.template_memory import TemplateMemory

_WARMING, _MONITORING = "warming", "monitoring"


def encode_state(state: BankState) -> bytes:
    """The small piece: everything but the observations of a warming bank and the `Fitted` of a monitoring one."""
    sessions = state.sessions
    # Places fill from the first on, so the empty ones need no bytes.
    filled = int(np.count_nonzero(sessions.seen))
    arrays: dict[str, AnyArray] = {"session_keys": sessions.keys[:filled], "session_seen": sessions.seen[:filled]}
    header: Json = {"settings": asdict(state.settings), "session_tick": sessions.tick}
    if isinstance(state, WarmingBank):
        header |= {"phase": _WARMING, "version": state.version, "observations": len(state.observations)}
    else:
        header |= {"phase": _MONITORING, "digest": state.fitted.reference.digest}
        _put_monitor(state.monitor, header, arrays)
    return pack("state", header, arrays)


def decode_state(content: bytes, observations: Sequence[Observation], fitted: Fitted | None) -> BankState:
    """The bank of `content`, with the pieces it needs: `observations` (at least as many as it had) or its `fitted`.

    Observations beyond those the state had are dropped: they were written before a crash whose offset was not. Raises
    SnapshotError for damaged or other bytes, too few observations, and a `fitted` that is missing or of another
    digest.
    """
    opened = Opened("state", content)
    settings = _settings(opened)
    sessions = _sessions(opened, settings.session_capacity)
    if opened.text("phase") == _WARMING:
        count = opened.integer("observations")
        if len(observations) < count:
            raise SnapshotError(
                f"the warming bank had {count} observations, {len(observations)} were given; read all pieces"
            )
        return WarmingBank(settings, opened.integer("version"), tuple(observations[:count]), sessions)
    digest = opened.text("digest")
    if fitted is None or fitted.reference.digest != digest:
        given = "none" if fitted is None else fitted.reference.digest
        raise SnapshotError(f"the bank monitors reference {digest}, the reference given is {given}")
    return MonitoringBank(settings, fitted, _monitor(opened), sessions)


def _settings(opened: Opened) -> BankSettings:
    try:
        return BankSettings(**opened.numbers("settings"))  # type: ignore[arg-type]  # ints and floats by name; checked there
    except TypeError as error:
        raise SnapshotError(f"settings of the snapshot do not fit this version: {error}") from error


def _sessions(opened: Opened, capacity: int) -> Sessions:
    keys, seen = opened.u64("session_keys"), opened.i64("session_seen")
    empty = (0, capacity - keys.size)
    return Sessions(np.pad(keys, empty), np.pad(seen, empty), opened.integer("session_tick"))


def _put_monitor(monitor: Monitor, header: Json, arrays: dict[str, AnyArray]) -> None:
    detector, ewma, recent = monitor.detector, monitor.ewma, monitor.recent
    header |= {
        "index": monitor.index,
        "has_ewma": int(ewma is not None),
        "recent_ids": [item.event_id for item in recent],
        "recent_releases": [item.release_digest for item in recent],
    }
    for name, latch in (("warn", monitor.warn), ("page", monitor.page)):
        header |= {f"{name}_raised": latch.raised_index, f"{name}_quiet": latch.quiet_events}
    arrays["detector"] = np.stack((detector.wealth, detector.run_log))
    arrays["runs"] = np.stack((detector.run_start, detector.run_start_us))
    width = len(CHANNELS) + LAMBDAS.size
    evidence = [np.concatenate((item.p, item.alignments)) for item in recent]
    arrays["recent"] = np.stack(evidence) if evidence else np.zeros((0, width))
    arrays["recent_index"] = np.array([item.index for item in recent], dtype=np.int64)
    memory = monitor.memory
    arrays["templates"] = np.array(memory.templates.recent, dtype=np.uint64).reshape(-1, 2)
    arrays["repeats"] = np.array(memory.repeats, dtype=np.uint64)
    arrays["advised"] = monitor.advised
    if ewma is not None:
        arrays["means"] = ewma.means
        arrays["lows"] = np.stack((ewma.low_index, ewma.low_us))


def _monitor(opened: Opened) -> Monitor:
    wealth, run_log = opened.f64("detector")
    run_start, run_start_us = opened.i64("runs")
    ewma = None
    if opened.integer("has_ewma"):
        low_index, low_us = opened.i64("lows")
        ewma = MeanEwma(opened.f32("means"), low_index, low_us)
    names = zip(opened.texts("recent_ids"), opened.texts("recent_releases"), strict=True)
    rows = zip(opened.i64("recent_index"), names, opened.f64("recent"), strict=True)
    cut = len(CHANNELS)
    return Monitor(
        index=opened.integer("index"),
        detector=EDetector(wealth, run_log, run_start, run_start_us),
        ewma=ewma,
        recent=tuple(
            RecentEvent(int(index), name, row[:cut], row[cut:], release) for index, (name, release), row in rows
        ),
        warn=Latch(opened.integer("warn_raised"), opened.integer("warn_quiet")),
        page=Latch(opened.integer("page_raised"), opened.integer("page_quiet")),
        memory=Memory(
            TemplateMemory(tuple((prefix, text) for prefix, text in opened.u64("templates").tolist())),
            tuple(opened.u64("repeats").tolist()),
        ),
        advised=opened.f32("advised"),
    )
