"""Insight: what a stream remembers beside its bank in order to explain an alarm, and the explanation it gives.

    insight = noted(insight, fitted, step, assets)                 # for every monitored event
    told = explained(insight, fitted, signal, tenant, settings)    # where one of them fires

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
from weir.drift.core.insight_settings import InsightSettings
from weir.drift.core.intents import NOVEL_P, Intents, growing, joined, rates
from weir.drift.core.shifted_terms import TextCounts, count_texts, rising_terms, shifted_terms
from weir.events import ClusterShift, EvidenceSum, NovelCluster, ShiftedTerm
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
class Insight:
    """`recent`: evidence, oldest first. `typical`: request ids of reference events near its middle. `clusters`: of the
    reference, worked out when first needed and not kept on disk.
    """

    recent: tuple[Evidence, ...] = ()
    intents: Intents = field(default_factory=Intents)
    typical: tuple[str, ...] = ()
    clusters: Annotated[ReferenceClusters | None, DERIVED] = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a fired signal says beyond the part; every field as in `DriftSignalled`, indices of monitored events until the
    signal is made."""

    evidence_events: int
    example_before_request_ids: tuple[str, ...]
    shifted_terms: tuple[ShiftedTerm, ...]
    clusters: tuple[NovelCluster, ...]
    psi: float
    psi_by_cluster: tuple[ClusterShift, ...]
    blame: tuple[EvidenceSum, ...]


def begun(observations: Sequence[Observation]) -> Insight:
    """The insight of a reference that has just been completed by `observations`."""
    embedded = [item for item in observations if item.embedding is not None]
    if not embedded:
        return Insight(typical=tuple(item.request_id for item in observations[:TYPICAL_EVENTS]))
    matrix = np.stack([item.embedding for item in embedded if item.embedding is not None])
    nearness = matrix @ matrix.mean(axis=0)
    order = np.argsort(-nearness, kind="stable")[:TYPICAL_EVENTS]
    return Insight(typical=tuple(embedded[i].request_id for i in order))


def noted(insight: Insight, fitted: Fitted, step: Step, assets: tuple[PinnedReference, ...]) -> Insight:
    """The insight after one monitored event. About 50 us; 0.2 s for the first."""
    observation = step.observation
    clusters = _clusters(insight, fitted)
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
    intents = insight.intents
    if observation.embedding is not None and step.p[NOVELTY] <= NOVEL_P:
        intents = joined(
            intents,
            observation.embedding,
            words,
            request_id=observation.request_id,
            index=step.index,
            time_us=observation.event_time_us,
        )
    return Insight(remembered(insight.recent, event), intents, insight.typical, clusters)


def explained(insight: Insight, fitted: Fitted, signal: Signal, tenant: str, settings: InsightSettings) -> Explanation:
    """The explanation of `signal`, fired by the event noted last. About 20 ms."""
    clusters = _clusters(insight, fitted)
    changed = since(insight.recent, signal.since_index)
    psi, shifts = cluster_shifts(clusters, [event.cluster for event in changed])
    factors = evidence_of(changed, signal.part, signal.direction, fitted.slack)
    # The estimated beginning tends to be early, and of a small mix most events are as before: the words of those that
    # speak for the change are asked, all others would drown them.
    speaking = [event for event, factor in zip(changed, factors, strict=True) if factor > 0.0]
    terms = shifted_terms(clusters.words, count_texts(event.words for event in speaking))
    return Explanation(
        evidence_events=len(changed),
        example_before_request_ids=_before(insight, signal),
        shifted_terms=terms if settings.explain_terms else (),
        clusters=novel_clusters(insight, clusters.words, signal.index, settings, signal.since_index),
        psi=psi,
        psi_by_cluster=shifts if settings.explain_terms else tuple(replace(one, name="") for one in shifts),
        blame=blame_of(changed, factors, tenant),
    )


def novel_clusters(
    insight: Insight, words: TextCounts, index: int, settings: InsightSettings, since_index: int = 0
) -> tuple[NovelCluster, ...]:
    """The novel clusters that grow most as of the monitored event `index` and had an event since `since_index`, with
    names where words are allowed.
    """
    shown = []
    for one in growing(insight.intents, index, limit=CLUSTERS_SHOWN, since=since_index):
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


def _clusters(insight: Insight, fitted: Fitted) -> ReferenceClusters:
    known = insight.clusters
    return known if known and known.digest == fitted.reference.digest else clusters_of(fitted.reference)


def _before(insight: Insight, signal: Signal) -> tuple[str, ...]:
    earlier = [event for event in insight.recent if event.index < signal.since_index]
    # Typical: as many reference texts are more novel as less.
    distance = [abs(float(np.nan_to_num(event.p[NOVELTY], nan=1.0)) - 0.5) for event in earlier]
    typical = [earlier[i] for i in np.argsort(distance, kind="stable")]
    return tuple(event.request_id for event in typical[:TYPICAL_EVENTS]) or insight.typical
