"""The drain of a spool of spans: every event arrives with its trace, its numbers are accounted for, and nothing is open."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.http.otlp_door import otlp_door
from harness.kafka.mock_kafka import know_schemas
from unit.gateway.draining import BYTES_MAX, Broker, emptied
from unit.otlp.made_spans import SPAN_ID, TRACE_ID, chat, export, span
from weir.capture import drain as drain_module
from weir.capture.drain import Drain
from weir.capture.ledger_file import LedgerFile
from weir.capture.spool_reader import SpoolReader
from weir.events import NumbersAccounted
from weir.events.log import Headers
from weir.otlp.core.export import Refusals
from weir.otlp.drain.__main__ import GROUP, opened_from, work_of
from weir.otlp.settings import SpoolSettings
from weir.runtime.clock import now_us
from weir.runtime.identity import Numbering
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import Framed
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.kafka.serde import Serde

pytestmark = pytest.mark.capability("U3")


async def test_events_arrive_with_their_trace_and_their_numbers_are_accounted_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "ANNOUNCE_EVERY_S", 0.0)
    monkeypatch.setattr(drain_module, "IDLE_S", 0.001)
    know_schemas(tmp_path / "schema-ids.json")
    kafka = Noting(Serde(SchemaCatalog("http://127.0.0.1:9", tmp_path / "schema-ids.json"), BYTES_MAX))
    link = Link(kafka._serde, kafka, Numbering(GROUP), tmp_path)
    async with otlp_door(tmp_path) as door:
        traced = chat()
        traced.trace_state, traced.flags = "a=b", 1
        request = export(traced, span(span_id=b"\7" * 8), at_us=now_us())
        with door.receiver.enter(door.headers()["authorization"]) as admitted:
            await door.receiver.take(admitted.caller, lambda: request, Refusals())
        folder = door.receiver.settings.spool_dir
        settings = SpoolSettings(data_dir=tmp_path, drain_share=1.0)

        await emptied(Drain(SpoolReader(folder), LedgerFile(folder, opened_from), link, work_of(settings)))

    assert [len(kafka.events(topic)) for topic in ("inference-requests", "inference-responses", "spans")] == [1, 1, 2]
    [account] = kafka.events("accounts")
    assert isinstance(account, NumbersAccounted)
    assert (account.numbered_source, account.account, account.first_seq, account.last_seq) == (
        "otlp/test",
        "accepted",
        0,
        3,
    )
    trace_id, span_id = TRACE_ID.hex(), SPAN_ID.hex()
    assert kafka.headers[0] == (("traceparent", f"00-{trace_id}-{span_id}-01".encode()), ("tracestate", b"a=b"))


def test_a_ledger_with_an_open_call_is_none_of_a_spool_of_spans() -> None:
    with pytest.raises(ValueError, match="open call"):
        opened_from({})


class Noting(Broker):
    """A broker in memory that notes the headers of messages too."""

    def __init__(self, serde: Serde) -> None:
        super().__init__(serde)
        self.headers: list[Headers] = []

    async def send_bytes(self, messages: Iterable[Framed]) -> None:
        """Takes them at once."""
        sent = list(messages)
        self.headers += [one.headers for one in sent]
        await super().send_bytes(sent)
