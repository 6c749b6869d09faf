"""A replay over the running log: what the service signalled comes out again, and other settings and ranges do not."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from harness.samples.shifted_traffic import ENVELOPE, OTHER_WORDS, STEADY_WORDS, Traffic
from harness.stack.running_stack import RunningStack
from weir.cli.log_range import ranges, values
from weir.cli.output import CliError, ExitCode
from weir.cli.stack.layout import repository
from weir.events import FeatureItem, encode_body, frame
from weir.events.log import OffsetRange

pytestmark = [pytest.mark.stack, pytest.mark.capability("O6")]
TENANT, ROUTE = "replay-test", "questions"
STEADY, SHIFTED = 1_150, 100
"""Events before and after the change (the reference takes the first 1,000)."""

EVENTS = STEADY + SHIFTED
FEW = ("--set", "min_reference=200", "--set", "reference=400")


@dataclass(frozen=True, slots=True)
class Written:
    """The history: when its envelopes were written, ms, one second apart."""

    stack: RunningStack
    first_ms: int

    def at(self, envelope: int) -> str:
        """The time of an envelope, for the command line."""
        return datetime.fromtimestamp(self.first_ms / 1_000 + envelope, UTC).isoformat()

    @property
    def changed_at(self) -> str:
        """The time of the first changed event; events are a microsecond apart."""
        return (datetime.fromtimestamp(self.first_ms / 1_000, UTC) + timedelta(microseconds=STEADY)).isoformat()

    def replay(self, *arguments: str) -> dict[str, Any]:
        """The document of a replay of this tenant."""
        done = self.run("--tenant", TENANT, *arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`weir drift replay` in a process of its own, with the linear algebra of the running service."""
        blas = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
        return subprocess.run(
            [str(repository() / ".venv" / "bin" / "weir"), "drift", "replay", *arguments],
            env={**blas, "WEIR_HOME": str(self.stack.home), "PATH": "/usr/bin:/bin", "COLUMNS": "300"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def history(stack: RunningStack) -> Written:
    """Steady traffic and a change, seen and signalled by the running service."""
    centres = np.random.default_rng(0).normal(size=(2, 384)) * 0.05
    # Later than all that other tests wrote, so that a time divides the log as it divides this history.
    first_ms = int(time.time() * 1_000) + 60_000
    traffic = Traffic("replayed", TENANT, ROUTE, boot_epoch=first_ms * 1_000, at_us=first_ms * 1_000)
    steady = traffic.items(STEADY, 0, STEADY_WORDS, centres[0] + 0.05)
    other = traffic.items(SHIFTED, STEADY, OTHER_WORDS, centres[1] - 0.05)
    usual = traffic.items(SHIFTED, STEADY, STEADY_WORDS, centres[0] + 0.05)
    # Every second event: were all changed, the page would come with its warning, and be told alone.
    shifted = [pair[number % 2] for number, pair in enumerate(zip(other, usual, strict=True))]
    _publish(stack, traffic, [*steady, *shifted], first_ms)
    pages = f"tenant = '{TENANT}' AND state = 'fired' AND level = 'page'"
    stack.until_count("v_drift_signals", pages, 1)
    return Written(stack, first_ms)


@pytest.mark.capability("X5")
def test_a_replay_of_everything_tells_what_the_service_told(history: Written) -> None:
    document = history.replay("--from", "earliest")

    (stream,) = document["streams"]
    (service,) = document["service"]
    assert (stream["tenant"], stream["route"], stream["events"]) == (TENANT, ROUTE, EVENTS)
    assert (stream["warmed_at_event"], stream["reference_digest"]) == (1_000, service["reference_digests"][0])
    assert service["has_same_reference"]
    assert service["config_digests"] == [document["config_digest"]]
    fired = [row for row in document["comparison"] if row["state"] == "fired"]
    assert {"warn", "page"} == {row["level"] for row in fired}
    for row in document["comparison"]:
        assert row["verdict"] == "both"
        assert row["would_have"] == row["did"]
    page = next(row for row in fired if row["level"] == "page")
    assert STEADY < page["would_have_at_event"] <= STEADY + 50


@pytest.mark.capability("X5")
def test_the_same_range_has_the_same_hash_and_another_setting_another(history: Written) -> None:
    once = history.replay("--from", "earliest", "--to", history.at(60))
    again = history.replay("--from", "earliest", "--to", history.at(60))
    bolder = history.replay("--from", "earliest", "--to", history.at(60), "--set", "arl=1000")

    assert once == again
    assert bolder["source"] == once["source"]
    assert bolder["settings"]["warn_arl_events"] == 1_000
    assert bolder["config_digest"] != once["config_digest"]
    assert bolder["sha256"] != once["sha256"]
    assert bolder["output_sha256"] != once["output_sha256"]


@pytest.mark.capability("X5")
def test_an_alarm_that_another_setting_would_not_have_raised_is_shown_as_done(history: Written) -> None:
    never = ("--set", "page_arl=1e300", "--set", "arl=1e299")
    document = history.replay("--from", "earliest", *never, "--change", history.changed_at)

    assert [one["in_words"] for one in document["verdicts"] if one["level"] == "page"] == [
        "page: would not have found what was found, 0 more false alarms"
    ]
    pages = [row for row in document["comparison"] if row["level"] == "page" and row["state"] == "fired"]
    assert pages
    assert all(row["verdict"] == "did" and row["would_have"] is None for row in pages)


def test_a_replay_that_begins_later_warms_on_its_own_first_events_and_says_so(history: Written) -> None:
    document = history.replay("--from", history.at(4), "--to", history.at(60), *FEW)

    (stream,) = document["streams"]
    (service,) = document["service"]
    assert stream["events"] == EVENTS - 4 * ENVELOPE
    assert stream["warmed_at_event"] == 400
    assert not service["has_same_reference"]
    page = next(row for row in document["comparison"] if row["level"] == "page" and row["state"] == "fired")
    assert page["verdict"] == "both"
    assert page["would_have"]["reference_digest"] != page["did"]["reference_digest"]


def test_a_range_ends_before_its_end(history: Written) -> None:
    document = history.replay("--from", history.at(0), "--to", history.at(10))

    (stream,) = document["streams"]
    assert (stream["events"], stream["state"], stream["warmed_at_event"]) == (10 * ENVELOPE, "warming", None)
    assert document["comparison"] == []
    assert document["service_signals_elsewhere"] >= 2


def test_a_person_reads_what_the_document_says(history: Written) -> None:
    document = history.replay("--from", "earliest", "--route", ROUTE)

    done = history.run("--from", "earliest", "--tenant", TENANT, "--route", ROUTE)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"sha256         {document['sha256']}" in done.stdout
    assert "the same" in done.stdout
    assert "both" in done.stdout


def test_a_stream_that_is_not_there_is_an_empty_answer(history: Written) -> None:
    document = history.replay("--from", "earliest", "--route", "nowhere")

    assert (document["streams"], document["comparison"]) == ([], [])
    assert document["source"]["messages"] >= EVENTS // ENVELOPE


def test_a_topic_that_is_not_there_is_not_found(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", stack.kafka_bootstrap)

    with pytest.raises(CliError, match="no topic 'no-such-topic'") as raised:
        ranges("no-such-topic", "earliest", "latest")

    assert raised.value.code is ExitCode.NOT_FOUND


def test_a_range_that_retention_took_is_an_error_and_no_shorter_range(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", stack.kafka_bootstrap)
    gone = OffsetRange("text-features", 0, 1_000_000_000, 1_000_000_000)

    with pytest.raises(CliError, match="could not be read to its end") as raised:
        list(values(gone))

    assert raised.value.code is ExitCode.INVALID


def _publish(stack: RunningStack, traffic: Traffic, items: list[FeatureItem], first_ms: int) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})
    schema_id = stack.schema_id("text-features")
    for number, envelope in enumerate(traffic.envelopes(items)):
        producer.produce(
            "text-features",
            key=f"{TENANT}/{ROUTE}",
            value=frame(schema_id, encode_body(envelope)),
            timestamp=first_ms + 1_000 * number,
        )
    assert producer.flush(30) == 0
