"""What the demo found, as one flat record; docs/evidence.md says what each key means and how it is measured.

A key that was never measured (the run ended before) is null in the file, and every claim over it fails.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(slots=True)
class Evidence:
    """One run's findings, filled as they come. Each is computed in this run: from the store, the log or a clock."""

    started_at: str | None = None
    exit_reason: str | None = None

    # The balance: acknowledged calls against the store's read view.
    accepted: int | None = None
    stored: int | None = None
    lost: int | None = None
    duplicates_visible: int | None = None
    dead_lettered: int | None = None
    sequence_numbers_missing: int | None = None
    refused_calls: int | None = None
    answered_tritonclient: int | None = None
    answered_openai: int | None = None
    answered_openai_stream: int | None = None
    feedback_sent: int | None = None

    # Time.
    stack_ready_seconds: float | None = None
    first_answer_seconds: float | None = None
    clone_to_first_answer_seconds: float | None = None
    trace_queryable_seconds: float | None = None
    steady_calls_per_second: float | None = None
    answer_p50_ms: float | None = None
    answer_p99_ms: float | None = None
    demo_seconds: float | None = None

    # Drift.
    shift_at_event: int | None = None
    drift_fired_at_event: int | None = None
    drift_fired_after_events: int | None = None
    drift_part: str | None = None
    drift_reference_events: int | None = None
    false_alarms_before_shift: int | None = None
    warn_signals_before_shift: int | None = None
    shift_to_webhook_seconds: float | None = None
    webhook_signature_verified: bool | None = None
    webhooks_received: int | None = None

    # The generating models.
    generation_asked: int | None = None
    generation_answered: int | None = None
    generation_releases: int | None = None
    generation_releases_shared: int | None = None

    # Lineage, evaluation, memory.
    corpus_digest: str | None = None
    lineage_corpus_digest: str | None = None
    lineage_passages: int | None = None
    impact_answers: int | None = None
    evaluation_scores: int | None = None
    pss_mib: float | None = None


def write(evidence: Evidence, path: Path) -> None:
    """Write the record as JSON, keys in the order of this file, replacing an earlier run's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(evidence), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
