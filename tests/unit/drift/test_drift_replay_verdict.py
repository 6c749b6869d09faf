"""Laws of the verdict: alarms before the change are false, the other way round everything changes its sign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.drift.test_drift_replay_comparison import HISTORY, NEAR_EVENTS, told
from weir.drift.core.replay.comparison import compared
from weir.drift.core.replay.fold import Signalled
from weir.drift.core.replay.verdict import Judged, in_words, judged

MINUTE_US = 60_000_000
CHANGE_US = 100 * MINUTE_US


def dated(history: list[Signalled]) -> list[Signalled]:
    """The same history, a minute an event."""
    return [
        told(one.at_event, state=one.signal.state, level=one.signal.level, event_time_us=one.at_event * MINUTE_US)
        for one in history
    ]


def pages(places: list[int]) -> list[Signalled]:
    """A page at each place, a minute an event."""
    return [told(at, state="fired", level="page", event_time_us=at * MINUTE_US) for at in places]


DATED = HISTORY.map(dated)


@given(DATED, DATED)
@pytest.mark.slow
def test_the_other_way_round_earlier_is_later_and_more_is_fewer(would: list[Signalled], did: list[Signalled]) -> None:
    one_way = judged(compared(would, did, NEAR_EVENTS), CHANGE_US)
    other_way = judged(compared(did, would, NEAR_EVENTS), CHANGE_US)

    for one, other in zip(one_way, other_way, strict=True):
        assert (one.level, one.more_false) == (other.level, -other.more_false)
        assert one.found_earlier_events == (None if other.found_earlier_events is None else -other.found_earlier_events)
        assert (one.would_have_found, one.did_find) == (other.did_find, other.would_have_found)


@given(DATED)
def test_a_history_is_neither_earlier_nor_more_false_than_itself(history: list[Signalled]) -> None:
    for one in judged(compared(history, history, NEAR_EVENTS), CHANGE_US):
        assert one.found_earlier_events in (0, None)
        assert one.more_false == 0


@given(DATED, DATED, st.integers(0, 200))
def test_every_alarm_is_false_or_not_before_the_change(
    would: list[Signalled], did: list[Signalled], change: int
) -> None:
    pages = [one for one in would if (one.signal.state, one.signal.level) == ("fired", "page")]
    found = judged(compared(would, did, NEAR_EVENTS), change * MINUTE_US)

    false = sum(one.false_would_have for one in found if one.level == "page")
    assert false == sum(one.at_event < change for one in pages)


@pytest.mark.parametrize(
    ("would", "did", "sentence"),
    [
        ([20, 60, 110], [151], "page: would have fired 41 events (41.0 minutes) earlier, 2 more false alarms"),
        ([110], [50, 108], "page: would have fired 2 events (2.0 minutes) later, 1 fewer false alarm"),
        ([110], [110], "page: would have fired at the same event, 0 more false alarms"),
        ([110], [], "page: would have found what was not found, 0 more false alarms"),
        ([], [110], "page: would not have found what was found, 0 more false alarms"),
        ([20], [], "page: neither found the change, 1 more false alarm"),
    ],
)
def test_the_sentence(would: list[int], did: list[int], sentence: str) -> None:
    [one] = judged(compared(pages(would), pages(did), NEAR_EVENTS), CHANGE_US)

    assert in_words(one) == sentence


@pytest.mark.parametrize(
    ("us", "words"),
    [(90 * MINUTE_US, "90.0 minutes"), (3 * 1_440 * MINUTE_US, "3.0 days"), (500_000, "0.5 seconds")],
)
def test_times_read_as_people_say_them(us: int, words: str) -> None:
    assert words in in_words(Judged("page", 1, us, True, True, 0, 0))
