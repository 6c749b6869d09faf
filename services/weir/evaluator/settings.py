"""Settings of the evaluator, read once in `__main__` from `WEIR_EVALUATOR_*` and the shared `WEIR_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from weir.runtime.settings import SharedSettings, variables_of


class EvaluatorSettings(SharedSettings, alias_generator=variables_of("WEIR_EVALUATOR_")):
    """The shared settings, and those that are the evaluator's own."""

    subjects_max: int = Field(default=10_000, ge=1)
    """Calls remembered so that feedback finds what it judges, about 1 kB each. Feedback on an older call is scored
    without route and references. Chosen: 10 MB, and half an hour of feedback at 5 calls/s."""

    anchors_dir: Path | None = None
    """Folder with files of anchors (`*.jsonl`); unset, no evaluator is checked against human labels."""

    anchor_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of an evaluator's scores after which it scores one anchor. From the study: 2 to 5 %."""

    anchor_passes: int = Field(default=3, ge=0, le=10)
    """Times that all anchors are scored when a stream of scores is begun, watched or alarmed. Drift counts on 3; fewer
    cost less where a model judges, and then the guard window decides."""
