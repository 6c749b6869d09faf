"""Bytes at the gRPC listener: what the gateway accepts means the same to protobuf before and after."""

from __future__ import annotations

import random
from collections.abc import Collection

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from weir.gateway.core.glance import glance
from weir.gateway.core.peek import NoMessage, Peeked, checked, outline

EDITS_MAX = 6
"""Changes made to one message. More of them leave nothing that is a message."""


def run(seed: int, cases: int) -> None:
    """Try `cases` changed messages. Raises AssertionError with the bytes of the first that has two meanings."""
    chance = random.Random(seed)
    for _ in range(cases):
        check(edited(chance, a_request(chance)))


def check(wire: bytes) -> None:
    """Raises AssertionError when these bytes are accepted and mean something else to protobuf."""
    try:
        meant = service_pb2.ModelInferRequest.FromString(wire)
    except DecodeError:
        meant = None
    check_glance(wire, meant)
    try:
        peeked = peek(wire)
    except NoMessage:
        return
    sent_on = service_pb2.ModelInferRequest.FromString(peeked.wire)
    assert sent_on == meant, f"accepted with another meaning: {wire.hex()}"
    assert (peeked.model_name, peeked.message_id) == (sent_on.model_name, sent_on.id), f"misread: {wire.hex()}"
    steering = {name for holder in (sent_on, *sent_on.inputs) for name in holder.parameters}
    assert steering <= {"triton_enable_empty_final_response"}, f"steers the server by {steering}: {wire.hex()}"
    assert not sent_on.model_version, f"asks a version: {wire.hex()}"


def peek(wire: bytes, allowed: Collection[str] = ()) -> Peeked:
    """What the gateway reads of a request. Raises NoMessage."""
    return checked(outline(wire), allowed)


def check_glance(wire: bytes, meant: service_pb2.ModelInferRequest | None) -> None:
    """Raises AssertionError when a glance reads another name or id than protobuf, of bytes that both accept."""
    try:
        seen = glance(wire)
    except NoMessage:
        return
    if meant is not None:
        assert seen == (meant.model_name, meant.id), f"glanced wrongly: {wire.hex()}"


def a_request(chance: random.Random, model: str = "docs-qa") -> bytes:
    """A request with one or two inputs and, now and then, a parameter."""
    request = service_pb2.ModelInferRequest(model_name=model, id=str(chance.randrange(100)))
    for name in ("text_input", "stream")[: chance.randrange(1, 3)]:
        request.inputs.add(name=name, datatype="BYTES", shape=[1])
        request.raw_input_contents.append(chance.randbytes(chance.randrange(12)))
    holder = chance.choice([None, request, request.inputs[0]])
    if holder is not None:
        name = chance.choice(["triton_enable_empty_final_response", "priority", "shared_memory_region"])
        holder.parameters[name].string_param = "x"
    return bytes(request.SerializeToString())


def edited(chance: random.Random, wire: bytes) -> bytes:
    """The message after a few bytes were overwritten, left out, put in, or a part of it repeated."""
    for _ in range(chance.randrange(EDITS_MAX)):
        at, length = chance.randrange(len(wire) + 1), chance.randrange(1, 12)
        noise = chance.randbytes(chance.randrange(1, 4))
        wire = chance.choice(
            [
                wire[:at] + noise + wire[at + len(noise) :],
                wire[:at] + wire[at + length :],
                wire[:at] + noise + wire[at:],
                wire[at : at + length] + wire,
                wire + wire[at : at + length],
                wire + a_request(chance),
            ]
        )
    return wire
