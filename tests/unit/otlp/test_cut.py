"""What is shorter than it was sent is noted on the span: one property over what a span, its resource and its scope may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from unit.otlp.made_spans import NS_PER_US, pairs_of, span
from unit.otlp.recorded import NUMBERS
from unit.otlp.test_spans import RULES
from weir.events import TOPICS, Span, SpansRecorded, decode_body
from weir.events.loose_json import DEPTH_MAX
from weir.otlp.core.attributes import CUT, EVENTS, LINKS
from weir.otlp.core.recording import record_of
from weir.otlp.core.span import origin_of

pytestmark = pytest.mark.capability("U3")

LONG = 9_000
"""Characters over every bound of one text."""

TEXTS = st.integers(0, 9).map(lambda count: "x" * count) | st.just("x" * LONG)
KEYS = st.integers(0, 5).map(lambda number: f"k{number}") | st.sampled_from(
    ["k" * 300 + "a", "k" * 300 + "b", "k" * 256]
)
PAIRS = st.lists(st.tuples(KEYS, TEXTS), max_size=6) | st.just([(f"k{number}", "x") for number in range(140)])
TRACE, OTHER = b"\1" * 16, b"\2" * 8
SOUND_LINK = Message.Link(trace_id=TRACE, span_id=OTHER, flags=1)
LINK = st.sampled_from(
    [
        SOUND_LINK,
        Message.Link(span_id=OTHER),
        Message.Link(trace_id=TRACE, span_id=OTHER, attributes=pairs_of({"a": 1})),
    ]
)
RESOURCE = st.tuples(st.booleans(), st.sampled_from([0, 3, 31, 32, 33, 40]), TEXTS)

Pairs = list[tuple[str, str]]


def pairs(sent: Pairs) -> list[KeyValue]:
    return [one for key, text in sent for one in pairs_of({key: text})]


def resource_of(*, is_named: bool, count: int, text: str) -> dict[str, str]:
    named = {"service.name": "shop"} if is_named else {}
    return {**named, **{f"r{number}": "x" for number in range(count)}, **({"long": text} if text else {})}


def stored(message: Message, resource: Mapping[str, str], scope: InstrumentationScope) -> Span:
    origin = origin_of(Resource(attributes=pairs_of(dict(resource))), scope)
    [(topic, _, body)] = record_of(message, origin, RULES, NUMBERS).record.messages
    event = decode_body(TOPICS[topic].event, body)
    assert isinstance(event, SpansRecorded)
    return event.spans[0]


def has_all(found: Span, message: Message, resource: Mapping[str, str], scope: InstrumentationScope) -> bool:
    """Whether all that was sent is on the stored span, read again without what the receiver thinks of it."""
    kept = found.attributes
    events = [
        {
            "name": one.name,
            "time_us": one.time_unix_nano // NS_PER_US,
            "attributes": {pair.key: pair.value.string_value for pair in one.attributes},
        }
        for one in message.events
    ]
    links = [f"00-{one.trace_id.hex()}-{one.span_id.hex()}-{one.flags:02x}" for one in message.links]
    keys = [pair.key for each in (message, *message.events) for pair in each.attributes]
    names = len(message.attributes) + sum(len(one.attributes) for one in message.events)
    return (
        found.name == message.name
        and all(kept.get(pair.key) == pair.value.string_value for pair in message.attributes)
        and len(keys) == names == sum(len({p.key for p in each.attributes}) for each in (message, *message.events))
        and all(kept.get(f"resource.{name}", found.service) == text for name, text in resource.items())
        and sum(name.startswith("resource.") for name in kept) == len(resource) - ("service.name" in resource)
        and json.loads(kept.get(EVENTS, "[]")) == events
        and kept.get(LINKS, "").split() == links
        and not any(len(one.attributes) for one in message.links)
        and kept.get("otel.status_description", "") == message.status.message
        and (kept.get("otel.scope", ""), len(scope.attributes)) == (scope.name, 0)
    )


@given(
    PAIRS,
    st.lists(st.tuples(TEXTS, PAIRS), max_size=3),
    st.lists(LINK, max_size=12),
    TEXTS,
    RESOURCE,
    st.tuples(TEXTS, st.booleans()),
)
@example([], [], [], "", (False, 33, ""), ("", False))
@example([], [("e", [("k1", "x" * LONG)])], [], "", (True, 0, ""), ("", False))
@example([], [], [], "x" * LONG, (True, 0, ""), ("", False))
@example([], [], [Message.Link(span_id=OTHER)], "", (True, 0, ""), ("", False))
@example([("k" * 300 + "a", "x"), ("k" * 300 + "b", "y")], [], [], "", (True, 0, ""), ("", False))
def test_what_is_shorter_than_it_was_sent_has_a_note_and_nothing_else_has(
    attributes: Pairs,
    events: list[tuple[str, Pairs]],
    links: list[Message.Link],
    status: str,
    resource: tuple[bool, int, str],
    scope: tuple[str, bool],
) -> None:
    told = [Message.Event(name=name, time_unix_nano=7_000, attributes=pairs(sent)) for name, sent in events]
    message = span(events=told, links=links, status=Status(message=status))
    message.attributes.extend(pairs(attributes))
    is_named, count, text = resource
    shared = resource_of(is_named=is_named, count=count, text=text)
    of_scope = InstrumentationScope(name=scope[0], attributes=pairs_of({"a": 1} if scope[1] else {}))

    found = stored(message, shared, of_scope)

    assert (CUT in found.attributes) is not has_all(found, message, shared, of_scope)


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"links": [Message.Link(span_id=OTHER)]}, {"links": 1}),
        ({"status": Status(message="x" * LONG)}, {"values": 1, "names": ["otel.status_description"]}),
        ({"events": [Message.Event(attributes=pairs_of({"a": "x" * LONG}))]}, {"values of events": 1}),
        ({"events": [Message.Event(attributes=pairs([("a", "x")] * 3))]}, {"attributes of events": 2}),
    ],
)
def test_a_note_says_what_is_missing_and_how_much(fields: dict[str, Any], note: dict[str, Any]) -> None:
    found = stored(span(**fields), {"service.name": "shop"}, InstrumentationScope())

    assert json.loads(found.attributes[CUT]) == note


def test_a_resource_without_a_name_of_its_service_counts_each_attribute_that_is_not_kept() -> None:
    found = stored(span(), {f"r{number}": "x" for number in range(33)}, InstrumentationScope())

    assert json.loads(found.attributes[CUT]) == {"attributes of the resource": 1}


@pytest.mark.parametrize("size", range(6_130, 6_150))
def test_bytes_that_are_cut_are_noted(size: int) -> None:
    found = stored(
        span({"b" * 200: b"x" * size, **{f"a{n}": "x" * 8_000 for n in range(7)}}), {}, InstrumentationScope()
    )

    is_whole = len(found.attributes["b" * 200]) == (size + 2) // 3 * 4
    assert (CUT in found.attributes) is not is_whole


def test_a_senders_attribute_that_weir_writes_itself_is_noted() -> None:
    found = stored(span({"otel.scope": "mine"}), {}, InstrumentationScope(name="tests"))

    assert found.attributes["otel.scope"] == "tests"
    assert json.loads(found.attributes[CUT]) == {"attributes": 1, "names": ["otel.scope"]}


def test_a_list_whose_values_are_too_deep_is_noted() -> None:
    deep: Any = "x"
    for _ in range(DEPTH_MAX + 2):
        deep = [deep]

    found = stored(span({"deep": deep}), {}, InstrumentationScope())

    assert json.loads(found.attributes[CUT]) == {"values": 1, "names": ["deep"]}
