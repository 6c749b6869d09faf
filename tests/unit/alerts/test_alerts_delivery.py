"""Delivery over a real socket: what a receiver says is a failed try at worst, each try is signed anew, clocks may jump."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from fuzz.webhook_answers import RETRY_AFTER, SECRET, run
from harness.waiting import PATIENCE_S
from weir.alerts.adapters import deliveries
from weir.alerts.adapters.database import TABLES, Database
from weir.alerts.adapters.deliveries import DELIVERED, WAITING, Delivery
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.adapters.webhook import WebhookSender, resolve
from weir.alerts.app.deliverer import Deliverer
from weir.alerts.core.address import target_of
from weir.alerts.core.retry import Policy
from weir.runtime.clock import now_us
from weir.runtime.kafka.span_log import Recorded

QUICK = Policy(give_up_s=3_600.0, base_s=0.001, max_s=0.02)
YEAR_US = 365 * 86_400 * 1_000_000


def delivery(name: str = "msg_1", next_try_us: int = 0) -> Delivery:
    return Delivery(name, "demo", "key", "firing", WAITING, 0, 0, next_try_us, 1, 0, "")


SPANS: list[Recorded] = []
"""Spans of tries, of all tests together; each test looks for its own delivery."""


@asynccontextmanager
async def delivering(database: Database, url: str) -> Any:
    """A deliverer at work, with one receiver at a URL."""
    receiver = Receiver("demo", target_of(url, allow_private=True), allow_private=True, secrets=(SECRET,))
    deliverer = Deliverer(
        database, WebhookSender(resolve, 2.0, 65_536), {"demo": receiver}, QUICK, lambda: 0.5, SPANS.append
    )
    stop = asyncio.Event()
    running = asyncio.create_task(deliverer.run(stop))
    yield
    stop.set()
    await running


async def until_delivered(database: Database, name: str = "msg_1") -> Delivery:
    """The delivery once it is finished."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = deliveries.find(database.connection, name)
            assert found is not None
            if found[0].state != WAITING:
                return found[0]
            await asyncio.sleep(0.01)


@pytest.mark.capability("U6", is_check=True, clause="retries")
@pytest.mark.parametrize("code", [301, 400, 403, 404, 408, 429, 500, 503, 599])
async def test_a_receiver_that_is_being_deployed_hears_it_in_the_end_under_a_fresh_signature(
    database: Database, http_receiver: Any, answer_of: Callable[..., bytes], code: int
) -> None:
    http_receiver.answers = [answer_of(code), None, answer_of(code)]
    deliveries.put(database.connection, delivery(), b"{}")

    async with delivering(database, http_receiver.url):
        done = await until_delivered(database)

    assert (done.state, done.attempts) == (DELIVERED, 4)
    for headers, body in http_receiver.received:
        Webhook(SECRET).verify(body, headers)
    assert {headers["webhook-id"] for headers, _ in http_receiver.received} == {"msg_1"}
    log = deliveries.attempts_of(database.connection, "msg_1")
    assert [one.http_status for one in log] == [code, 0, code, 204]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failed_try_and_where_it_leads_hears_nothing(
    database: Database, http_receiver: Any, answer_of: Callable[..., bytes], code: int
) -> None:
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    elsewhere = await asyncio.start_server(hear, "127.0.0.1", 0)
    leads_to = f"http://127.0.0.1:{elsewhere.sockets[0].getsockname()[1]}/hook"
    http_receiver.answers = [answer_of(code, f"location: {leads_to}\r\n")]
    deliveries.put(database.connection, delivery(), b"{}")

    async with elsewhere, delivering(database, http_receiver.url):
        done = await until_delivered(database)

    assert (done.state, done.attempts) == (DELIVERED, 2)
    assert [one.http_status for one in deliveries.attempts_of(database.connection, "msg_1")] == [code, 204]
    assert len(http_receiver.received) == 2
    assert heard == []


async def test_no_retry_after_ends_alerting(
    database: Database, http_receiver: Any, answer_of: Callable[..., bytes]
) -> None:
    http_receiver.answers = [
        answer_of(503).replace(b"content-length", b"retry-after: " + text + b"\r\ncontent-length")
        for text in RETRY_AFTER
    ]
    deliveries.put(database.connection, delivery(), b"{}")

    async with delivering(database, http_receiver.url):
        done = await until_delivered(database)

    assert (done.state, done.attempts) == (DELIVERED, len(RETRY_AFTER) + 1)


async def test_a_body_without_an_end_takes_nothing_back(database: Database, http_receiver: Any) -> None:
    http_receiver.answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\ncut"]
    deliveries.put(database.connection, delivery(), b"{}")

    async with delivering(database, http_receiver.url):
        done = await until_delivered(database)

    assert (done.state, len(http_receiver.received)) == (DELIVERED, 1)


async def test_a_next_try_that_a_wrong_clock_set_a_year_ahead_is_made_now(
    database: Database, http_receiver: Any
) -> None:
    deliveries.put(database.connection, delivery(next_try_us=now_us() + YEAR_US), b"{}")

    async with delivering(database, http_receiver.url):
        done = await until_delivered(database)

    assert done.state == DELIVERED


def test_every_answer_is_a_failed_try_at_worst() -> None:
    run(seed=10, cases=120)


def test_a_database_of_an_older_version_is_brought_up_to_date_and_keeps_its_deliveries(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "alerts.db")
    old.executescript(TABLES)
    old.execute(
        "INSERT INTO deliveries VALUES (1, 'msg_1', 'demo', 'key', 'firing', x'7b7d', 'waiting', 3, 0, 1, 0, 'e')"
    )
    old.execute("INSERT INTO tries VALUES ('msg_1', 3, 5, 404, 1.0, 'e')")
    old.commit()
    old.close()

    for _ in range(2):
        database = Database(tmp_path / "alerts.db")
        found = deliveries.find(database.connection, "msg_1")
        assert found is not None
        assert (found[0].attempts, found[0].waited_us) == (3, 0)
        assert [one.http_status for one in deliveries.attempts_of(database.connection, "msg_1")] == [404]
        database.close()


def test_the_log_of_attempts_is_bounded(database: Database) -> None:
    from weir.alerts.core.retry import Answer

    for number in range(deliveries.ATTEMPTS_KEPT + 50):
        one = Delivery("msg_1", "demo", "key", "firing", WAITING, number, 0, 0, 1, 0, "")
        deliveries.record_attempt(database.connection, one, Answer(404), number)

    log = deliveries.attempts_of(database.connection, "msg_1")
    assert (len(log), log[-1].number) == (deliveries.ATTEMPTS_KEPT, deliveries.ATTEMPTS_KEPT + 50)
