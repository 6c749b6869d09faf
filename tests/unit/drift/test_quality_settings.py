"""QualitySettings: values that make the promise void are refused with their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weir.detectors.scores.settings import QualitySettings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"warn_arl_scores": 0.5}, "warn_arl_scores is 0.5"),
        ({"page_arl_scores": 10.0}, "page at the warning or more"),
        ({"reference_scores": 5}, "reference_scores"),
        ({"reference_scores": 500, "reference_scores_max": 400}, "this order"),
        ({"lag_scores": 0}, "1 or more each"),
        ({"remembered": 0}, "1 or more each"),
        ({"turn_probability": 0.0}, "probabilities above 0"),
        ({"level_alpha": 1.0}, "probabilities above 0"),
        ({"margin_deviations": -0.1}, "a margin of 0 or more"),
    ],
)
def test_what_voids_the_promise_is_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(QualitySettings(), **fields)  # type: ignore[arg-type]  # fields by name
