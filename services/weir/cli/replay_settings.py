"""Settings of a replay: those of the drift service, changed by `--set key=value`.

Base, the later of these winning: the service's defaults, what the running embedded stack gives its drift service,
WEIR_DRIFT_* of this process.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from weir.cli.definitions import parsed_values
from weir.cli.output import CliError, ExitCode
from weir.detectors.settings import BankSettings

SHORT_NAMES = {
    "arl": "warn_arl_events",
    "page_arl": "page_arl_events",
    "reference": "reference_events",
    "min_reference": "min_reference_events",
    "max_reference": "max_reference_events",
    "clear_after": "clear_after_events",
    "seen": "seen_events",
}
"""Keys of `--set` besides the names of the settings themselves."""

SEEN_EVENTS_MAX = 1_000_000
"""Most events remembered against double counting. Chosen: about 100 MB a stream."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """`bank`: of every reference begun. The others as in `weir.drift.settings`."""

    bank: BankSettings
    seen_events: int
    streams_max: int
    message_bytes_max: int


def base() -> ReplaySettings:
    """What a replay starts from. Raises CliError(INVALID) for a setting that the service would not start with."""
    from pydantic import ValidationError

    from weir.drift.settings import DriftSettings
    from weir.runtime.errors import BadSetting

    variables = {**_of_the_stack(), **os.environ}
    ours: dict[str, Any] = {name: value for name, value in variables.items() if name.startswith("WEIR_DRIFT_")}
    try:
        service = DriftSettings(**ours)
        return ReplaySettings(service.bank(), service.seen_events, service.streams_max, service.message_bytes_max)
    except (ValidationError, BadSetting) as error:
        raise CliError(ExitCode.INVALID, f"the drift service could not start: {error}", "mend WEIR_DRIFT_*") from error


def changed(settings: ReplaySettings, changes: Sequence[str]) -> ReplaySettings:
    """`settings` with `key=value` texts applied, the later of two for one key winning.

    Raises CliError: USAGE for an unknown key or a text without `=`, INVALID for a value that cannot be.
    """
    current = {one.name: getattr(settings.bank, one.name) for one in fields(settings.bank)}
    kinds = {name: type(value) for name, value in current.items() if type(value) in (int, float)}
    kinds["seen_events"] = int
    found: dict[str, Any] = {}
    for key, text in parsed_values(changes).items():
        name = SHORT_NAMES.get(key, key)
        if name not in kinds:
            known = ", ".join(sorted({*SHORT_NAMES, *kinds}))
            raise CliError(ExitCode.USAGE, f"--set {key}: no setting is named {key!r}", f"one of {known}")
        found[name] = _number(key, text, kinds[name])
    seen_events = found.pop("seen_events", settings.seen_events)
    if not 1 <= seen_events <= SEEN_EVENTS_MAX:
        raise CliError(ExitCode.INVALID, f"--set seen={seen_events}; expected 1 to {SEEN_EVENTS_MAX:,}")
    try:
        return replace(settings, bank=replace(settings.bank, **found), seen_events=seen_events)
    except ValueError as error:
        raise CliError(ExitCode.INVALID, f"--set {' '.join(changes)}: {error}", "set the others to fit") from error


def _number(key: str, text: str, kind: type) -> float:
    try:
        number: float = int(text) if kind is int else float(text)
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise CliError(ExitCode.INVALID, f"--set {key}={text!r}; expected {wanted}") from error
    if not math.isfinite(number):
        raise CliError(ExitCode.INVALID, f"--set {key}={text!r}; expected a finite number")
    return number


def _of_the_stack() -> dict[str, str]:
    from weir.cli.stack import StackError, open_stack

    try:
        table = open_stack().table()
    except StackError:
        return {}
    return next((dict(process.environment) for process in table if process.name == "drift"), {})
