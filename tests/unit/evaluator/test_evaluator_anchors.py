"""Anchors: scored on an interleave and when drift asks, marked as such, the same in every replay."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kafka.registry_log import numbered, rereadings
from harness.samples.builders import DIGEST, NOON_US, completed, envelope
from unit.evaluator.test_evaluator_step import evaluators
from weir.evaluator.adapters.anchor_files import load_anchors
from weir.evaluator.core.anchors import (
    ANCHORS_MAX,
    ActiveAnchors,
    InvalidAnchors,
    anchor_set,
    apply_change,
    asked_by,
    interleaved,
)
from weir.evaluator.core.scored import Scored
from weir.evaluator.core.step import step
from weir.evaluator.core.subjects import RecentSubjects
from weir.events import DriftSignalled, DriftState, DriftVerdict, Event, RegistryChanged, canonical_json, named_id
from weir.runtime.errors import BadSetting

SHIPPED = Path(__file__).resolve().parents[3] / "examples" / "anchors"

GOOD = {"id": "1", "question": "q?", "contexts": ["Lists are mutable."], "answer": "Lists are mutable.", "passed": True}
BAD = {**GOOD, "id": "2", "answer": "Submarines float.", "passed": False}
CONTENT = "\n".join(map(json.dumps, (GOOD, BAD))).encode()

EVALUATORS = evaluators(
    ("support-coverage", {"type": "support_coverage", "threshold": 0.6}),
    ("length", {"type": "length", "threshold": 1.0}),
)


def registered(*checked: str, digest: str = "", **fields: Any) -> RegistryChanged:
    spec = {"content_digest": digest or anchor_set(CONTENT).digest, "evaluators": list(checked), **fields}
    return RegistryChanged(
        **envelope("registry"),
        revision=1,
        change="alias_moved",
        kind="dataset",
        name="anchors",
        version="3",
        digest=DIGEST,
        alias="prod",
        body_json=canonical_json(spec),
        author="me",
    )


LOG = numbered([registered("length"), registered(digest="another"), registered("pii"), registered()], NOON_US)


@given(reading=rereadings(LOG), end=st.integers(1, len(LOG)))
def test_the_log_read_in_any_order_and_twice_leaves_the_same_anchors(reading: list[RegistryChanged], end: int) -> None:
    loaded = anchor_set(CONTENT)
    empty = ActiveAnchors({loaded.digest: loaded})
    part = LOG[:end]

    assert reduce(apply_change, [one for one in reading if one in part], empty) == reduce(apply_change, part, empty)


def active(*checked: str, rate: float = 1.0, passes: int = 2) -> ActiveAnchors:
    loaded = anchor_set(CONTENT)
    return apply_change(ActiveAnchors({loaded.digest: loaded}, rate, passes), registered(*checked))


def asking(state: DriftState = "fired", verdict: DriftVerdict = "pending", **fields: Any) -> DriftSignalled:
    plain = DriftSignalled(
        **envelope("signal"),
        route="docs-qa",
        detector="quality",
        config_digest=DIGEST,
        state=state,
        part="support-coverage",
        verdict=verdict,
        event_index=1,
    )
    return replace(plain, **fields)


def scores(event: Event, anchors: ActiveAnchors) -> list[Scored]:
    return step(RecentSubjects(10), event, EVALUATORS, anchors)[1]


@pytest.mark.capability("X3")
def test_an_anchor_follows_a_score_of_its_evaluator_and_says_so() -> None:
    events = [one.as_event() for one in scores(completed(), active("support-coverage"))]

    assert [(one.evaluator, one.anchor_id != "") for one in events] == [
        ("support-coverage", False),
        ("length", False),
        ("support-coverage", True),
    ]
    call, anchor = events[0], events[2]
    assert anchor.request_id == f"anchor:{anchor.anchor_id}"
    assert (anchor.tenant, anchor.route, anchor.event_time_us) == (call.tenant, call.route, call.event_time_us)
    assert (anchor.response_event_id, anchor.session_id, anchor.trace_id) == ("", "", "")
    assert anchor.anchor_passed == (anchor.anchor_id == "1")
    assert anchor.passed == anchor.anchor_passed
    assert [(one.name, one.version, one.digest) for one in anchor.references] == [("anchors", "3", DIGEST)]
    assert call.session_id == completed().session_id


def test_a_replay_gives_the_same_ids_and_no_two_alike() -> None:
    anchors = active("support-coverage", "length")
    events: list[Event] = [
        completed(0),
        completed(1),
        asking(),
        asking("monitoring", "", event_id=named_id(NOON_US, "m")),
    ]

    first = [[one.event_id for one in scores(event, anchors)] for event in events]

    assert first == [[one.event_id for one in scores(event, anchors)] for event in events]
    all_ids = [one for ids in first for one in ids]
    assert len(set(all_ids)) == len(all_ids)


def test_the_interleave_takes_the_stated_share_and_every_anchor() -> None:
    anchors = active("support-coverage", rate=0.1)

    due = [interleaved(anchors, "support-coverage", f"request {number}") for number in range(2_000)]

    taken = Counter(one[1].id for one in due if one)
    assert 140 < sum(taken.values()) < 260
    assert set(taken) == {"1", "2"}
    assert all(interleaved(anchors, "length", f"request {number}") is None for number in range(50))


@pytest.mark.parametrize(("state", "verdict"), [("warming", ""), ("monitoring", ""), ("fired", "pending")])
def test_a_signal_that_asks_is_answered_with_all_anchors_every_pass(state: DriftState, verdict: DriftVerdict) -> None:
    answers = scores(asking(state, verdict), active("support-coverage", passes=3))

    assert Counter(one.anchor.id for one in answers if one.anchor) == {"1": 3, "2": 3}
    assert {(one.subject.tenant, one.subject.route) for one in answers} == {("demo", "docs-qa")}
    assert len({one.event_id for one in answers}) == 6


@pytest.mark.parametrize(
    "signal",
    [
        asking(verdict="judge"),
        asking("cleared", ""),
        asking(detector="bank"),
        asking(part="outcome-failed"),
        asking(part="length"),
    ],
    ids=["told again", "cleared", "bank", "no evaluator", "not checked"],
)
def test_other_signals_ask_for_nothing(signal: DriftSignalled) -> None:
    assert scores(signal, active("support-coverage")) == []


def test_an_evaluator_that_is_not_in_use_scores_no_anchors() -> None:
    _, answers = step(RecentSubjects(10), asking(), evaluators(), active("support-coverage"))

    assert answers == []
    assert asked_by(active("support-coverage"), asking()) is not None


def test_anchors_are_used_while_the_registry_names_their_digest() -> None:
    anchors = active("support-coverage")
    assert anchors.of("support-coverage") is not None

    moved = apply_change(anchors, registered("support-coverage", digest=DIGEST))
    assert moved.of("support-coverage") is None
    assert apply_change(moved, registered("support-coverage", digest=DIGEST)) is moved
    assert apply_change(anchors, replace(registered("x"), kind="prompt")) is anchors
    assert apply_change(anchors, replace(registered("x"), alias="next")) is anchors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 anchors"),
        (b"no json", "line 1 is no anchor"),
        (json.dumps({**GOOD, "passed": 1}).encode(), "line 1 has an empty or wrong value"),
        (json.dumps({**GOOD, "answer": ""}).encode(), "line 1 has an empty or wrong value"),
        (json.dumps({**GOOD, "contexts": [3]}).encode(), "line 1 has an empty or wrong value"),
        (CONTENT + b"\n" + json.dumps(GOOD).encode(), "the same id"),
        (b"\n".join(json.dumps({**GOOD, "id": str(one)}).encode() for one in range(ANCHORS_MAX + 1)), "expected 1 to"),
    ],
)
def test_a_file_that_is_no_set_of_anchors_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidAnchors, match=message):
        anchor_set(content)


def test_files_are_loaded_by_digest_and_a_bad_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(CONTENT)
    assert set(load_anchors(tmp_path)) == {f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"}
    assert load_anchors(None) == {}

    (tmp_path / "b.jsonl").write_bytes(b"{}")
    with pytest.raises(BadSetting, match=r"b\.jsonl cannot be used"):
        load_anchors(tmp_path)
    with pytest.raises(BadSetting, match="is no folder"):
        load_anchors(tmp_path / "missing")


def test_the_shipped_anchors_are_registered_and_the_evaluator_agrees_with_most_labels() -> None:
    [(digest, shipped)] = load_anchors(SHIPPED).items()
    registry = (SHIPPED.parent / "registry" / "datasets.yaml").read_text(encoding="utf-8")
    everything = ActiveAnchors({digest: shipped}, 1.0, 1)
    anchors = apply_change(everything, registered("support-coverage", digest=digest))

    answers = [one.as_event() for one in scores(asking(), anchors)]

    assert digest in registry
    assert (len(shipped.anchors), sum(one.passed for one in shipped.anchors)) == (194, 147)
    assert sum(one.passed == one.anchor_passed for one in answers) == 173
