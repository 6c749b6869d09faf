"""Laws of a replay: what the service signalled comes out again, whatever repeats and however the log was cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.drift.drift_envelopes import SMALL, Log, cut, enveloped, run_life, shifting_items
from weir.detectors.settings import BankSettings
from weir.drift.core.replay.document import output_digest, replay_digest, settings_of, signal_of, streams_of
from weir.drift.core.replay.fold import Replay, ReplayLimits, TooMuchToReplay, begun, replayed
from weir.events import InvalidEvent, TextFeaturesComputed

pytestmark = pytest.mark.capability("O6")

LIMITS = ReplayLimits(streams_max=2, signals_max=100, seen_events=512)
ITEMS = shifting_items()


def folded(
    envelopes: Sequence[TextFeaturesComputed], bank: BankSettings = SMALL, limits: ReplayLimits = LIMITS
) -> Replay:
    replay = begun(bank, limits)
    for envelope in envelopes:
        replay = replayed(replay, 0, envelope)
    return replay


def key() -> tuple[str, str, int]:
    return (enveloped(ITEMS[:1]).tenant, "docs-qa", 0)


@cache
def whole() -> Replay:
    return folded(cut(ITEMS, [16]))


@pytest.mark.slow
async def test_a_replay_of_everything_tells_what_the_service_told_under_the_same_ids(tmp_path: Path) -> None:
    log = Log()

    assert await run_life(tmp_path, log, cut(ITEMS, [16]))

    told = whole().streams[key()].signalled
    assert [signal_of(one) for one in told] == [
        signal_of(replace(mine, signal=signal)) for mine, signal in zip(told, log.signals, strict=True)
    ]
    assert {"monitoring", "fired"} <= {one.signal.state for one in told}


@pytest.mark.slow
def test_events_that_come_again_change_nothing_but_their_count() -> None:
    twice = folded([*cut(ITEMS, [16]), *cut(ITEMS, [7])])

    assert streams_of(twice) == streams_of(whole())
    assert output_digest(twice) == output_digest(whole())
    assert (whole().streams[key()].repeated, twice.streams[key()].repeated) == (0, len(ITEMS))


@settings(max_examples=5)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5))
@pytest.mark.slow
def test_the_cut_into_envelopes_changes_no_bit(sizes: list[int]) -> None:
    assert output_digest(folded(cut(ITEMS, sizes))) == output_digest(whole())


@pytest.mark.slow
def test_the_digest_of_a_replay_names_its_range_its_settings_and_its_output() -> None:
    again, source = folded(cut(ITEMS, [16])), {"sha256": "a"}
    bolder = folded(cut(ITEMS, [16]), replace(SMALL, warn_arl_events=100.0))

    assert replay_digest(again, source) == replay_digest(whole(), source)
    assert replay_digest(again, {"sha256": "b"}) != replay_digest(whole(), source)
    assert settings_of(bolder) != settings_of(whole())
    assert streams_of(bolder)[0]["config_digest"] != streams_of(whole())[0]["config_digest"]
    assert replay_digest(bolder, source) != replay_digest(whole(), source)


def test_a_stream_says_when_it_warmed_and_what_fired_at_which_event() -> None:
    items = shifting_items(quiet=40, shifted=30, tail=0)
    (stream,) = streams_of(folded(cut(items, [16])))
    signals = stream["signals"]

    assert isinstance(signals, list)
    assert (stream["events"], stream["warmed_at_event"], stream["reference_events"]) == (130, 60, 60)
    pages = [one for one in signals if (one["state"], one["level"]) == ("fired", "page")]
    assert any(100 < one["at_event"] <= 130 for one in pages), "events 101 to 130 are the shifted ones"
    assert all(one["statistic"] > one["threshold"] and one["part"] for one in pages)


def test_a_replay_that_begins_later_warms_on_its_own_first_events() -> None:
    (first,), (later,) = streams_of(whole()), streams_of(folded(cut(ITEMS[20:], [16])))

    assert later["warmed_at_event"] == 60
    assert later["reference_digest"] != first["reference_digest"]


def test_places_of_watched_calls_are_counted_from_one() -> None:
    watched = {key()[:2]: frozenset({ITEMS[0].request_id, ITEMS[20].request_id, "elsewhere"})}
    replay = begun(SMALL, LIMITS, watched)
    for envelope in cut(ITEMS[:30], [16]):
        replay = replayed(replay, 0, envelope)

    assert replay.streams[key()].places == {ITEMS[0].request_id: 1, ITEMS[20].request_id: 21}


def test_each_tenant_route_and_partition_is_a_stream_of_its_own() -> None:
    replay = begun(SMALL, replace(LIMITS, streams_max=3))
    replay = replayed(replay, 0, enveloped(ITEMS[:3]))
    replay = replayed(replay, 1, enveloped(ITEMS[3:5]))
    replay = replayed(replay, 0, enveloped(ITEMS[:4], route="other"))

    assert [(one["route"], one["partition"], one["events"]) for one in streams_of(replay)] == [
        ("docs-qa", 0, 3), ("docs-qa", 1, 2), ("other", 0, 4),
    ]  # fmt: skip


def test_an_envelope_without_watched_calls_begins_no_stream() -> None:
    refused = replace(ITEMS[0], outcome="refused")

    assert folded([enveloped([refused])]).streams == {}


def test_more_streams_than_allowed_are_no_silent_loss() -> None:
    envelopes = [enveloped(ITEMS[:1], route=name) for name in ("a", "b", "c")]

    with pytest.raises(TooMuchToReplay, match="more than 2 streams"):
        folded(envelopes)


def test_more_signals_than_allowed_are_no_silent_loss() -> None:
    with pytest.raises(TooMuchToReplay, match="more than 1 signals"):
        folded(cut(ITEMS, [16]), limits=replace(LIMITS, signals_max=1))


def test_an_envelope_that_the_service_refuses_leaves_the_replay_as_it_was() -> None:
    replay = folded([enveloped(ITEMS[:5])])
    before = output_digest(replay)

    bad = replace(ITEMS[6], prompt=replace(ITEMS[6].prompt, words=-1))

    with pytest.raises(InvalidEvent, match="-1 words"):
        replayed(replay, 0, enveloped([bad]))

    assert output_digest(replay) == before
