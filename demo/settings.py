"""How much traffic the demo sends and how long it waits; `WEIR_DEMO_*` variables override each figure."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DemoSettings(BaseSettings):
    """The figures of one run. Every wait has a deadline; a deadline that passes fails the claim behind it."""

    model_config = SettingsConfigDict(env_prefix="WEIR_DEMO_", frozen=True, extra="ignore")

    route: str = "docs-qa"
    """Route that every question names: the chain of the example registry."""

    steady_questions: int = Field(default=1_550, ge=1)
    """Distinct questions before the shift. Chosen: the drift reference takes about 1,050 of them (1,000 and the turns
    of sessions that it leaves out), and 500 more show whether it keeps quiet."""

    shifted_questions_max: int = Field(default=150, ge=1)
    """Shifted questions before the demo gives up waiting for the webhook. Specified."""

    concurrency: int = Field(default=6, ge=1)
    """Questions under way at once. Chosen: saturates two cores without a refusal."""

    shifted_concurrency: int = Field(default=2, ge=1)
    """The same after the shift. Chosen: low, so that few questions are under way when the alarm comes."""

    order_seed: int = 3
    """Seed of the order in which the questions are asked."""

    catalog_deadline_s: float = 30.0
    """Seconds until the gateway must serve the applied route."""

    trace_deadline_s: float = 20.0
    """Seconds until the first answer's trace must be in the store."""

    features_deadline_s: float = 90.0
    """Seconds until the features of the steady traffic must be in the log."""

    webhook_deadline_s: float = 30.0
    """Seconds to wait for the webhook after the last shifted question."""

    stored_deadline_s: float = 60.0
    """Seconds until every acknowledged call must be in the store."""

    repository: Path = Path(__file__).resolve().parents[1]
    """Root of the checkout."""
