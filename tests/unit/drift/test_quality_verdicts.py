"""Verdicts: grouped by the scoring of the set, held back, bounded."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.scores.verdicts import VERDICTS_MAX, AnchorRecord, Verdicts, learnt, recorded


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 3)), max_size=80), st.integers(0, 9))
def test_what_waits_and_what_joined_is_all_that_was_said_up_to_the_bound(
    said: list[tuple[str, bool, int]], lag: int
) -> None:
    verdicts = Verdicts()
    for anchor_id, failed, at_us in said:
        verdicts = learnt(verdicts, anchor_id, failed=failed, at_us=at_us, lag=lag)

    joined = said[: max(len(said) - lag, 0)]
    assert verdicts.waiting == tuple(said[len(joined) :])
    for anchor_id in "abc":
        of_anchor = [failed for name, failed, _ in joined if name == anchor_id][:VERDICTS_MAX]
        fails, count = (sum(part) for part in zip((0, 0), *verdicts.of(anchor_id), strict=True))
        assert (fails, count) == (sum(of_anchor), len(of_anchor))


def test_verdicts_of_one_time_are_one_group() -> None:
    records: dict[str, AnchorRecord] = {}
    for failed, at_us in ((True, 5), (False, 5), (False, 6), (True, 7), (True, 7)):
        records = dict(recorded(records, "a", failed, at_us))

    assert records == {"a": AnchorRecord(7, ((1, 2), (0, 1), (2, 2)))}


def test_what_waits_can_be_forgotten() -> None:
    verdicts = learnt(Verdicts(), "a", failed=True, at_us=1, lag=5)

    assert replace(verdicts, waiting=()) == Verdicts()
    assert verdicts.of("a") == ()
