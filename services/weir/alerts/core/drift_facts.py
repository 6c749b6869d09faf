"""Drift facts: what every alert about drift or skew says, whatever annotations its rule has.

The reference version, the part, when it began, clusters, examples, shifted words, the evaluation dataset and where the
evidence sits. Words of users appear only as the drift service put them in its event: single words, few and short.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from weir.events import ClusterShift, DriftSignalled, EvidenceSum, NovelCluster, ShiftedTerm

FACT_CHARS_MAX = 1_000
"""Characters of one fact. Chosen: ten request ids fit twice."""

BLAMED_MAX = 5
"""Assets named. Arbitrary: any value from 3 to 10 would do; the event holds the others."""


def drift_facts(event: DriftSignalled) -> dict[str, str]:
    """The facts of a signal by name; what it does not say is left out."""
    facts = {
        "reference": _versioned(event.reference_version, event.reference_digest),
        "part": event.part,
        "verdict": event.verdict,
        "guarantee": event.guarantee,
        "since": _since(event),
        "clusters": "; ".join(map(_cluster, event.clusters)),
        "examples": ", ".join(event.example_request_ids),
        "examples_before": ", ".join(event.example_before_request_ids),
        "terms": ", ".join(map(_term, event.shifted_terms)),
        "reference_clusters": "; ".join(map(_shift, event.psi_by_cluster)),
        "blame": "; ".join(map(_blamed, event.blame[:BLAMED_MAX])),
        "evaluation_dataset": f"{event.dataset_name} {_versioned(event.dataset_version, event.dataset_digest)}".strip(),
    }
    return {name: text[:FACT_CHARS_MAX] for name, text in facts.items() if text}


def list_fields(event: DriftSignalled) -> dict[str, str]:
    """The fields of a signal that are lists, as texts for the placeholders of a rule's annotations."""
    return {
        "example_request_ids": ", ".join(event.example_request_ids),
        "example_before_request_ids": ", ".join(event.example_before_request_ids),
        "affected_request_ids": ", ".join(event.affected_request_ids),
        "clusters": "; ".join(map(_cluster, event.clusters)),
        "shifted_terms": ", ".join(map(_term, event.shifted_terms)),
        "psi_by_cluster": "; ".join(map(_shift, event.psi_by_cluster)),
        "blame": "; ".join(map(_blamed, event.blame)),
    }


def _versioned(version: str, digest: str) -> str:
    return f"{version} ({digest})" if digest else version


def _since(event: DriftSignalled) -> str:
    if event.since_event_index < 0:
        return ""
    if not event.since_time_us:
        return f"event {event.since_event_index}"
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.since_time_us)
    return f"event {event.since_event_index}, {time:%Y-%m-%dT%H:%M:%SZ}"


def _cluster(one: NovelCluster) -> str:
    rate = f"{one.per_100:.1f} per 100 now, {one.per_100_before:.1f} before"
    return f"{one.name}: {one.events} events, {rate}, such as {', '.join(one.request_ids[-2:])}"


def _term(one: ShiftedTerm) -> str:
    return f"{one.term} {one.share_before:.1%} to {one.share_after:.1%}"


def _shift(one: ClusterShift) -> str:
    return f"{one.name or f'cluster {one.number}'}: {one.share_before:.1%} to {one.share_after:.1%}"


def _blamed(one: EvidenceSum) -> str:
    named = " ".join(part for part in (one.kind, one.name, one.version) if part)
    return f"{named}: {one.log_e:.1f} nats of evidence on {one.events} calls"
