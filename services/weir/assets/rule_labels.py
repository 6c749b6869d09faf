"""Rule labels: which labels an alert of each source has, for the registry that checks a rule and for alerts that makes them."""

from __future__ import annotations

from collections.abc import Mapping

IDENTITY: Mapping[str, tuple[str, ...]] = {
    "drift-signals": ("tenant", "route", "detector", "part"),
    "evaluation-scores": ("tenant", "route", "evaluator"),
    "ops-signals": ("name", "subject"),
}
"""Fields of an event that tell one series of its topic from another; each is a label of its alert."""

OF_RULE = ("alertname", "severity")
"""Labels that every alert has from its rule."""


def fixed_labels(source: str) -> tuple[str, ...]:
    """The labels that an alert over `source` has whatever its rule says; a rule cannot set them."""
    return (*IDENTITY[source], *OF_RULE)
