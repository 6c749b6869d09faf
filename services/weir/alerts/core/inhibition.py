"""Inhibition: while one alert fires, others that follow from it are not notified.

As in Alertmanager: a silenced alert still inhibits, one that ended does not, and no alert inhibits one of its own rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from weir.alerts.core.rule import Inhibit, Rule
from weir.alerts.core.state import Alert, Phase


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """A firing alert and one entry of its rule's `inhibits`."""

    rule: str
    labels: Mapping[str, str]
    inhibit: Inhibit

    def mutes(self, alert: Alert) -> bool:
        """Whether another alert is not notified while this one fires."""
        if alert.rule == self.rule:
            return False
        is_target = all(alert.labels.get(name, "") in accepted for name, accepted in self.inhibit.target.items())
        return is_target and all(alert.labels.get(name, "") == self.labels.get(name, "") for name in self.inhibit.equal)


def inhibitors(alerts: Iterable[Alert], rules: Mapping[str, Rule]) -> list[Inhibitor]:
    """What inhibits now."""
    return [
        Inhibitor(alert.rule, alert.labels, inhibit)
        for alert in alerts
        if alert.phase is Phase.FIRING and alert.rule in rules
        for inhibit in rules[alert.rule].inhibits
    ]
