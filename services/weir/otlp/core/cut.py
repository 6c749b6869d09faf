"""What of a span is shorter than its sender sent it, by name and amount.

Law: what a stored span lacks of the span that was sent is counted here, or where its attributes are kept (`attributes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

NS_PER_US = 1_000

NAME_CHARS_MAX = 256
"""Characters kept of a span's name, a service's name, a key. As the gateway keeps of a header."""

Kept = Mapping[str, AnyValue]
"""Attributes that are kept."""

Cut = dict[str, int]
"""How much is not kept, by what it is; only what is not 0."""


def cut_of_resource(resource: Resource, kept: Kept, service: str) -> Cut:
    """Of a resource. service: its service's name as it was sent; empty where none was taken out of its attributes."""
    return _counted(
        {
            "attributes of the resource": resource.dropped_attributes_count
            + len(resource.attributes)
            - len(kept)
            - bool(service),
            "characters of names": _over(resource.attributes[: len(kept) + 1]),
            "characters of its service": max(0, len(service) - NAME_CHARS_MAX),
        }
    )


def cut_of_scope(scope: InstrumentationScope, named: str) -> Cut:
    """Of a scope, whose attributes are not kept. named: its name and version as they were sent."""
    return _counted(
        {
            "attributes of the scope": scope.dropped_attributes_count + len(scope.attributes),
            "characters of its scope": max(0, len(named) - NAME_CHARS_MAX),
        }
    )


def cut_of_span(message: Message, attributes: Kept, links: Sequence[str], looked_at: int) -> Cut:
    """Of a span, before its attributes are looked at one by one. looked_at: attributes whose names were read."""
    start_us, end_us = message.start_time_unix_nano // NS_PER_US, message.end_time_unix_nano // NS_PER_US
    return _counted(
        {
            "attributes dropped by the sender": message.dropped_attributes_count,
            "events dropped by the sender": message.dropped_events_count,
            "links dropped by the sender": message.dropped_links_count,
            "attributes": len(message.attributes) - len(attributes),
            "links": len(message.links) - len(links),
            "attributes of links": sum(len(one.attributes) + one.dropped_attributes_count for one in message.links),
            "trace states of links": sum(bool(one.trace_state) for one in message.links),
            "characters of names": _over(message.attributes[:looked_at]),
            "characters of its name": max(0, len(message.name) - NAME_CHARS_MAX),
            "microseconds before its start": max(0, start_us - end_us),
        }
    )


def cut_of_event(event: Message.Event, attributes: Kept) -> Cut:
    """Of an event of a span, before its values are looked at."""
    return _counted(
        {
            "attributes of events": event.dropped_attributes_count + len(event.attributes) - len(attributes),
            "characters of names": _over(event.attributes[: len(attributes)])
            + max(0, len(event.name) - NAME_CHARS_MAX),
        }
    )


def together(*cuts: Mapping[str, int]) -> Cut:
    """All of them, each name once."""
    found = Cut()
    for cut in cuts:
        for what, count in cut.items():
            found[what] = found.get(what, 0) + count
    return found


def _over(pairs: Sequence[KeyValue]) -> int:
    return sum(max(0, len(pair.key) - NAME_CHARS_MAX) for pair in pairs)


def _counted(counts: Mapping[str, int]) -> Cut:
    return {what: count for what, count in counts.items() if count}
