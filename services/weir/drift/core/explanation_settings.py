"""Settings: what a user may choose about explanations and skew; none of it touches the bank's promise."""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.skew import PERMUTATIONS, TESTS

P_LEAST = len(TESTS) / (PERMUTATIONS + 1)
"""Least corrected p-value of a window: a smaller alpha could never fire."""


@dataclass(frozen=True, slots=True)
class ExplanationSettings:
    """`explain_terms`: whether words of users may appear in signals. `skew_alpha`: chance that a window of
    `skew_window_events` events is called skewed although it is not, so one false alarm in 1 / alpha windows.
    `skew_clear_after_windows`: windows without skew, one after another, that end an alarm. Raises ValueError for values
    that mean nothing.
    """

    explain_terms: bool = True
    skew_alpha: float = 0.01
    skew_window_events: int = 200
    skew_clear_after_windows: int = 3

    def __post_init__(self) -> None:
        if not P_LEAST <= self.skew_alpha < 1.0:
            raise ValueError(
                f"skew_alpha is {self.skew_alpha}; expected {P_LEAST:g}, the least p-value that can come out, to 1"
            )
        if self.skew_window_events < 20 or self.skew_clear_after_windows < 1:
            raise ValueError(
                f"skew_window_events is {self.skew_window_events}, skew_clear_after_windows "
                f"{self.skew_clear_after_windows}; expected 20 or more, and 1 or more"
            )
