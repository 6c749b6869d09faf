"""Governance: the chain holds, and any later change of a record breaks it at its place."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.events import GovernanceRecorded
from weir.registry.core.governance import GENESIS, first_broken, seal

TEXT = st.text(max_size=8)


def record(number: int, reason: str = "") -> GovernanceRecorded:
    return GovernanceRecorded(
        event_id=f"id-{number}",
        source="registry/1",
        boot_epoch=1,
        seq=number,
        tenant="",
        trace_id="",
        span_id="",
        parent_span_id="",
        event_time_us=number,
        actor="me",
        action="asset.apply",
        kind="prompt",
        name="p",
        digest="",
        decision="executed",
        reason=reason,
        previous_hash="",
        record_hash="",
    )


def chained(reasons: list[str]) -> list[GovernanceRecorded]:
    chain: list[GovernanceRecorded] = []
    for number, reason in enumerate(reasons):
        chain.append(seal(record(number, reason), chain[-1].record_hash if chain else GENESIS))
    return chain


@given(st.lists(TEXT, max_size=6))
def test_a_chain_as_written_is_unbroken(reasons: list[str]) -> None:
    assert first_broken(chained(reasons)) is None


@pytest.mark.capability("G2")
@pytest.mark.parametrize("field", [field.name for field in fields(GovernanceRecorded)])
def test_a_change_of_any_field_is_found_where_it_is(field: str) -> None:
    chain = chained(["a", "b", "c"])
    old = getattr(chain[1], field)
    change: dict[str, Any] = {field: old + 1 if isinstance(old, int) else old + "0"}
    chain[1] = replace(chain[1], **change)

    assert first_broken(chain) == 1


@pytest.mark.capability("G2")
def test_a_removed_moved_or_inserted_record_is_found() -> None:
    chain = chained(["a", "b", "c", "d"])

    assert first_broken([chain[0], *chain[2:]]) == 1
    assert first_broken([chain[0], chain[2], chain[1], chain[3]]) == 1
    assert first_broken([chain[0], chain[1], seal(record(9), chain[1].record_hash), *chain[2:]]) == 3
