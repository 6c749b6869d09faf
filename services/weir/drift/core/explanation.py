"""Explanation: what a signal says about an alarm beyond the part that fired."""

from __future__ import annotations

from dataclasses import dataclass

from weir.events import ClusterShift, EvidenceSum, NovelCluster, ShiftedTerm


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
