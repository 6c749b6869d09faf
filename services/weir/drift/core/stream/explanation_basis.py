"""The basis of explanations: what a stream remembers beside its bank, and the explanation of an alarm that it gives.

    basis = with_event(basis, fitted, step, assets)                 # for every monitored event
    explanation = explain(basis, fitted, signal, tenant, settings)  # where one of them fires

Nothing here decides an alarm, so nothing here touches the promised error rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np

from weir.detectors.channels import CHANNELS
from weir.detectors.fitted import Fitted
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Signal
from weir.detectors.step import Step
from weir.drift.core.blame import blame_of, evidence_of
from weir.drift.core.clusters import ReferenceClusters, cluster_of, cluster_shifts, clusters_of
from weir.drift.core.evidence import Evidence, distinct_words, remembered, since
from weir.drift.core.explanation import Explanation
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.drift.core.intents import NOVEL_P, Intents, growing, joined, rates
from weir.drift.core.shifted_terms import TextCounts, count_texts, rising_terms, shifted_terms
from weir.events import NovelCluster
from weir.events import Reference as PinnedReference
from weir.state import DERIVED

NOVELTY = [channel.name for channel in CHANNELS].index("knn-novelty")
"""Position of the channel whose p-value says how novel an event is."""

TYPICAL_EVENTS = 5
"""Calls named as typical of the reference, and as examples from before a change (arbitrary: any value from 3 to
10 would do; a person opens them one by one)."""

CLUSTERS_SHOWN = 5
"""Novel clusters of a signal (arbitrary: any value from 3 to 10 would do; a person reads them in an alert)."""

NAME_TERMS = 3
"""Words in the name of a novel cluster (arbitrary: any value from 2 to 5 would do; a person reads it in an alert)."""


@dataclass(frozen=True, slots=True, eq=False)
class ExplanationBasis:
    """`recent`: evidence, oldest first. `typical`: request ids of reference events near its middle. `clusters`: of the
    reference, worked out when first needed and not kept on disk.
    """

    recent: tuple[Evidence, ...] = ()
    intents: Intents = field(default_factory=Intents)
    typical: tuple[str, ...] = ()
    clusters: Annotated[ReferenceClusters | None, DERIVED] = None


def basis_of(observations: Sequence[Observation]) -> ExplanationBasis:
    """The basis of a reference that has just been completed by `observations`."""
    embedded = [item for item in observations if item.embedding is not None]
    if not embedded:
        return ExplanationBasis(typical=tuple(item.request_id for item in observations[:TYPICAL_EVENTS]))
    matrix = np.stack([item.embedding for item in embedded if item.embedding is not None])
    nearness = matrix @ matrix.mean(axis=0)
    order = np.argsort(-nearness, kind="stable")[:TYPICAL_EVENTS]
    return ExplanationBasis(typical=tuple(embedded[i].request_id for i in order))


def with_event(
    basis: ExplanationBasis, fitted: Fitted, step: Step, assets: tuple[PinnedReference, ...]
) -> ExplanationBasis:
    """The basis after one monitored event. About 50 us; 0.2 s for the first."""
    observation = step.observation
    clusters = _clusters(basis, fitted)
    words = distinct_words(observation.words)
    event = Evidence(
        index=step.index,
        request_id=observation.request_id,
        time_us=observation.event_time_us,
        words=words,
        p=step.p,
        cluster=cluster_of(clusters, observation.embedding),
        assets=assets,
    )
    intents = basis.intents
    if observation.embedding is not None and step.p[NOVELTY] <= NOVEL_P:
        intents = joined(
            intents,
            observation.embedding,
            words,
            request_id=observation.request_id,
            index=step.index,
            time_us=observation.event_time_us,
        )
    return ExplanationBasis(remembered(basis.recent, event), intents, basis.typical, clusters)


def explain(
    basis: ExplanationBasis, fitted: Fitted, signal: Signal, tenant: str, settings: ExplanationSettings
) -> Explanation:
    """The explanation of `signal`, fired by the event noted last. About 20 ms."""
    clusters = _clusters(basis, fitted)
    changed = since(basis.recent, signal.since_index)
    psi, shifts = cluster_shifts(clusters, [event.cluster for event in changed])
    factors = evidence_of(changed, signal.part, signal.direction, fitted.slack)
    # The estimated beginning tends to be early, and of a small mix most events are as before: the words of those that
    # speak for the change are asked, all others would drown them.
    speaking = [event for event, factor in zip(changed, factors, strict=True) if factor > 0.0]
    terms = shifted_terms(clusters.words, count_texts(event.words for event in speaking))
    return Explanation(
        evidence_events=len(changed),
        example_before_request_ids=_before(basis, signal),
        shifted_terms=terms if settings.explain_terms else (),
        clusters=novel_clusters(basis, clusters.words, signal.index, settings, signal.since_index),
        psi=psi,
        psi_by_cluster=shifts if settings.explain_terms else tuple(replace(one, name="") for one in shifts),
        blame=blame_of(changed, factors, tenant),
    )


def novel_clusters(
    basis: ExplanationBasis, words: TextCounts, index: int, settings: ExplanationSettings, since_index: int = 0
) -> tuple[NovelCluster, ...]:
    """The novel clusters that grow most as of the monitored event `index` and had an event since `since_index`, with
    names where words are allowed.
    """
    shown = []
    for one in growing(basis.intents, index, limit=CLUSTERS_SHOWN, since=since_index):
        now, before = rates(one, index)
        terms = rising_terms(words, TextCounts(one.words, one.events), NAME_TERMS) if settings.explain_terms else ()
        shown.append(
            NovelCluster(
                name=", ".join(terms) or f"cluster {one.number}",
                events=one.events,
                per_100=now,
                per_100_before=before,
                first_event_index=one.first_index,
                request_ids=one.request_ids,
            )
        )
    return tuple(shown)


def _clusters(basis: ExplanationBasis, fitted: Fitted) -> ReferenceClusters:
    known = basis.clusters
    return known if known and known.digest == fitted.reference.digest else clusters_of(fitted.reference)


def _before(basis: ExplanationBasis, signal: Signal) -> tuple[str, ...]:
    earlier = [event for event in basis.recent if event.index < signal.since_index]
    # Typical: as many reference texts are more novel as less.
    distance = [abs(float(np.nan_to_num(event.p[NOVELTY], nan=1.0)) - 0.5) for event in earlier]
    typical = [earlier[i] for i in np.argsort(distance, kind="stable")]
    return tuple(event.request_id for event in typical[:TYPICAL_EVENTS]) or basis.typical
