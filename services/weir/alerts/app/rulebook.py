"""Rulebook: the rules in force, kept by following the registry's changes.

A rule is in force while the alias in question points to it; of two changes the newer one counts, in whatever order they
are read (`weir.events.change_order`), so that reading the log again resolves nothing. A rule that cannot run is named in
the log and counted, and is not in force; its alerts stay as they are until it can run, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from weir.alerts.adapters.metrics import INVALID_RULES, RULES
from weir.alerts.core.rule import InvalidRule, Rule, rule_from
from weir.events import FIRST, ChangeOrder, Event, RegistryChanged, change_order
from weir.runtime.telemetry.logs import logger


class Rulebook:
    """The rules by name. revision counts the changes, so that a reader notices one."""

    def __init__(self, alias: str) -> None:
        """alias: under which rules are in force, for example prod."""
        self._alias = alias
        self._rules: dict[str, Rule] = {}
        self._broken: set[str] = set()
        self._orders: dict[str, ChangeOrder] = {}
        self.revision = 0

    @property
    def alias(self) -> str:
        """Under which rules are in force."""
        return self._alias

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules in force."""
        return self._rules

    @property
    def broken(self) -> Set[str]:
        """Names of rules whose version in question cannot run: nobody can say what holds under them."""
        return self._broken

    def watching(self, topic: str) -> Sequence[Rule]:
        """The rules over a topic, by name."""
        return [self._rules[name] for name in sorted(self._rules) if self._rules[name].source == topic]

    def apply(self, event: Event) -> None:
        """Take a change of the registry into account; one that was seen, or that a newer one replaced, changes nothing."""
        if not isinstance(event, RegistryChanged) or (event.kind, event.alias) != ("rule", self._alias):
            return
        if change_order(event) < self._orders.get(event.name, FIRST):
            return
        self._orders[event.name] = change_order(event)
        current = self._rules.get(event.name)
        if current is not None and current.digest == event.digest:
            return
        self._rules.pop(event.name, None)
        self._broken.discard(event.name)
        try:
            self._rules[event.name] = rule_from(event.name, event.digest, event.body_json)
        except InvalidRule as error:
            self._broken.add(event.name)
            INVALID_RULES.labels(event.name).inc()
            logger().warning("rule_invalid", rule=event.name, version=event.version, error=str(error))
        self.revision += 1
        RULES.set(len(self._rules))
