"""Avro messages of every topic: whatever bytes and whatever schema, a reader ends soon, with an event that can be written
again or with one rejection; and the store takes each as a row or refuses it, whoever its neighbours are.
"""

from __future__ import annotations

import io
import json
import math
import random
import resource
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import fastavro

from harness.samples.builders import NOON_US, one_of_each
from weir.alerts.app.rulebook import Rulebook
from weir.evaluator.core import active, anchors
from weir.events import SCHEMA_JSON, TOPICS, Event, InvalidEvent, RegistryChanged, decode_body, frame, writer_schema
from weir.events.encoder import zigzag
from weir.events.log import OffsetRange, RawMessage
from weir.gateway.core.catalog import Catalog
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.message import Body, body_of
from weir.lineage.sink.inserter import Inserter, WriterSchema
from weir.lineage.store.migrate import migrate
from weir.lineage.store.store import Store

MESSAGE_BYTES_MAX = 1_048_576
READ_S_MAX = 5.0
"""Seconds of one message. A hundred times what the largest takes on a busy machine."""

GROWTH_BYTES_MAX = 1_000_000_000
"""Bytes that a run may add to the process. The engine takes half of it."""

BATCH = 40
"""Messages of one insert."""

ALONE_EVERY = 4
"""One message of so many is inserted alone too. Arbitrary: an insert takes 50 times what a decoding takes."""

LONGS = (0, 1, -1, 2**31, -(2**31) - 1, 2**48, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), NOON_US // 1_000, NOON_US * 1_000)
FLOATS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, 5e-324)
TEXTS = (
    "", "\x00", "\u2028", "\U0001f600" * 50, "{", "[" * 5_000, '{"a":NaN}', '{"a":1e999}', "null", '{"\\ud800":1}', "a" * 100_000,
    '{"source":[],"match":{"a":{}},"condition":7}', '{"type":{},"parameters":[]}', '{"content_digest":[],"evaluators":7}', "\t",
)  # fmt: skip
HOSTILE_SCHEMAS = (
    '"string"', "[]", "{}", "", "null", "[" * 50_000, '{"type":"record","name":"FeedbackReceived","fields":[]}',
    '{"type":"array","items":"null"}', '{"type":"enum","name":"E","symbols":["A"]}',
    '{"type":"record","name":"FeedbackReceived","fields":[{"name":"n","type":{"type":"array","items":"null"}}]}',
    '{"type":"record","name":"FeedbackReceived","fields":[{"name":"n","type":["null","FeedbackReceived"]}]}',
    '{"type":"record","name":"FeedbackReceived","fields":[{"name":"n","type":{"type":"map","values":"FeedbackReceived"}}]}',
)  # fmt: skip
KNOWN_LENIENT = ("IndexError", "are left after")
"""Where the engine takes a row that the codec refuses (docs/security.md, K1): a branch that a union does not have, and bytes
of 0 or 1 behind the event. Such a message is refused only when a neighbour makes the sink look."""

ALIASES = ("", "prod")
KINDS = ("rule", "evaluator", "dataset", "model", "chain", "prompt")
EVENTS: Mapping[str, Any] = {event.EVENT: event for event in one_of_each()}


class OwnSchemas:
    """A registry in which a topic's schema has the slot of its event as its id."""

    def schema_of(self, schema_id: int) -> WriterSchema:
        name = sorted(SCHEMA_JSON)[schema_id]
        return WriterSchema(name, writer_schema(SCHEMA_JSON[name])[1], SCHEMA_JSON[name])


def run(seed: int, cases: int) -> None:
    """Read and store `cases` messages. Raises AssertionError with the first that does more than become an event or be refused."""
    chance, before = random.Random(seed), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory(prefix="weir-fuzz-") as folder:
        store = Store(LineageSettings(data_dir=Path(folder)))
        try:
            migrate(store)
            _run(chance, cases, Inserter(store, OwnSchemas()), store)
        finally:
            store.close()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1_024
    assert grown < GROWTH_BYTES_MAX, f"the run grew the process by {grown} bytes"


def _run(chance: random.Random, cases: int, inserter: Inserter, store: Store) -> None:
    folds = Folds()
    for number in range(0, cases, BATCH):
        topic = chance.choice(sorted(TOPICS))
        bodies = [message(chance, TOPICS[topic].event) for _ in range(min(BATCH, cases - number))]
        for body in bodies:
            read(TOPICS[topic].event, body, chance.choice((None, None, *HOSTILE_SCHEMAS)), folds)
        _store(topic, number, bodies, chance.randrange(ALONE_EVERY), inserter, store)


def message(chance: random.Random, name: str) -> bytes:
    """A body that is sound, holds odd values, or is damaged."""
    event: Any = EVENTS[name]
    record = dict(event.as_record())
    for _ in range(chance.choice((0, 0, 1, 1, 3))):
        field = chance.choice(sorted(record))
        record[field] = odd(chance, field, record[field])
    body = encoded(name, record)
    for _ in range(chance.choice((0, 0, 1, 2))):
        body = damaged(chance, body)
    return body


