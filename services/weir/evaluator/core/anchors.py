"""Anchors: answers with human labels that never change, which the live evaluators score again and again.

A file of anchors holds one JSON object a line:

    {"id": "p001-good", "question": "...", "contexts": ["..."], "answer": "...", "passed": true}

It is a dataset of the registry: used while a dataset at alias `prod` names its content digest and the evaluators that
it checks. When a score is an anchor's, it says how the evaluator judges and nothing about the traffic.

Anchors are scored on an interleave of the traffic (a hash of the request decides, so a replay scores the same), and
all of them `passes` times when drift says that the scores of a stream begin to be watched, or changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir.assets.dataset import Dataset
from weir.assets.references import PROD
from weir.assets.shapes import InvalidAsset, restore
from weir.events import (
    FIRST,
    ChangeOrder,
    Context,
    DriftSignalled,
    InferenceCompleted,
    Reference,
    RegistryChanged,
    change_order,
)
from weir.events.coin import is_chosen

KIND = "dataset"

ANCHORS_MAX = 512
"""Anchors of a file. Chosen: drift remembers as many."""

DETECTOR = "quality"
"""Detector of the signals that ask for all anchors."""

ASKING = frozenset({("warming", ""), ("monitoring", ""), ("fired", "pending")})
"""State and verdict of such signals."""

_SALT = "weir anchor interleave"


class InvalidAnchors(ValueError):
    """A file of anchors that cannot be used; the text names the line and what was expected."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One labelled answer. passed: what a human says of it."""

    id: str
    question: str
    contexts: tuple[str, ...]
    answer: str
    passed: bool


@dataclass(frozen=True, slots=True)
class AnchorSet:
    """The anchors of one file. digest: sha256 over its content."""

    digest: str
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class RegisteredSet:
    """A set in use: the dataset that names it, and the evaluators that it checks."""

    reference: Reference
    evaluators: tuple[str, ...]
    set: AnchorSet


@dataclass(frozen=True, slots=True)
class ActiveAnchors:
    """files: sets by digest, as loaded at start. by_dataset: those that the registry names, by dataset.

    rate: share of an evaluator's scores after which one anchor is scored. passes: times that all are at a signal.
    """

    files: Mapping[str, AnchorSet] = field(default_factory=dict)
    rate: float = 0.0
    passes: int = 0
    by_dataset: Mapping[str, RegisteredSet] = field(default_factory=dict)
    orders: Mapping[str, ChangeOrder] = field(default_factory=dict)
    """The change that each dataset's entry, or its absence, comes from."""

    def of(self, evaluator: str) -> RegisteredSet | None:
        """The set that checks an evaluator; the first by name of the dataset where several do."""
        fitting = sorted(name for name, one in self.by_dataset.items() if evaluator in one.evaluators)
        return self.by_dataset[fitting[0]] if fitting else None


def anchor_set(content: bytes) -> AnchorSet:
    """The anchors of a file. Raises InvalidAnchors."""
    lines = content.decode("utf-8").splitlines()
    anchors = tuple(_anchor(number, line) for number, line in enumerate(lines, start=1))
    if not 0 < len(anchors) <= ANCHORS_MAX:
        raise InvalidAnchors(f"the file has {len(anchors)} anchors; expected 1 to {ANCHORS_MAX}")
    if len({one.id for one in anchors}) < len(anchors):
        raise InvalidAnchors("two anchors have the same id; make each id unique")
    return AnchorSet(f"sha256:{hashlib.sha256(content).hexdigest()}", anchors)


def apply_change(active: ActiveAnchors, event: RegistryChanged) -> ActiveAnchors:
    """The anchors after a change in the registry; the same object when it is about something else or an older one.

    Applied in any order and twice, the same changes leave the same anchors.
    """
    order = change_order(event)
    if event.kind != KIND or event.alias != PROD or order < active.orders.get(event.name, FIRST):
        return active
    if order != active.orders.get(event.name):
        active = replace(active, orders={**active.orders, event.name: order})
    dataset = _dataset(event.body_json)
    held = active.files.get(dataset.content_digest) if dataset is not None else None
    others = {name: one for name, one in active.by_dataset.items() if name != event.name}
    if dataset is None or held is None:
        return replace(active, by_dataset=others) if event.name in active.by_dataset else active
    reference = Reference(kind=KIND, name=event.name, version=event.version, digest=event.digest)
    registered = RegisteredSet(reference, dataset.evaluators or (), held)
    return replace(active, by_dataset={**others, event.name: registered})


def interleaved(active: ActiveAnchors, evaluator: str, request_id: str) -> tuple[RegisteredSet, Anchor] | None:
    """The anchor to score after a score of this evaluator on this call, if any."""
    registered = active.of(evaluator)
    if registered is None or not is_chosen(request_id, f"{_SALT} {evaluator}", active.rate):
        return None
    anchors = registered.set.anchors
    digest = hashlib.sha256(f"{_SALT}\n{evaluator}\n{request_id}".encode()).digest()
    return registered, anchors[int.from_bytes(digest[:8], "big") % len(anchors)]


def asked_by(active: ActiveAnchors, signal: DriftSignalled) -> tuple[RegisteredSet, Sequence[Anchor]] | None:
    """All anchors, once, when a signal asks for them: the part names the evaluator."""
    if signal.detector != DETECTOR or (signal.state, signal.verdict) not in ASKING:
        return None
    registered = active.of(signal.part)
    return (registered, registered.set.anchors) if registered else None


def as_response(anchor: Anchor, *, event_id: str, tenant: str, route: str, time_us: int) -> InferenceCompleted:
    """The anchor in the form that evaluators look at: a call that was answered with it."""
    return InferenceCompleted(
        event_id=event_id,
        tenant=tenant,
        event_time_us=time_us,
        request_id=f"anchor:{anchor.id}",
        protocol="anchor",
        operation="anchor",
        route=route,
        start_time_us=time_us,
        latency_ms=0.0,
        outcome="ok",
        status_code=0,
        input_text=anchor.question,
        user_text=anchor.question,
        output_text=anchor.answer,
        contexts=tuple(_context(anchor, number, text) for number, text in enumerate(anchor.contexts)),
    )


def _dataset(body_json: str) -> Dataset | None:
    """The dataset in a published body; None for one that cannot be read, which names no file."""
    try:
        return restore(Dataset, body_json)
    except InvalidAsset:
        return None


def _context(anchor: Anchor, number: int, text: str) -> Context:
    return Context(passage_id=f"{anchor.id}#{number}", dataset="", dataset_digest="", score=1.0, text=text)


def _anchor(number: int, line: str) -> Anchor:
    try:
        row = json.loads(line)
        anchor = Anchor(row["id"], row["question"], tuple(row["contexts"]), row["answer"], row["passed"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidAnchors(f"line {number} is no anchor: {error!r}; expected {_EXAMPLE}") from error
    texts: Iterable[object] = (anchor.id, anchor.question, anchor.answer, *anchor.contexts)
    if not isinstance(anchor.passed, bool) or not all(isinstance(one, str) and one for one in texts):
        raise InvalidAnchors(f"line {number} has an empty or wrong value; expected {_EXAMPLE}")
    return anchor


_EXAMPLE = '{"id": "1", "question": "?", "contexts": ["."], "answer": ".", "passed": true}'
