"""Record: the state of a stream as bytes and back, for a checkpoint."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

from weir.detectors.archive import SnapshotError
from weir.detectors.latch import Latch
from weir.detectors.scores.baseline import Baseline
from weir.detectors.scores.bets import Wealth
from weir.detectors.scores.judge import Judge
from weir.detectors.scores.level import Level, Levels
from weir.detectors.scores.sample import Sample
from weir.detectors.scores.stream import StreamKey, StreamState
from weir.detectors.scores.trial import Trial, Verdict
from weir.detectors.scores.verdicts import Record, Verdicts

FORMAT = 2
"""Layout of the record; raised when it changes, so that older bytes are refused and the stream warms again."""


def encode_state(state: StreamState) -> bytes:
    """The state as JSON, 12 kB to 39 kB. The same state gives the same bytes."""
    fields = asdict(state)
    for name in ("events", "sessions"):
        fields["sample"][name] = base64.b64encode(fields["sample"][name]).decode()
    return json.dumps({"format": FORMAT, **fields}, separators=(",", ":")).encode()


def decode_state(content: bytes) -> StreamState:
    """The state again, with equal values. Raises SnapshotError for bytes of another layout."""
    try:
        fields = json.loads(content)
        if fields.pop("format") != FORMAT:
            raise SnapshotError(f"record of a quality stream is not of format {FORMAT}; the stream warms again")
        return _state(fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(f"cannot read {len(content)} bytes as a quality stream: {error!r}") from error


def _state(fields: dict[str, Any]) -> StreamState:
    sample, trial, verdict = fields["sample"], fields["trial"], fields["verdict"]
    pieces = {
        "key": StreamKey(**fields["key"]),
        "reference": Baseline(**fields["reference"]),
        "baseline": Baseline(**fields["baseline"]),
        "wealth": _wealth(fields["wealth"]),
        "levels": Levels(Level(**fields["levels"]["now"]), Level(**fields["levels"]["before"])),
        "sample": Sample(sample["base"], base64.b64decode(sample["events"]), base64.b64decode(sample["sessions"])),
        "warn": Latch(**fields["warn"]),
        "page": Latch(**fields["page"]),
        "judge_latch": Latch(**fields["judge_latch"]),
        "trial": trial and _trial(trial),
        "verdict": verdict and Verdict(verdict),
        "judge": _judge(fields["judge"]),
    }
    return StreamState(**{**fields, **pieces})


def _wealth(fields: dict[str, Any]) -> Wealth:
    bets = {name: tuple(value) for name, value in fields.items() if name != "steps"}
    return Wealth(**bets, steps=fields["steps"])


def _trial(fields: dict[str, Any]) -> Trial:
    spread, wealth = tuple(fields["spread"]), tuple(fields["wealth"])
    return Trial(**{**fields, "spread": spread, "wealth": wealth, "new": _records(fields["new"])})


def _judge(fields: dict[str, Any]) -> Judge:
    classes = tuple(Baseline(**one) for one in fields["classes"])
    stricter, laxer = _wealth(fields["stricter"]), _wealth(fields["laxer"])
    first = {name: (passed, count) for name, (passed, count) in fields["first"].items()}
    waiting = tuple((name, failed, at_us) for name, failed, at_us in fields["verdicts"]["waiting"])
    verdicts = Verdicts(_records(fields["verdicts"]["records"]), waiting)
    return Judge(first, tuple(fields["table"]), classes, stricter, laxer, fields["scores"], verdicts)


def _records(fields: dict[str, Any]) -> dict[str, Record]:
    return {
        name: Record(one["last_us"], tuple((fails, count) for fails, count in one["groups"]))
        for name, one in fields.items()
    }