def odd(chance: random.Random, field: str, value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return chance.choice(LONGS)
    if isinstance(value, float):
        return chance.choice(FLOATS)
    if isinstance(value, str):
        return chance.choice(KINDS if field == "kind" else ALIASES if field == "alias" else TEXTS)
    return value


def encoded(name: str, record: Mapping[str, Any]) -> bytes:
    """The record, with ints that no encoder takes: an int and a long look the same on the wire."""
    schema = fastavro.parse_schema(json.loads(SCHEMA_JSON[name].replace('"int"', '"long"')))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, record)
    return buffer.getvalue()


def damaged(chance: random.Random, body: bytes) -> bytes:
    """The body cut, longer, with other bytes, or with a count of anything in it."""
    at, raw = chance.randrange(len(body) + 1), bytearray(body)
    count = zigzag(chance.choice((*LONGS, *range(-3, 300, 7))))
    return bytes(
        chance.choice(
            (
                partial(lambda: raw[:at]),
                partial(lambda: raw + chance.randbytes(chance.randrange(1, 20))),
                partial(lambda: raw[:at] + chance.randbytes(3) + raw[at + 3 :]),
                partial(lambda: raw[:at] + count + raw[at:]),
                partial(lambda: raw[:at] + count + raw[at + len(count) :]),
                partial(lambda: raw[:at] + b"\x80" * chance.randrange(1, 30) + raw[at:]),
                partial(lambda: raw[:at] + raw[at // 2 :]),
            )
        )()
    )


class Folds:
    """The copies of the registry that services keep, over whatever was decoded."""

    def __init__(self) -> None:
        self.catalog, self.rulebook = Catalog(), Rulebook("prod")
        self.evaluators, self.anchors = active.ActiveEvaluators(), anchors.ActiveAnchors()

    def apply(self, event: RegistryChanged) -> None:
        """Take a change in; raises nothing."""
        self.catalog.apply(event)
        self.rulebook.apply(event)
        self.evaluators = active.apply_change(self.evaluators, event)
        self.anchors = anchors.apply_change(self.anchors, event)


def read(name: str, body: bytes, schema: str | None, folds: Folds) -> None:
    """Decode as a service does. schema: what the registry has for the message's id; the event's own when None."""
    start_s = time.monotonic()
    found, reason = _decoded(name, body, schema)
    took_s = time.monotonic() - start_s
    assert took_s < READ_S_MAX, f"{name} {body.hex()} under {schema} took {took_s:.1f} s"
    assert len(reason) < 2_000, f"{name} {body.hex()}: the reason is {reason!r}"
    if found is None:
        return
    _check(found, body)
    if isinstance(found, RegistryChanged):
        folds.apply(found)


def _decoded(name: str, body: bytes, schema: str | None) -> tuple[Event | None, str]:
    try:
        return decode_body(name, body, None if schema is None else writer_schema(schema)[1]), ""
    except InvalidEvent as error:
        return None, error.detail


def _check(event: Event, body: bytes) -> None:
    for path, value in _leaves("", event.as_record()):
        if isinstance(value, float):
            assert math.isfinite(value), f"{event.EVENT} {body.hex()}: {path} is {value}"
        if path.endswith("_us") and isinstance(value, int):
            datetime.fromtimestamp(value / 1e6, UTC)
        if isinstance(value, str):
            value.encode()


def _leaves(path: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _leaves(str(key), one)]
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in _leaves(path, one)]
    return [(path, value)]


def _store(topic: str, first: int, bodies: list[bytes], alone_from: int, inserter: Inserter, store: Store) -> None:
    table, schema_id = topic.replace("-", "_"), sorted(SCHEMA_JSON).index(TOPICS[topic].event)
    framed = [frame(schema_id, body) for body in bodies]
    messages = [RawMessage(topic, 0, first + n, None, value, NOON_US) for n, value in enumerate(framed)]
    taken: list[Body] = [body_of(message, MESSAGE_BYTES_MAX) for message in messages]
    whole = inserter.insert((OffsetRange(topic, 0, first, first + len(taken) - 1, "whole"),), taken, _give_up)
    assert whole is not None, f"{topic}: the store was waited for: {inserter.waits_for}"
    refused = {body.offset: error for body, error in whole}
    for body in taken[alone_from::ALONE_EVERY]:  # alone, each ends as it did among the others
        alone = inserter.insert((OffsetRange(topic, 0, body.offset, body.offset, "alone"),), [body], _give_up)
        assert alone is not None, f"{topic}: the store was waited for: {inserter.waits_for}"
        among = refused.get(body.offset)
        is_known = among is not None and any(words in among.detail for words in KNOWN_LENIENT)
        assert is_known or bool(alone) == bool(among), f"{topic} {body.data.hex()}: {alone} alone, {among} among others"
    store.command(f"TRUNCATE TABLE {table}")


def _give_up(_: float) -> bool:
    return False
