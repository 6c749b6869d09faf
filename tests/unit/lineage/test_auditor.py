"""The auditor: a loss becomes metrics and one signal, its end another; a store that is behind says nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US
from harness.waiting import PATIENCE_S
from weir.events import OpsSignalled
from weir.events.log import ProducerEpoch
from weir.lineage.audit.auditor import TOPIC, Auditor
from weir.lineage.audit.core.audit import Accounted, Stored, Window, audited
from weir.lineage.audit.core.ranges import NumberRange
from weir.lineage.audit.reading import Audit
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import QueryFailed
from weir.runtime.kafka.link import Link

pytestmark = pytest.mark.capability("X1")
LIFE = ProducerEpoch("gateway/1", NOON_US)


def found(missing: int, *, is_settled: bool = True) -> Audit:
    books = audited({LIFE: Stored(10, 10, 9)}, {LIFE: Accounted(accepted=(NumberRange(0, 9 + missing),))})
    return Audit(Window(), books, [], {}, is_settled, is_whole=True)


@pytest.fixture
def kafka() -> MockKafka:
    return MockKafka()


@pytest.fixture
async def link(kafka: MockKafka, tmp_path: Path) -> AsyncIterator[Link]:
    link = kafka.link(tmp_path, "lineage")
    await link.producer.start(asyncio.Event())
    yield link
    await link.close()


async def audited_in_turn(link: Link, answers: list[Audit]) -> None:
    left = iter(answers)
    auditor = Auditor(LineageSettings(), link, lambda _: next(left), lambda: None)
    for number in range(len(answers)):
        await auditor.once(NOON_US + number, asyncio.Event())


async def test_a_loss_is_told_when_it_begins_and_when_it_ends(kafka: MockKafka, link: Link) -> None:
    await audited_in_turn(link, [found(0), found(3), found(3), found(0)])

    told = [one for one in kafka.events(TOPIC) if isinstance(one, OpsSignalled) and one.name == "audit_missing"]

    assert [(one.state, one.value, one.event_time_us) for one in told] == [
        ("cleared", 0, NOON_US), ("raised", 3, NOON_US + 1), ("cleared", 0, NOON_US + 3),
    ]  # fmt: skip
    assert "gateway/1" in told[1].explanation
    assert sorted(one.seq for one in kafka.events(TOPIC)) == list(range(5))


async def test_the_window_ends_where_nothing_is_on_its_way_any_more(link: Link) -> None:
    asked: list[Window] = []
    settings = LineageSettings(audit_window_s=100, audit_delay_s=10)

    def ask(window: Window) -> Audit:
        asked.append(window)
        return found(0)

    await Auditor(settings, link, ask, lambda: None).once(NOON_US, asyncio.Event())

    assert asked == [Window(NOON_US - 110_000_000, NOON_US - 10_000_000)]


async def test_the_metrics_say_what_the_audit_counted(link: Link) -> None:
    await audited_in_turn(link, [found(4)])

    value = REGISTRY.get_sample_value("weir_lineage_audit_numbers", {"column": "missing"})
    assert value == 4
    assert REGISTRY.get_sample_value("weir_lineage_audit_timestamp_seconds") == NOON_US / 1e6


@pytest.mark.parametrize("wrong", [{"audit_every_s": 0.0}, {"audit_window_s": 59}, {"audit_delay_s": -1}])
def test_an_audit_without_end_or_window_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LineageSettings(**wrong)  # type: ignore[arg-type]  # what the environment may hold


async def test_an_audit_that_is_not_settled_tells_nothing(kafka: MockKafka, link: Link) -> None:
    await audited_in_turn(link, [found(0), found(9, is_settled=False)])

    assert {one.state for one in kafka.events(TOPIC) if isinstance(one, OpsSignalled)} == {"cleared"}
    assert REGISTRY.get_sample_value("weir_lineage_audit_settled") == 0


async def test_an_audit_that_fails_is_counted_and_made_again(kafka: MockKafka, link: Link) -> None:
    before = REGISTRY.get_sample_value("weir_lineage_audit_failures_total") or 0.0
    tries, stop = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(_: Window) -> Audit:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise QueryFailed("the store is asleep")
        loop.call_soon_threadsafe(stop.set)
        return found(2)

    auditor = Auditor(LineageSettings(audit_every_s=0.01), link, ask, lambda: None)
    await asyncio.wait_for(auditor.run(stop), PATIENCE_S)

    assert REGISTRY.get_sample_value("weir_lineage_audit_failures_total") == before + 1
    assert "raised" in {one.state for one in kafka.events(TOPIC) if isinstance(one, OpsSignalled)}


async def test_a_stop_does_not_wait_for_an_audit_that_waits_for_the_sink(link: Link) -> None:
    begun, given_up, stop = threading.Event(), threading.Event(), asyncio.Event()

    def ask(_: Window) -> Audit:
        begun.set()
        assert given_up.wait(PATIENCE_S)
        return found(0, is_settled=False)

    auditor = Auditor(LineageSettings(audit_every_s=0.01), link, ask, given_up.set)
    running = asyncio.create_task(auditor.run(stop))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    stop.set()
    await asyncio.wait_for(running, PATIENCE_S)

    assert given_up.is_set()
