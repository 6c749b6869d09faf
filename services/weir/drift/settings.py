"""Settings of the drift service, read once in `__main__` from `WEIR_DRIFT_*` and the shared `WEIR_*`.

The settings of a bank hold for references begun from then on; a stream keeps those its reference was begun with until
a new one is accepted, because thresholds are fitted to them. Every signal carries their digest.

`OPENBLAS_NUM_THREADS=1` (no setting of ours) is required: on small machines the products of one event are an order of
magnitude faster on one thread, and a replay must repeat every sum in the same order. The process warns without it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from weir.detectors.settings import BankSettings
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings, variables_of


class DriftSettings(SharedSettings, alias_generator=variables_of("WEIR_DRIFT_")):
    """The promise made about false alarms, the size of a reference, and the bounds of this service."""

    message_bytes_max: int = Field(default=8_388_608, ge=1)
    """Largest envelope decoded, bytes. Chosen: 256 items with the longest tokens and 384 numbers a text."""

    warn_arl_events: float = Field(default=5_000.0, gt=0)
    """Mean events to a false warning, promised per stream."""

    page_arl_events: float = Field(default=100_000.0, gt=0)
    """Mean events to a false page, promised per stream."""

    min_reference_events: int = 1_000
    """Least scored events for a part to take part. Measured: below 1,000 the promise breaks for many references."""

    reference_events: int = 2_000
    """Events that end the warm-up; the embedded stack sets 1,000."""

    max_reference_events: int = 4_000
    """Events that end the warm-up even with too few embeddings."""

    clear_after_events: int = 500
    """Quiet events that end an alarm."""

    streams_max: int = Field(default=64, ge=1)
    """Monitored streams of this process; a stream beyond them is refused. Chosen: a stream holds about 10 MB."""

    seen_events: int = Field(default=4_096, ge=256)
    """Events a stream remembers against double counting. Chosen: 16 of the longest envelopes, 32 kB a checkpoint."""

    explain_terms: bool = True
    """Whether signals and alerts may carry single words of users' texts: shifted terms and names of clusters. Off: counts
    and request ids alone. Words are never logged."""

    skew_alpha: float = Field(default=0.01, gt=0, lt=1)
    """Chance that one window is called skewed although it is drawn like the dataset: one false alarm in 1 / alpha
    windows, so with 200 events a window one in 20,000 events. Below 0.004 nothing can fire (499 permutations)."""

    skew_window_events: int = Field(default=200, ge=20, le=2_000)
    """Watched events of a window that is compared with the evaluation dataset."""

    skew_items_max: int = Field(default=2_000, ge=50, le=10_000)
    """Items of an evaluation dataset, at most. Chosen: 3 MB a stream with 384 dimensions, and 20 ms a window."""

    @property
    def checkpoint_dir(self) -> Path:
        """Where the states are."""
        return self.data_dir / "drift" / "checkpoints"

    def explaining(self) -> ExplanationSettings:
        """The settings of skew and explanations. Raises BadSetting when an alarm could never come."""
        try:
            return ExplanationSettings(
                explain_terms=self.explain_terms,
                skew_alpha=self.skew_alpha,
                skew_window_events=self.skew_window_events,
            )
        except ValueError as error:
            raise BadSetting(f"WEIR_DRIFT_SKEW_*: {error}; for example WEIR_DRIFT_SKEW_ALPHA=0.01") from error

    def bank(self) -> BankSettings:
        """The settings of a bank begun now. Raises BadSetting when they make its promise void."""
        try:
            return BankSettings(
                warn_arl_events=self.warn_arl_events,
                page_arl_events=self.page_arl_events,
                min_reference_events=self.min_reference_events,
                reference_events=self.reference_events,
                max_reference_events=self.max_reference_events,
                clear_after_events=self.clear_after_events,
            )
        except ValueError as error:
            raise BadSetting(f"WEIR_DRIFT_*: {error}; for example WEIR_DRIFT_REFERENCE_EVENTS=2000") from error
