"""Settings of the quality alarms, read once in `__main__` from `WEIR_DRIFT_QUALITY_*` and two of `WEIR_DRIFT_*`.

They hold at once for every stream; a signal carries their digest.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from weir.detectors.scores.settings import QualitySettings
from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings, variables_of


class QualityServiceSettings(SharedSettings, alias_generator=variables_of("WEIR_DRIFT_QUALITY_")):
    """The promise about false alarms on scores, over one stream and over all of them, and the bounds."""

    warn_arl_scores: float = Field(default=5_000.0, gt=0)
    """Mean scores to a false warning, promised per stream."""

    page_arl_scores: float = Field(default=100_000.0, gt=0)
    """Mean scores to a false page, promised per stream."""

    reference_scores: int = 1_000
    """Scores that end the warm-up. Measured: with 1,000 the promise holds over reference draws."""

    guard_scores: int = 300
    """Scores after a warning within which the anchors must say whether the judge changed (from the study)."""

    clear_after_scores: int = 300
    """Quiet scores that end an alarm. Chosen: as many as the guard waits for, so a page is never shorter than its proof."""

    streams_max: int = Field(default=4_096, ge=1)
    """Streams of scores of this process; one beyond them is refused. Chosen: a stream holds about 15 kB."""

    fdr: float = Field(default=0.05, validation_alias="WEIR_DRIFT_FDR", gt=0, lt=1)
    """False discovery rate of `/v1/fleet`: share of the named streams that may be false, in the mean."""

    false_alarms_per_day_max: float = Field(default=0.0, validation_alias="WEIR_DRIFT_FALSE_ALARMS_PER_DAY_MAX", ge=0)
    """False pages a day allowed over all streams; `/v1/fleet` says which page ARL keeps it. 0: no budget."""

    @property
    def quality_file(self) -> Path:
        """The database of the states."""
        return self.data_dir / "drift" / "quality.sqlite3"

    def quality(self) -> QualitySettings:
        """The settings of a stream. Raises BadSetting when they make its promise void."""
        try:
            return QualitySettings(
                warn_arl_scores=self.warn_arl_scores,
                page_arl_scores=self.page_arl_scores,
                reference_scores=self.reference_scores,
                guard_scores=self.guard_scores,
                clear_after_scores=self.clear_after_scores,
            )
        except ValueError as error:
            hint = "for example WEIR_DRIFT_QUALITY_REFERENCE_SCORES=1000"
            raise BadSetting(f"WEIR_DRIFT_QUALITY_*: {error}; {hint}") from error
