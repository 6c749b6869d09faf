"""`weir audit gaps`: the books of store, spool and gateway in one, a window of them, and the exit code that a script reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import completed
from weir.capture.accounting import Ledger
from weir.capture.spool import SpoolWriter
from weir.capture.spool_page import routes
from weir.capture.spool_reader import SpoolReader
from weir.cli.commands_store import audit_gaps
from weir.cli.moments import microseconds
from weir.cli.output import CliError, ExitCode
from weir.cli.spool_audit import with_spool
from weir.events.log import ProducerEpoch
from weir.lineage.read.api import routes as lineage_routes
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.store import Store
from weir.otlp.adapters.metrics import BOOT_EPOCH, NUMBERS
from weir.runtime.clock import now_us

pytestmark = pytest.mark.capability("X1")

Put = Callable[..., None]
HOUR_US = 3_600_000_000


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The drain's real page over an empty spool; no gateway answers, and there is no OTLP receiver."""
    books: Ledger = {}
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    with pages(routes(SpoolReader(tmp_path / "spool"), lambda: books)) as url:
        monkeypatch.setenv("WEIR_GATEWAY_DRAIN_URL", url)
        monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
        monkeypatch.setenv("WEIR_GATEWAY_URL", "http://127.0.0.1:9")
        yield


