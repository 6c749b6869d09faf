"""Laws of derived ids and digests: the same cause gives the same name, another cause another one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, REFERENCE, REQUEST_ID
from weir.events import Reference, derived_id, digest_of, named_id, release_digest


@given(time_us=st.integers(0, 2**47 * 1_000), name=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_named_id_is_a_uuid_of_version_7_with_its_time(time_us: int, name: str) -> None:
    made = uuid.UUID(named_id(time_us, name))

    assert made.version == 7
    assert made.int >> 80 == time_us // 1_000


def test_derived_ids_depend_on_cause_and_role_alone() -> None:
    assert derived_id(REQUEST_ID, "completed") == derived_id(REQUEST_ID, "completed")
    assert derived_id(REQUEST_ID, "completed") != derived_id(REQUEST_ID, "spans")


def test_derived_ids_sort_beside_their_cause() -> None:
    earlier, later = named_id(NOON_US, "a"), named_id(NOON_US + 1_000_000, "a")

    assert derived_id(earlier, "x") < derived_id(later, "x")


def test_a_cause_that_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError, match="no lower-case UUID"):
        derived_id("request-1", "completed")


@pytest.mark.capability("D1")
def test_a_release_changes_with_any_of_its_parts_and_not_with_their_order() -> None:
    other = Reference(kind="prompt", name="p", version="1", digest="sha256:" + "0" * 64)
    changed = Reference(kind="prompt", name="p", version="1", digest="sha256:" + "1" * 64)

    assert release_digest([REFERENCE, other]) == release_digest([other, REFERENCE])
    assert release_digest([REFERENCE, other]) != release_digest([REFERENCE, changed])
    assert release_digest([]) == ""


def test_a_digest_ignores_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_nan_has_no_digest() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        digest_of(float("nan"))
