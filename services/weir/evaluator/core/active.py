"""Which evaluators are active: those at alias `prod`, as the registry's changes say one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weir.assets.references import PROD
from weir.assets.shapes import InvalidAsset
from weir.evaluator.core.definition import Evaluator, evaluator_of
from weir.events import FIRST, ChangeOrder, RegistryChanged, change_order

KIND = "evaluator"


@dataclass(frozen=True, slots=True)
class ActiveEvaluators:
    """The evaluators in use, by name, and why others are not."""

    by_name: Mapping[str, Evaluator] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Name -> what is wrong with the definition at `prod`; such an evaluator scores nothing."""
    orders: Mapping[str, ChangeOrder] = field(default_factory=dict)
    """The change that each name's entry comes from."""


def apply_change(active: ActiveEvaluators, event: RegistryChanged) -> ActiveEvaluators:
    """The evaluators after a change in the registry; the same object when it is about something else or an older one.

    A definition that cannot be used replaces the one before it: to go on scoring under an alias that has moved would
    put the wrong digest on a score. Applied in any order and twice, the same changes leave the same evaluators.
    """
    if event.kind != KIND or event.alias != PROD:
        return active
    if change_order(event) < active.orders.get(event.name, FIRST):
        return active
    orders = {**active.orders, event.name: change_order(event)}
    try:
        evaluator = evaluator_of(event.name, event.version, event.digest, event.body_json)
    except InvalidAsset as error:
        return ActiveEvaluators(
            by_name={name: one for name, one in active.by_name.items() if name != event.name},
            unusable={**active.unusable, event.name: f"{event.name}@{event.version}: {error}"},
            orders=orders,
        )
    return replace(
        active,
        by_name={**active.by_name, event.name: evaluator},
        unusable={name: why for name, why in active.unusable.items() if name != event.name},
        orders=orders,
    )