def audited(capsys: pytest.CaptureFixture[str], **window: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document."""
    code = 0
    try:
        audit_gaps(**window, json=True)
    except typer.Exit as ended:
        code = ended.exit_code
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("lineage", "spool")
def test_a_hole_is_exit_code_5_in_the_window_it_belongs_to_and_in_no_other(
    put: Put, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.lineage.sink.backlog.CAUGHT_UP_WITHIN_S", 0.1)  # this sink has no group
    start_us = now_us() - 5 * HOUR_US
    put(
        "inference-responses",
        *[completed(seq, boot_epoch=start_us, event_time_us=start_us + seq * HOUR_US) for seq in (0, 1, 3, 4)],
    )

    code, whole = audited(capsys)
    code_of_end, end = audited(capsys, since="100m")
    code_of_start, start = audited(capsys, until="210m")

    assert (code, whole["totals"]["missing"]) == (ExitCode.DENIED, 1)
    assert whole["sources"][0]["missing_ranges"] == [[2, 2]]
    assert (code_of_end, end["totals"]["accepted"], end["totals"]["missing"]) == (0, 1, 0)
    assert (code_of_start, start["totals"]["accepted"], start["totals"]["missing"]) == (0, 2, 0)


@pytest.mark.usefixtures("lineage", "spool")
@pytest.mark.parametrize(("age_us", "is_late"), [(HOUR_US, True), (0, False)])
def test_what_late_means_is_said_where_it_is_counted(
    put: Put, capsys: pytest.CaptureFixture[str], age_us: int, is_late: bool
) -> None:
    put("inference-responses", completed(0, event_time_us=now_us() - age_us))

    audit_gaps()

    said = capsys.readouterr().out
    assert ("late 1" in said) == is_late
    assert ("late: stored more than 60 s after the event" in said) == is_late


@pytest.mark.usefixtures("lineage", "spool")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"], ids=["embedded", "in a container"])
def test_what_waits_in_the_spool_of_spans_is_accepted_and_not_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str
) -> None:
    with closing(SpoolWriter(tmp_path / "spans", boot_epoch=7, bytes_max=1_000, segment_bytes_max=1_000)) as writer:
        writer.append(b"a span")
    BOOT_EPOCH.set(7)
    NUMBERS.set(5)
    with pages(routes(SpoolReader(tmp_path / "spans"), dict)) as drain, pages([], host) as receiver:
        monkeypatch.setenv("WEIR_OTLP_DRAIN_URL", drain)
        monkeypatch.setenv("WEIR_OTLP_URL", receiver)
        code, answer = audited(capsys)

    (found,) = answer["sources"]
    assert (found["source"], found["boot_epoch"]) == ("otlp/1", 7)
    assert (found["accepted"], found["in_spool"], found["missing"]) == (5, 5, 0)
    assert (code, answer["totals"]["in_spool"], answer["otlp_spool"]["backlog_bytes"]) == (0, 5, 6)


@pytest.mark.usefixtures("lineage", "spool")
def test_where_nobody_says_that_there_is_a_receiver_the_audit_says_that_it_looked_into_no_spool_of_spans(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, answer = audited(capsys)
    audit_gaps()

    assert answer["otlp_spool"] is None
    assert "the spool of spans is not counted" in capsys.readouterr().out


@pytest.mark.usefixtures("lineage", "spool")
def test_a_drain_of_spans_that_should_answer_and_does_not_ends_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_OTLP_DRAIN_URL", "http://127.0.0.1:9")

    with pytest.raises(CliError, match="otlp_drain cannot be reached") as caught:
        audit_gaps()

    assert caught.value.code is ExitCode.NOT_READY


@pytest.mark.usefixtures("spool")
def test_a_store_that_stands_still_is_told_and_is_exit_code_4(
    store: Store,
    kafka: MockKafka,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    told = "nothing was stored for 75 s, more than 60: the engine is away"
    settings = LineageSettings(kafka_bootstrap=kafka.bootstrap, data_dir=tmp_path / "data")
    sql = OperatorSql(settings)
    with closing(sql), pages(lineage_routes(store, Counters(store), sql, settings, lambda: told)) as url:
        monkeypatch.setenv("WEIR_LINEAGE_URL", url)

        code, answer = audited(capsys)
        with pytest.raises(typer.Exit):
            audit_gaps()

    assert (code, answer["stalled"]) == (ExitCode.NOT_READY, told)
    assert f"the store stands still: {told}" in capsys.readouterr().out


@pytest.mark.usefixtures("lineage", "spool")
@pytest.mark.parametrize(("since", "until"), [("soon", ""), ("1h", "2h"), ("", "12:70")])
def test_a_window_that_means_nothing_is_refused(since: str, until: str) -> None:
    with pytest.raises(CliError) as caught:
        audit_gaps(since, until)

    assert caught.value.code is ExitCode.INVALID


def source(**fields: object) -> dict[str, Any]:
    plain = {
        "source": "gateway/1",
        "boot_epoch": 1,
        "accepted": 10,
        "next_number": 10,
        "missing": 0,
        "missing_ranges": [],
    }
    return {**plain, **fields}


@pytest.mark.parametrize(
    ("drained", "used", "backlog_bytes", "in_spool", "missing"),
    [(10, 10, 0, 0, 0), (10, 14, 100, 4, 0), (10, 14, 0, 0, 4), (14, 14, 0, 0, 0), (4, 12, 100, 2, 0)],
)
def test_a_number_that_never_came_to_the_drain_is_in_the_spool_or_missing(
    drained: int, used: int, backlog_bytes: int, in_spool: int, missing: int
) -> None:
    audit = {"sources": [source()], "totals": {}}
    page = {"backlog_bytes": backlog_bytes, "lives": [{"source": "gateway/1", "boot_epoch": 1, "drained": drained}]}

    (found,) = with_spool(audit, page, {ProducerEpoch("gateway/1", 1): used})["sources"]

    assert (found["in_spool"], found["missing"]) == (in_spool, missing)
    assert found["accepted"] == 10 + in_spool + missing


def test_a_windows_count_is_not_taken_for_the_highest_number() -> None:
    audit = {"sources": [source(accepted=3, next_number=1_000)], "totals": {}}
    page = {"backlog_bytes": 0, "lives": [{"source": "gateway/1", "boot_epoch": 1, "drained": 1_000}]}

    (found,) = with_spool(audit, page, {ProducerEpoch("gateway/1", 1): 1_000})["sources"]

    assert (found["accepted"], found["missing"]) == (3, 0)


def test_moments_are_times_in_utc_or_ages() -> None:
    assert (
        microseconds("--since", "1970-01-01T00:00:01")
        == microseconds("--since", "1970-01-01T01:00:01+01:00")
        == 1_000_000
    )
    before_us = now_us() - 2 * HOUR_US
    assert before_us <= microseconds("--since", "2h") <= now_us() - 2 * HOUR_US
    assert microseconds("--since", "99999d") == 0
