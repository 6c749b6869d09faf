"""The document of a replay: identity of the range, whose reference it was, and digests that name what decides it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from unit.drift.drift_envelopes import SMALL, cut, shifting_items
from weir.cli.blas import THREADS_VARIABLE, require_one_thread
from weir.cli.replay_document import document
from weir.cli.replay_source import Source
from weir.detectors.settings import BankSettings
from weir.drift.core.replay.fold import Replay, ReplayLimits, begun, replayed
from weir.events import DriftSignalled
from weir.events.log import OffsetRange

RANGE = OffsetRange("text-features", 0, 10, 13)
ITEMS = shifting_items()


@cache
def folded(first: int = 0, repeated: int = 0, settings: BankSettings = SMALL) -> Replay:
    """A replay from an item on, that watches every call; the first items come once more at the end."""
    watched = {("demo", "docs-qa"): frozenset(item.request_id for item in ITEMS)}
    replay = begun(settings, ReplayLimits(2, 100, 512), watched)
    for envelope in cut([*ITEMS[first:], *ITEMS[first : first + repeated]], [16]):
        replay = replayed(replay, 0, envelope)
    return replay


def told(replay: Replay) -> list[DriftSignalled]:
    (stream,) = replay.streams.values()
    return [one.signal for one in stream.signalled]


def made_of(
    replay: Replay, read: dict[str, object], history: dict[tuple[str, str], list[DriftSignalled]]
) -> dict[str, Any]:
    """The document, as a reader of JSON sees it."""
    return document(replay, read, history, near_events=10)


def source(*bodies: bytes | None, at: OffsetRange = RANGE) -> dict[str, object]:
    read = Source("text-features", [at])
    for body in bodies:
        read.take(body)
    return read.plain()


def test_a_replay_that_begins_where_the_service_began_has_its_reference() -> None:
    replay = folded()
    made = made_of(replay, source(b"a"), {("demo", "docs-qa"): told(replay)})

    (service,) = made["service"]
    assert service["has_same_reference"]
    assert service["reference_digests"] == [made["streams"][0]["reference_digest"]]
    assert service["reference_versions"] == ["1"]
    assert made["service_signals_elsewhere"] == 0


def test_a_replay_that_begins_later_has_another_reference_and_says_so() -> None:
    made = made_of(folded(first=20), source(b"a"), {("demo", "docs-qa"): told(folded())})

    (service,) = made["service"]
    assert not service["has_same_reference"]
    assert service["reference_digests"] != [made["streams"][0]["reference_digest"]]
    assert made["service_signals_elsewhere"] == 1, "the first step of warming is about an event before the range"


def test_a_history_that_grows_changes_the_comparison_and_no_digest() -> None:
    replay = folded()
    before = made_of(replay, source(b"a"), {})
    after = made_of(replay, source(b"a"), {("demo", "docs-qa"): told(replay)})

    assert before["comparison"] != after["comparison"]
    assert (before["sha256"], before["output_sha256"]) == (after["sha256"], after["output_sha256"])


@pytest.mark.capability("X5", is_check=True, clause="earlier")
def test_another_setting_says_how_much_earlier_at_how_many_more_false_alarms_under_a_hash_of_its_own() -> None:
    history = {("demo", "docs-qa"): told(folded())}
    bolder = folded(settings=replace(SMALL, warn_arl_events=20.0, page_arl_events=40.0))
    did, would = (
        next(one for one in told(replay) if (one.state, one.level) == ("fired", "page"))
        for replay in (folded(), bolder)
    )
    change_us = ITEMS[0].event_time_us + 1

    once, again = (document(bolder, source(b"a"), history, 10, change_us) for _ in range(2))
    usual = document(folded(), source(b"a"), history, 10, change_us)

    [page] = [one for one in once["verdicts"] if one["level"] == "page"]  # type: ignore[attr-defined]  # a document is plain values
    earlier_us = did.event_time_us - would.event_time_us
    assert (page["found_earlier_us"], earlier_us > 0) == (earlier_us, True)
    assert f"would have fired {page['found_earlier_events']} events (" in page["in_words"]
    assert page["in_words"].endswith("earlier, 0 more false alarms")
    assert (once["sha256"], once["output_sha256"]) == (again["sha256"], again["output_sha256"])
    assert once["output_sha256"] != usual["output_sha256"]
    assert {one["found_earlier_events"] for one in usual["verdicts"]} == {0}  # type: ignore[attr-defined]  # a document is plain values


@pytest.mark.capability("X5", is_check=True, clause="more false alarms")
def test_an_alarm_of_another_setting_before_the_change_is_a_false_one_more() -> None:
    history = {("demo", "docs-qa"): told(folded())}
    bolder = folded(settings=replace(SMALL, warn_arl_events=20.0, page_arl_events=40.0))
    did, would = (
        next(one for one in told(replay) if (one.state, one.level) == ("fired", "page"))
        for replay in (folded(), bolder)
    )

    found = document(bolder, source(b"a"), history, 10, (would.event_time_us + did.event_time_us) // 2)

    [page] = [one for one in found["verdicts"] if one["level"] == "page"]  # type: ignore[attr-defined]  # a document is plain values
    assert page["in_words"] == "page: would not have found what was found, 1 more false alarm"


def test_events_that_come_again_are_counted_and_change_the_range_alone() -> None:
    once = made_of(folded(), source(b"a"), {})
    again = made_of(folded(repeated=30), source(b"a", b"b"), {})

    assert (once["repeated_events"], again["repeated_events"]) == (0, 30)
    assert once["output_sha256"] == again["output_sha256"]
    assert once["sha256"] != again["sha256"]


@pytest.mark.parametrize(
    "other",
    [
        source(b"ab", b""),
        source(b"a", b"c"),
        source(b"a"),
        source(b"b", b"a"),
        source(b"a", b"b", at=OffsetRange("text-features", 0, 9, 13)),
        source(b"a", b"b", at=OffsetRange("text-features", 1, 10, 13)),
    ],
)
def test_another_range_has_another_identity(other: dict[str, object]) -> None:
    assert source(b"a", b"b") != other


def test_what_was_refused_is_counted_by_reason() -> None:
    read = Source("text-features", [RANGE])
    for reason in ("undecodable", "handler_error", "undecodable"):
        read.refuse(reason)

    assert read.plain()["refused"] == {"handler_error": 1, "undecodable": 2}


@pytest.mark.parametrize(("start", "end", "messages"), [(3, 8, 5), (8, 8, 0), (9, 8, 0)])
def test_a_range_holds_no_message_beyond_its_end(start: int, end: int, messages: int) -> None:
    assert OffsetRange("text-features", 0, start, end - 1).count == messages


def test_a_replay_is_refused_where_the_order_of_sums_is_not_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "numpy" in sys.modules
    monkeypatch.setenv(THREADS_VARIABLE, "2")

    with pytest.raises(RuntimeError, match=f"numpy was imported before {THREADS_VARIABLE}=1"):
        require_one_thread()


COMPUTED = "from weir.drift.adapters.linear_algebra import computed_with; print(computed_with()"


def printed(expression: str, **variables: str) -> str:
    """What an expression prints in a process of its own, where numpy is not imported yet."""
    script = f"from weir.cli.blas import require_one_thread; {expression}"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_one_thread_is_asked_for_before_numpy_comes() -> None:
    assert printed(f"require_one_thread(); {COMPUTED}['blas_threads'])", **{THREADS_VARIABLE: "2"}) == "1"


def test_the_kernels_that_decide_the_last_bits_are_named() -> None:
    kernels = {printed(f"{COMPUTED}['blas_kernels'])", OPENBLAS_CORETYPE=core) for core in ("Prescott", "Nehalem")}

    assert len(kernels - {"unknown"}) == 2


@pytest.mark.slow
def test_without_numpy_a_replay_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['numpy'] = None; sys.argv[1:] = ['drift', 'replay', '--from', 'earliest', '--json'];"
        "from weir.cli.__main__ import main; main()"
    )
    environment = {**os.environ, THREADS_VARIABLE: "1", "WEIR_HOME": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["hint"] == "pip install 'weir[drift]'"
