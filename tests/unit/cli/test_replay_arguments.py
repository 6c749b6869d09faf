"""What `weir drift replay` believes: points of the log, settings by name, and a clear refusal of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.cli.test_cli import weir
from weir.cli.moments import moment, span, written
from weir.cli.output import CliError, ExitCode
from weir.cli.replay_settings import SHORT_NAMES, ReplaySettings, base, changed
from weir.detectors.settings import BankSettings

BASE = ReplaySettings(BankSettings(), seen_events=4_096, streams_max=64, message_bytes_max=1_000)
NOON_MS = 1_779_969_600_000


@given(st.integers(0, 4_000_000_000))
def test_a_time_that_was_written_reads_back(seconds: int) -> None:
    assert moment(written(seconds * 1_000_000), "--from") == seconds * 1_000


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("earliest", "earliest"),
        ("latest", "latest"),
        ("2026-05-28T12:00", NOON_MS),
        ("2026-05-28T12:00:00.5Z", NOON_MS + 500),
        ("2026-05-28T14:00+02:00", NOON_MS),
    ],
)
def test_a_moment_is_a_word_or_a_time_in_utc(text: str, meant: object) -> None:
    assert moment(text, "--from") == meant


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1779969600000"])
def test_another_text_is_no_moment_and_the_option_is_named(text: str) -> None:
    with pytest.raises(CliError, match="--to is .*expected earliest, latest, ISO 8601") as raised:
        moment(text, "--to")

    assert raised.value.code is ExitCode.INVALID


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31T23:59:59Z"])
def test_a_time_before_1970_is_refused_as_such(text: str) -> None:
    with pytest.raises(CliError, match=f"--from is '{text}', before 1970"):
        moment(text, "--from")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-05-28T12:00", "2026-05-28T12:00"),
        ("2026-05-29", "2026-05-28"),
        ("latest", "latest"),
        ("earliest", "earliest"),
        ("2026-05-28", "earliest"),
    ],
)
def test_a_span_that_does_not_go_forward_is_refused(since: str, until: str) -> None:
    with pytest.raises(CliError, match=f"--from {since} is not before --to {until}") as raised:
        span(since, until)

    assert raised.value.code is ExitCode.INVALID


def test_a_span_may_be_open_at_both_ends() -> None:
    assert span("earliest", "latest") == ("earliest", "latest")
    assert span("earliest", "2026-05-28T12:00") == ("earliest", NOON_MS)


def test_settings_are_set_by_short_and_by_whole_name() -> None:
    asked = ["arl=1000", "page_arl_events=2e4", "reference=1500", "clear_after=50", "seen=9", "seed=7"]

    found = changed(BASE, asked)

    expected = BankSettings(
        warn_arl_events=1_000.0, page_arl_events=20_000.0, reference_events=1_500, clear_after_events=50, seed=7
    )
    assert (found.bank, found.seen_events) == (expected, 9)


def test_nothing_set_changes_nothing() -> None:
    assert changed(BASE, []) == BASE


def test_every_short_name_stands_for_a_setting() -> None:
    kept = {name: getattr(BASE.bank, name, BASE.seen_events) for name in SHORT_NAMES.values()}

    assert changed(BASE, [f"{short}={kept[name]:g}" for short, name in SHORT_NAMES.items()]) == BASE


@pytest.mark.parametrize(
    ("text", "code", "complaint"),
    [
        ("alr=5", ExitCode.USAGE, "no setting is named 'alr'"),
        ("arl", ExitCode.USAGE, "has no '='"),
        ("arl=often", ExitCode.INVALID, "arl='often'; expected a number"),
        ("arl=nan", ExitCode.INVALID, "arl='nan'; expected a finite number"),
        ("arl=inf", ExitCode.INVALID, "arl='inf'; expected a finite number"),
        ("reference=1500.5", ExitCode.INVALID, "reference='1500.5'; expected a whole number"),
        ("reference=500", ExitCode.INVALID, "expected this order"),
        ("arl=90000", ExitCode.INVALID, "the page at 1.66667 times the warning"),
        ("seen=0", ExitCode.INVALID, "seen=0; expected 1 to 1,000,000"),
        ("turn_probability=2", ExitCode.INVALID, "turn_probability is 2.0"),
    ],
)
def test_a_setting_that_cannot_be_names_its_fault(text: str, code: ExitCode, complaint: str) -> None:
    with pytest.raises(CliError, match=complaint) as raised:
        changed(BASE, [text])

    assert raised.value.code is code


def test_an_unknown_key_comes_with_the_known_ones() -> None:
    with pytest.raises(CliError) as raised:
        changed(BASE, ["alr=5"])

    assert "arl" in raised.value.hint
    assert "warn_arl_events" in raised.value.hint


def test_the_base_is_what_the_drift_service_would_start_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    monkeypatch.setenv("WEIR_DRIFT_REFERENCE_EVENTS", "1234")

    found = base()

    assert (found.bank.reference_events, found.bank.warn_arl_events, found.seen_events) == (1_234, 5_000.0, 4_096)


@pytest.mark.parametrize(("name", "value"), [("WEIR_DRIFT_WARN_ARL_EVENTS", "x"), ("WEIR_DRIFT_REFERENCE_EVENTS", "9")])
def test_a_setting_that_the_service_refuses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    monkeypatch.setenv(name, value)

    with pytest.raises(CliError, match="the drift service could not start") as raised:
        base()

    assert raised.value.code is ExitCode.INVALID


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--from", "earliest", "--near", "-1"], 2),
        (["--from", "earliest", "--set", "alr=5"], 2),
        (["--from", "earliest", "--set", "arl=often"], 6),
        (["--from", "yesterday"], 6),
        (["--from", "earliest", "--to", "tomorrow"], 6),
        (["--from", "earliest"], 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
@pytest.mark.slow
def test_exit_codes_are_the_documented_ones(tmp_path: Path, arguments: list[str], code: int) -> None:
    ran = weir(tmp_path, "drift", "replay", *arguments, "--json")

    assert ran.returncode == code, ran.stderr
    if code != 2 or "--set" in arguments:
        assert json.loads(ran.stdout)["error"]["code"] == code
