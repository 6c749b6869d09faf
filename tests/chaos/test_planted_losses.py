"""Five kinds of planted loss, each named by the audit to the number, and none where nothing was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # exported at run time only

from harness.kafka.load import TOPIC, Load
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.stack.second_store import SecondStore
from harness.waiting import PATIENCE_S, eventually
from weir.cli.spool_audit import with_spool
from weir.events import TOPICS
from weir.events.log import ProducerEpoch

pytestmark = [pytest.mark.stack, pytest.mark.capability("X1")]
CALLS = 4
NUMBERS = CALLS * 3
"""A call uses three: request, completion, spans."""


@pytest.fixture
def second(stack: RunningStack, tmp_path: Path) -> Iterator[SecondStore]:
    store = SecondStore(stack, tmp_path / "store")
    store.begin_at_end()  # the tests look at lives of their own only
    with store:
        store.sink.until_ready()
        yield store


@pytest.fixture
def gateway(stack: RunningStack, tmp_path: Path) -> Iterator[SecondGateway]:
    with SecondGateway(stack, tmp_path / "gateway", f"planted-{tmp_path.parent.name}") as running:
        yield running


def asked(gateway: SecondGateway, second: SecondStore) -> tuple[str, int]:
    """A life of which everything is stored and accounted for."""
    for _ in range(CALLS):
        gateway.ask()
    where = f"numbered_source = '{gateway.source}' AND last_seq = {NUMBERS - 1}"
    eventually(lambda: second.count("v_accounts", where), within_s=PATIENCE_S, what="the account of the calls")
    life = gateway.life
    # The topics are read beside each other: the account may be stored before what it counts.
    eventually(lambda: book(second, life) == (NUMBERS, NUMBERS, []), within_s=PATIENCE_S, what="the calls it counts")
    return life


def book(second: SecondStore, life: tuple[str, int]) -> tuple[int, int, list[Any]]:
    found = second.audit()[life]
    return found["accepted"], found["stored"], found["missing_ranges"]


def test_a_loss_becomes_a_signal_and_an_alert_until_it_is_found(stack: RunningStack, tmp_path: Path) -> None:
    with SecondStore(
        stack, tmp_path / "audited", WEIR_LINEAGE_AUDIT_EVERY_S="1", WEIR_LINEAGE_AUDIT_DELAY_S="1"
    ) as second:
        second.sink.until_ready()
        load = Load(stack, "alerted")
        load.send(10)
        eventually(lambda: _is_whole(second, load), within_s=PATIENCE_S, what="the ten")
        second.delete(TOPIC.replace("-", "_"), f"source = '{load.source}' AND seq = 4")

        eventually(lambda: _alert(stack, second.group) == "firing", within_s=PATIENCE_S, what="the alert")

        raised = f"subject = '{second.group}' AND name = 'audit_missing' AND state = 'raised'"
        named = f"position(explanation, '{load.source} of {load.epoch_us} 1 (4)') > 0"
        stack.until_count("v_ops_signals", f"{raised} AND {named}", 1)
        assert second.sink.metric('weir_lineage_audit_numbers{column="missing"}') >= 1  # other tests delete a topic
        assert book(second, load.life) == (10, 9, [[4, 4]])

        load.send_again(4)
        eventually(lambda: _alert(stack, second.group) == "resolved", within_s=PATIENCE_S, what="the end of the alert")


def test_deleted_rows_are_named_in_the_middle_at_the_end_and_as_a_whole_life(
    gateway: SecondGateway, second: SecondStore
) -> None:
    life = asked(gateway, second)
    of_this_life = f"source = '{life[0]}' AND boot_epoch = {life[1]}"

    second.delete("inference_requests", f"{of_this_life} AND seq = 3")
    assert book(second, life) == (NUMBERS, NUMBERS - 1, [[3, 3]])

    second.delete("spans", f"{of_this_life} AND seq = {NUMBERS - 1}")
    second.delete("inference_responses", f"{of_this_life} AND seq = {NUMBERS - 2}")
    assert book(second, life) == (NUMBERS, NUMBERS - 3, [[3, 3], [NUMBERS - 2, NUMBERS - 1]])

    for table in ("inference_requests", "inference_responses", "spans"):
        second.delete(table, of_this_life)
    assert book(second, life) == (NUMBERS, 0, [[0, NUMBERS - 1]])


def test_records_that_kafka_lost_before_they_were_stored_are_named(stack: RunningStack, second: SecondStore) -> None:
    load = Load(stack, "deleted")
    load.send(10)
    eventually(lambda: _is_whole(second, load), within_s=PATIENCE_S, what="the first ten")
    second.sink.kill()
    load.send(20)
    _delete_all_records(stack)
    load.send(5)
    second.sink.start()
    second.sink.until_ready()

    later = f"source = '{load.source}' AND seq >= 30"
    eventually(lambda: second.count("v_numbers", later) == 5, within_s=PATIENCE_S, what="the events after the loss")
    assert second.audit()[load.life]["missing_ranges"] == [[10, 29]]


def test_records_that_the_spool_lost_before_they_were_drained_are_named(
    gateway: SecondGateway, second: SecondStore
) -> None:
    life = asked(gateway, second)
    gateway.drain.kill()
    for _ in range(2):
        gateway.ask()
    for segment in gateway.spool.glob("*.seg"):
        kept = int(segment.with_suffix(".acked").read_text().split()[0])
        with segment.open("r+b") as file:
            file.truncate(kept)
    gateway.drain.start()
    gateway.drain.until_ready()

    def found() -> Any:
        """The audit of the epoch once the account that the drain makes of its head is stored; before, nothing is settled."""
        audit = {"sources": list(second.audit().values()), "totals": {}}
        answer = with_spool(audit, gateway.spool_page(), {ProducerEpoch(*life): gateway.used})
        mine = next(one for one in answer["sources"] if (one["source"], one["boot_epoch"]) == life)
        return mine if mine["missing"] else None

    mine = eventually(found, within_s=PATIENCE_S, what="the numbers that are missing")
    assert (mine["accepted"], mine["in_spool"], mine["missing"]) == (NUMBERS + 6, 0, 6)
    assert [list(span) for span in mine["missing_ranges"]] == [[NUMBERS, NUMBERS + 5]]


def _alert(stack: RunningStack, subject: str) -> str:
    """State of the alert about a store; empty when there is none."""
    found = stack.get(stack.alerts_url, "/v1/alerts")["items"]
    states = [str(one["state"]) for one in found if one["labels"].get("subject") == subject]
    return states[0] if states else ""


def _is_whole(second: SecondStore, load: Load) -> bool:
    return second.count("v_inference_responses", f"tenant = '{load.tenant}'") == load.sent


def _delete_all_records(stack: RunningStack) -> None:
    """Cut one topic's partitions at their ends, as a retention that is too short does."""
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
    places = [TopicPartition(TOPIC, number) for number in range(TOPICS[TOPIC].partitions)]
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # an untyped library
    ends = {
        place: answer.result().offset for place, answer in admin.list_offsets(dict.fromkeys(places, latest)).items()
    }
    cut = [TopicPartition(place.topic, place.partition, end) for place, end in ends.items()]
    for answer in admin.delete_records(cut).values():
        answer.result()
