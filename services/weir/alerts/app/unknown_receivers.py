"""Receivers that a rule names and the receivers file does not have: nobody would hear of its alerts through them.

The registry takes such a rule, because it does not know the receivers; the service stays ready, because the rule's alerts
are kept and shown all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weir.alerts.adapters.metrics import UNKNOWN_RECEIVERS
from weir.alerts.core.rule import Rule
from weir.runtime.telemetry.logs import logger


class UnknownReceivers:
    """Says which they are, in the log and as a metric, whenever the rules change."""

    def __init__(self, known: Collection[str]) -> None:
        """known: names in the receivers file."""
        self._known = known
        self._named: frozenset[tuple[str, str]] = frozenset()

    def look(self, rules: Mapping[str, Rule]) -> None:
        """Name what is unknown under the rules in force; what was named before is not logged again."""
        found = frozenset((rule.name, one) for rule in rules.values() for one in rule.unknown_receivers(self._known))
        for name, receiver in self._named - found:
            UNKNOWN_RECEIVERS.remove(name, receiver)
        for name, receiver in sorted(found - self._named):
            UNKNOWN_RECEIVERS.labels(name, receiver).set(1)
            logger().warning("receiver_unknown", rule=name, receiver=receiver, known=sorted(self._known))
        self._named = found
