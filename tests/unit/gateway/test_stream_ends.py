"""K2 on a gRPC stream: what belongs to no open request ends none, reaches nobody under a strange id, and is not called ok."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tritonclient.grpc import service_pb2

from unit.gateway.doors import KEYS, Doors, Stream, doors, piece_of, request_of
from weir.gateway.api.oip.stream import StreamSession

pytestmark = pytest.mark.capability("X1")

Ids = list[str]
Answers = Callable[[Ids], list[bytes]]
SCRIPTS = 40
"""Random streams that are tried. Each takes some milliseconds."""

STEPS_MAX = 8
"""Responses of a random stream: enough for three requests to end, and for something after it."""


def error_piece(message: str, message_id: str = "") -> bytes:
    """A ModelStreamInferResponse that is an error."""
    response = service_pb2.ModelStreamInferResponse(error_message=message)
    if message_id:
        response.infer_response.id = message_id
    return bytes(response.SerializeToString())


def answering(script: Answers) -> Stream:
    """A model that reads all requests, then sends what the script makes of the ids they came with."""

    async def model(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        ids = [service_pb2.ModelInferRequest.FromString(one).id async for one in requests]
        for answer in script(ids):
            yield answer

    return model


def stray() -> float:
    """Responses that were dropped so far."""
    return REGISTRY.get_sample_value("weir_gateway_stray_responses_total") or 0.0


async def played(gateway: Doors, asked: Ids, script: Answers) -> tuple[list[bytes], list[tuple[str, str, str]]]:
    """What the client was told, and the ends by id: outcome, reason."""
    before = len(gateway.records())
    gateway.model.stream = answering(script)
    async with gateway.channel() as channel:
        told = await gateway.stream(*(request_of("qa-stream", one) for one in asked), channel=channel)
    await gateway.until(lambda: gateway.held == (0, 0, 0))
    ended = [one for one in gateway.records()[before:] if one.end is not None and one.call is not None]
    return told, [
        (one.call.client_request_id, str(one.end.outcome), one.end.error_type) for one in ended if one.call and one.end
    ]


FAILED, OK = ("failed", "upstream_error"), ("ok", "")


@pytest.mark.parametrize(
    ("asked", "script", "expected"),
    [
        (["a", "b"], lambda ids: [error_piece("boom"), error_piece("boom")], {"a": FAILED, "b": FAILED}),
        (["a", "b"], lambda ids: [error_piece("boom"), piece_of("a", is_last=True)], {"a": OK, "b": FAILED}),
        (["a", "b"], lambda ids: [piece_of("a"), error_piece("boom")], {"a": FAILED, "b": FAILED}),
        (["a", "b"], lambda ids: [], {"a": FAILED, "b": FAILED}),
        (["a", "b"], lambda ids: [piece_of("b")], {"a": FAILED, "b": OK}),
        (["a"], lambda ids: [piece_of("")], {"a": FAILED}),
    ],
    ids=["two errors", "one answered", "a piece, then an error", "nothing", "one without a final piece", "no echo"],
)
async def test_a_call_is_ok_only_if_its_own_answer_came(
    tmp_path: Path, asked: Ids, script: Answers, expected: dict[str, tuple[str, str]]
) -> None:
    async with doors(tmp_path) as gateway:
        _, ends = await played(gateway, asked, script)

    assert {name: (outcome, reason) for name, outcome, reason in ends} == expected
    assert len(ends) == len(asked)


async def test_a_model_that_answers_with_its_last_response_alone_did_answer(tmp_path: Path) -> None:
    def last(ids: Ids) -> list[bytes]:
        response = service_pb2.ModelStreamInferResponse()
        response.infer_response.id = ids[0]
        response.infer_response.parameters["triton_final_response"].bool_param = True
        return [bytes(response.SerializeToString())]

    async with doors(tmp_path) as gateway:
        _, ends = await played(gateway, ["a"], last)

    assert ends == [("a", *OK)]


@pytest.mark.parametrize("late", [piece_of, error_piece], ids=["piece", "error"])
async def test_what_comes_after_the_end_of_its_call_is_dropped_and_counted(tmp_path: Path, late: Any) -> None:
    def answers(ids: Ids) -> list[bytes]:
        over = late("late", ids[1]) if late is error_piece else late(ids[1], "late")
        return [piece_of(one, is_last=True) for one in reversed(ids)] + [over, over]

    before = stray()
    async with doors(tmp_path) as gateway:
        told, ends = await played(gateway, ["a", "a"], answers)

    assert told == [piece_of("a", is_last=True)] * 2, "and no id of ours"
    assert ends == [("a", *OK)] * 2
    assert stray() - before == 2


@pytest.mark.slow
async def test_a_client_sees_its_own_ids_and_every_call_its_own_end(tmp_path: Path) -> None:
    chance = random.Random(9)
    async with doors(tmp_path) as gateway:
        for _ in range(SCRIPTS):
            asked = [chance.choice(["a", "b", ""]) for _ in range(chance.randrange(1, 4))]
            steps = [(chance.randrange(4), chance.randrange(4)) for _ in range(chance.randrange(STEPS_MAX))]
            finals = set[str]()

            def answers(ids: Ids, steps: Any = steps, finals: set[str] = finals) -> list[bytes]:
                made = []
                for place, kind in steps:
                    name = ids[place] if place < len(ids) else "nobody"
                    finals |= {name} if kind == 1 else set()
                    made.append(
                        [piece_of(name), piece_of(name, is_last=True), error_piece("b", name), error_piece("b")][kind]
                    )
                return made

            told, ends = await played(gateway, asked, answers)

            heard = {service_pb2.ModelStreamInferResponse.FromString(one).infer_response.id for one in told}
            assert heard <= {*asked, ""}, (asked, steps)
            assert sorted(name for name, *_ in ends) == sorted(asked), (asked, steps)
            if not steps:
                assert {outcome for _, outcome, _ in ends} == {"failed"}


class Client:
    """A client that asks once and reads what it gets; it has the part of gRPC's context that a stream uses."""

    def __init__(self) -> None:
        self._questions = [request_of("qa-stream", "a")]

    async def read(self) -> bytes:
        if not self._questions:
            await asyncio.Event().wait()
        return self._questions.pop()

    async def write(self, _: bytes) -> None:
        return

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def time_remaining(self) -> float | None:
        return None


@pytest.mark.parametrize("turns", range(8))
async def test_a_client_that_leaves_while_its_stream_ends_leaves_no_call_open(tmp_path: Path, turns: int) -> None:
    """The handler is cancelled twice: the stream is being closed when the second one comes, so many turns of the loop later."""
    async with doors(tmp_path) as gateway:
        gateway.model.stream = never
        headers = {"authorization": f"Bearer {KEYS['ada']}"}
        running = asyncio.create_task(StreamSession(gateway.parts, headers, Client()).run())
        await gateway.until(lambda: gateway.is_holding(1))

        running.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert gateway.held == (0, 0, 0)
        assert gateway.ends() == [("cancelled", "cancelled")]


async def never(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    """A model that never answers."""
    async for _ in requests:
        await asyncio.Event().wait()
        yield b""
