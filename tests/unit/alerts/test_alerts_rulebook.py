"""The rulebook: a fold over the registry's log that no reading of it, in any order and twice, moves back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from harness.kafka.registry_log import numbered, rereadings
from harness.samples.builders import NOON_US, envelope
from weir.alerts.app.rulebook import Rulebook
from weir.events import RegistryChanged

SPEC: dict[str, Any] = {
    "source": "ops-signals", "match": {"name": ["audit_missing"]}, "severity": "page", "group_by": ["name"],
    "annotations": {"summary": "{value}"}, "receivers": ["demo"],
}  # fmt: skip


def change(name: str, version: str, spec: dict[str, Any]) -> RegistryChanged:
    return RegistryChanged(
        **envelope("registry"), revision=1, change="alias_moved", kind="rule", name=name, version=version,
        digest=f"sha256:{version}", alias="prod", body_json=json.dumps(spec), author="me",
    )  # fmt: skip


LOG = numbered(
    [
        change(name, version, SPEC if version != "3" else {"source": "nowhere"})
        for version in ("1", "2", "3", "1")
        for name in ("lost", "late")
    ],
    NOON_US,
)


def rules(events: list[RegistryChanged]) -> dict[str, str]:
    rulebook = Rulebook("prod")
    for event in events:
        rulebook.apply(event)
    return {name: rule.digest for name, rule in rulebook.rules.items()}


@given(reading=rereadings(LOG))
def test_the_log_read_in_any_order_and_twice_leaves_the_same_rules(reading: list[RegistryChanged]) -> None:
    assert rules(reading) == rules(LOG) == {"lost": "sha256:1", "late": "sha256:1"}


@pytest.mark.parametrize("end", range(1, len(LOG)))
def test_a_log_that_is_read_again_from_its_beginning_changes_no_rule_on_the_way(end: int) -> None:
    rulebook = Rulebook("prod")
    for event in LOG[:end]:
        rulebook.apply(event)
    before = dict(rulebook.rules)

    for event in LOG[:end]:
        rulebook.apply(event)
        assert rulebook.rules == before
