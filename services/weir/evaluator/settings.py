"""Settings of the evaluator, read once in `__main__` from `WEIR_EVALUATOR_*` and the shared `WEIR_*`."""

from __future__ import annotations

from pydantic import Field

from weir.runtime.settings import SharedSettings


class EvaluatorSettings(SharedSettings):
    """The shared settings and the one bound that is the evaluator's own."""

    subjects_max: int = Field(default=10_000, validation_alias="WEIR_EVALUATOR_SUBJECTS_MAX", ge=1)
    """Calls remembered so that feedback finds what it judges, about 1 kB each. Feedback on an older call is scored
    without route and references. Chosen."""
