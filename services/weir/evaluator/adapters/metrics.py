"""Metrics of the evaluator, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

SCORES = Counter("weir_evaluator_scores_total", "Scores published, by evaluator and passed.", ["evaluator", "passed"])
"""passed: true, false, or none for an evaluator without a threshold."""

ACTIVE = Gauge("weir_evaluator_active", "Evaluators at alias prod that are in use.")
"""0: nothing is scored; `weir apply -f examples/registry/evaluators.yaml` registers the default ones."""

UNUSABLE = Gauge("weir_evaluator_unusable", "Evaluators at alias prod whose definition cannot be used.")
"""Above 0: the log says `definition_unusable` with the reason; fix it under a new version."""

SUBJECTS = Gauge("weir_evaluator_subjects", "Calls remembered for the sake of feedback.")

ANCHOR_SCORES = Counter(
    "weir_evaluator_anchor_scores_total",
    "Scores of anchors published, by evaluator and passed.",
    ["evaluator", "passed"],
)

ANCHOR_SETS = Gauge("weir_evaluator_anchor_sets", "Sets of anchors in use: loaded, and named by a dataset at prod.")
"""0 with WEIR_EVALUATOR_ANCHORS_DIR set: no dataset at prod has a file's content digest."""
