"""A condition over calls: what is measured of them, over which time, in which groups, and how many calls it takes.

The alerts service evaluates it over windows of event time. A group with fewer calls than `calls_min` is unknown: it neither
begins nor ends an alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from weir.assets.checks import Finding, list_of, number, one_of
from weir.assets.comparison import OPERATORS

SOURCE = "inference-responses"
"""The topic of ended calls."""

BY = ("tenant", "route", "model", "release_digest")
"""Fields of a call that may tell one group from another; each is a label of the group's alert."""

MATCHED = (*BY, "protocol", "operation", "outcome", "error_type", "finish_reason", "status_code")
"""Fields of a call that a rule may select by: those with few values."""

OF_OUTCOME = ("outcome", "error_type", "finish_reason", "status_code")
"""Fields that say how a call ended. A share of calls that ended badly cannot be taken of calls selected by them."""

QUANTILES = tuple(f"{what}_{quantile}_ms" for what in ("latency", "first_token") for quantile in ("p50", "p95", "p99"))
SHARES = ("error_rate", "refusal_rate")
BURN = "burn_rate"
CALLS = "calls_per_min"
TOKENS = ("input_tokens_per_min", "output_tokens_per_min", "total_tokens_per_min")
MEASURES = (*QUANTILES, *SHARES, BURN, CALLS, *TOKENS)
"""What may be measured. Times in milliseconds, shares from 0 to 1, the rest a minute."""

PANES = 10
"""Parts of a window. An evaluation takes place at the end of each part; so a change shows a tenth of the window late at most."""

WINDOW_S_MIN, WINDOW_S_MAX = 10.0, 3 * 86_400.0
"""Shortest and longest window, seconds: a part is a second at least, and three days is the longest window of the burn rates in
Google's SRE Workbook (chapter 5)."""

SHORT_SHARE_MAX = 12
"""How many short windows a long one may hold: the SRE Workbook takes a twelfth. With it a group has 120 parts at most."""

CALLS_MAX = 1_000_000
"""Largest `calls_min`; more calls in one window would be no condition for a person."""

VALUE_MAX = 1e12
"""Largest value that is compared with: milliseconds of 30 years, or tokens a minute of any cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCondition:
    """A comparison over the calls of a window of event time, for each group.

    measure: one of MEASURES. window_s: the window, seconds. calls_min: calls that tell what is measured, which there must be
    before it says anything. by: the fields that make the groups. objective: of a burn rate, the share of calls that must end
    well; short_window_s: of a burn rate, a second window in which the condition must hold too, seconds.
    """

    measure: Annotated[str, one_of(*MEASURES)]
    op: Annotated[str, one_of(*OPERATORS)]
    value: Annotated[float, number(0, VALUE_MAX)]
    window_s: Annotated[float, number(WINDOW_S_MIN, WINDOW_S_MAX)]
    calls_min: Annotated[int, number(0, CALLS_MAX, whole=True)]
    by: Annotated[tuple[str, ...], list_of(one_of(*BY))]
    objective: Annotated[float, number(0.5, 0.99999)] | None = None
    short_window_s: Annotated[float, number(WINDOW_S_MIN, WINDOW_S_MAX)] | None = None

    def findings(self, match: Mapping[str, object]) -> Iterator[Finding]:
        """What of it could not run, or would say something else than it seems to. match: of its rule."""
        for field in match:
            if field not in MATCHED:
                yield "spec.match", f"names the field {field!r}; a rule over calls selects by: {', '.join(MATCHED)}"
            elif field in OF_OUTCOME and self.measure in (*SHARES, BURN):
                yield "spec.match", f"names {field!r}, which {self.measure} itself measures; select by another field"
        if len(set(self.by)) < len(self.by):
            yield "spec.calls.by", "names a field twice"
        if self.measure == "refusal_rate" and {"model", "release_digest"} & {*self.by, *match}:
            yield "spec.calls.measure", "is 'refusal_rate', but a refused call has no model and no release; take route"
        if self.calls_min == 0 and self.measure != CALLS:
            yield "spec.calls.calls_min", f"is 0; only {CALLS} has a value where there are no calls, expected 1 or more"
        if self.measure in SHARES and self.value > 1:
            yield "spec.calls.value", f"is {self.value:g}, but {self.measure} is a share from 0 to 1"
        yield from self._burn_findings()

    def _burn_findings(self) -> Iterator[Finding]:
        for key, value in (("objective", self.objective), ("short_window_s", self.short_window_s)):
            if (self.measure == BURN) != (value is not None):
                yield (
                    f"spec.calls.{key}",
                    f"goes with measure {BURN!r}, and {BURN!r} needs it; measure is {self.measure!r}",
                )
        if self.measure == BURN and not self.op.startswith(">"):
            yield "spec.calls.op", f"is {self.op!r}; a burn rate is compared with > or >="
        short_s = self.short_window_s
        if short_s is not None and not short_s < self.window_s <= SHORT_SHARE_MAX * short_s:
            yield (
                "spec.calls.short_window_s",
                f"is {short_s:g}; expected less than window_s, and a {SHORT_SHARE_MAX}th of it at least",
            )

    def holds(self, value: float) -> bool:
        """Whether a value is an alert."""
        return OPERATORS[self.op](value, self.value)

    @property
    def is_low(self) -> bool:
        """Whether low values are an alert."""
        return self.op.startswith("<")

    @property
    def needs_whole_window(self) -> bool:
        """Whether it says something only once a group was watched for a whole window: a count of a part of it is always low."""
        return self.is_low and self.measure in (CALLS, *TOKENS)

    @property
    def window_us(self) -> int:
        """The window, microseconds."""
        return round(self.window_s * 1_000_000)

    @property
    def pane_us(self) -> int:
        """Length of a part of the shorter window, microseconds."""
        return round((self.short_window_s or self.window_s) * 1_000_000 / PANES)
