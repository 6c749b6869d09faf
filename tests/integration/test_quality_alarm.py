"""From scores to an alert that says who changed: scores on a route of their own, anchors by the live evaluator."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable

import pytest
from confluent_kafka import Producer

from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack.layout import repository
from weir.events import EvaluationScored, encode_body, frame, named_id
from weir.runtime.clock import now_us

pytestmark = pytest.mark.stack
ROUTE = "quality-test"
PART = "support-coverage"
REFERENCE, STEADY, WORSE = 1_000, 100, 120
"""Scores of the reference, quiet ones, and those of the drop."""

ANCHORS, PASSES = 194, 3
SCORE_US = 1_000_000


@pytest.mark.capability("X3")
def test_a_drop_of_the_pass_rate_ends_in_an_alert_that_blames_the_system(stack: RunningStack) -> None:
    [[digest]] = stack.sql(
        f"SELECT digest FROM v_registry_changes WHERE kind = 'evaluator' AND name = '{PART}' AND alias = 'prod' "
        "ORDER BY revision DESC LIMIT 1"
    )
    since_us = now_us() - (REFERENCE + STEADY + WORSE) * SCORE_US
    publish(stack, str(digest), since_us, 0, (number % 12 == 0 for number in range(REFERENCE)))
    stack.until_count("v_anchor_scores", f"route = '{ROUTE}'", 2 * PASSES * ANCHORS, within_s=180)

    publish(stack, str(digest), since_us, REFERENCE, (number % 12 == 0 for number in range(STEADY)))
    publish(stack, str(digest), since_us, REFERENCE + STEADY, (number % 2 == 0 for number in range(WORSE)))

    told = f"route = '{ROUTE}' AND detector = 'quality' AND state = 'fired' AND verdict = 'system'"
    stack.until_count("v_drift_signals", told, 1, within_s=180)
    [[part, event_index, since_index]] = stack.sql(
        f"SELECT part, event_index, since_event_index FROM v_drift_signals WHERE {told} LIMIT 1"
    )
    assert part == PART
    assert REFERENCE + STEADY - 20 <= int(since_index) <= int(event_index) <= REFERENCE + STEADY + WORSE

    def alert_says_system() -> bool:
        items = stack.get(stack.alerts_url, "/v1/alerts")["items"]
        mine = [one for one in items if one["labels"].get("route") == ROUTE and one["labels"].get("part") == PART]
        return any("verdict system" in one["annotations"]["summary"] for one in mine)

    eventually(alert_says_system, within_s=PATIENCE_S, what="an alert with the verdict")
    assert stack.count("v_evaluation_scores", f"route = '{ROUTE}'") == REFERENCE + STEADY + WORSE
    views = stack.get(stack.endpoints.drift_url, "/v1/quality")["items"]
    [mine] = [one for one in views if one["route"] == ROUTE]
    assert all(word in shown(stack, "quality", "--json") for word in (ROUTE, PART, "page", "system"))
    assert "false pages a day in the mean" in shown(stack, "fleet")
    fleet = stack.get(stack.endpoints.drift_url, "/v1/fleet")
    assert (ROUTE, PART) in {(one["route"], one["part"]) for one in fleet["discoveries"]}
    assert (mine["verdict"], mine["judge"]["anchors"]) == ("system", ANCHORS)


def shown(stack: RunningStack, *command: str) -> str:
    """What the command line prints."""
    answer = subprocess.run(
        [str(repository() / ".venv" / "bin" / "weir"), "drift", *command],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return " ".join(answer.stdout.split())


def publish(stack: RunningStack, digest: str, since_us: int, first: int, bad: Iterable[bool]) -> None:
    # The evaluator's producer places keys as Java's does: a stream lies in one partition.
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "partitioner": "murmur2_random"})
    schema_id = stack.schema_id("evaluation-scores")
    for number, is_bad in enumerate(bad, start=first):
        event = EvaluationScored(
            event_id=named_id(since_us, f"quality {number}"),
            source="quality-test/1",
            boot_epoch=int(hashlib.sha256(str(stack.endpoints.ports).encode()).hexdigest()[:8], 16),
            seq=number,
            tenant="demo",
            trace_id="",
            span_id="",
            parent_span_id="",
            event_time_us=since_us + number * SCORE_US,
            request_id=named_id(since_us, f"quality request {number}"),
            response_event_id="",
            route=ROUTE,
            evaluator=PART,
            evaluator_version="1",
            evaluator_digest=digest,
            score=0.2 if is_bad else 0.9,
            passed=not is_bad,
            inclusion_probability=1.0,
        )
        producer.produce("evaluation-scores", key=f"demo/{ROUTE}", value=frame(schema_id, encode_body(event)))
    assert producer.flush(30) == 0
