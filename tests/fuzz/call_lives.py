"""Calls at both listeners that end in every way, at any moment, many at once, over a spool that is often full.

However a client, the model server and the disk behave, each call that was admitted has one end or is named as shed, every
number is used once, and in the end nothing is held.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx2
from tritonclient.grpc import service_pb2

from unit.gateway.doors import KEYS, Doors, bearer, doors, infer_on, piece_of, request_of, response_of, stream_on
from weir.gateway.core.record import NUMBERS_TAKEN, Record

AT_ONCE = 16
"""Calls under way together. Arbitrary: enough to meet the limits below."""

CANCEL_S_MAX = 0.05
"""Longest time after which an impatient client leaves. Arbitrary: about five answers."""

WAYS = ("answers", "answers", "hangs", "is busy", "says garbage", "breaks off", "says an error", "is not there")
"""What the model server does, as the question names it."""

LIMITS: dict[str, Any] = {
    "request_read_s": 0.2, "timeout_s": 0.5, "calls_at_once_max": 24, "streams_at_once_max": 12, "stream_calls_max": 3,
    "bytes_in_hand_max": 65_536, "capture_bytes_max": 1_024, "spool_bytes_max": 65_536, "refusals_recorded_per_minute": 60,
}  # fmt: skip
"""Small, so that each of them is in the way now and then."""


def run(seed: int, cases: int) -> None:
    """Make `cases` calls. Raises AssertionError with what was promised and does not hold."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="weir-fuzz-") as folder:
        asyncio.run(_run(Path(folder), chance, cases))


async def _run(folder: Path, chance: random.Random, cases: int) -> None:
    on_full = chance.choice(["shed", "reject"])
    async with doors(folder, on_full=on_full, **LIMITS) as gateway, gateway.channel() as channel:
        gateway.model.unary, gateway.model.stream = _unary, _stream
        for _ in range(max(1, cases // AT_ONCE)):
            await asyncio.gather(*(_one(gateway, channel, chance) for _ in range(AT_ONCE)))
            if chance.random() < 0.5:
                gateway.records()  # drained: there is room again
        try:
            await gateway.until(lambda: _is_over(gateway))  # a call whose client left at once may yet arrive
        except TimeoutError as error:
            raise AssertionError(f"held {gateway.held}, without an end: {gateway.open_calls()}") from error
        check(gateway.records())


def _is_over(gateway: Doors) -> bool:
    gateway.records()
    gateway.capture.write_gap()
    return gateway.held == (0, 0, 0) and not gateway.open_calls()


def check(records: list[Record]) -> None:
    """Raises AssertionError when a call has two ends or a number has none or two meanings."""
    ended = [one.call.request_id for one in records if one.end is not None and one.call is not None]
    assert len(ended) == len(set(ended)), "a call has two ends"
    numbers = [
        number
        for one in records
        for number in (
            range(one.gap.first_seq, one.gap.last_seq + 1)
            if one.gap is not None
            else range(one.seq, one.seq + NUMBERS_TAKEN[one.kind])
        )
    ]
    assert sorted(numbers) == list(range(len(numbers))), "numbers with a hole, or used twice"


async def _one(gateway: Doors, channel: grpc.aio.Channel, chance: random.Random) -> None:
    text = chance.choice(WAYS) + " " + "x" * chance.choice([0, 0, 0, 500, 5_000])
    key = chance.choice([KEYS["ada"], KEYS["ada"], KEYS["bob"], "", "weir_00000000_wrong"])
    door = chance.randrange(4)
    calls: tuple[Awaitable[object], ...] = (
        _ask(channel, _wire(chance, "qa", text), key),
        _ask_in_stream(channel, [_wire(chance, "qa-stream", text) for _ in range(chance.randrange(5))], key),
        gateway.chat(key or "none", messages=[{"role": "user", "content": text}], stream=chance.random() < 0.5),
        _send_headers(channel, key),
    )
    for number, call in enumerate(calls):
        if number != door:
            _unused(call)
    patience_s = chance.choice([5.0, chance.uniform(0, CANCEL_S_MAX)])
    try:
        async with asyncio.timeout(patience_s):
            await calls[door]
    except (grpc.aio.AioRpcError, httpx2.HTTPError, TimeoutError):
        return


def _unused(call: Awaitable[object]) -> None:
    call.close()  # type: ignore[attr-defined]  # all of them are coroutines


async def _ask(channel: grpc.aio.Channel, wire: bytes, key: str) -> None:
    with _left(infer_on(channel)(wire, metadata=bearer(key))) as call:
        await call


async def _ask_in_stream(channel: grpc.aio.Channel, wires: list[bytes], key: str) -> None:
    with _left(stream_on(channel)(iter(wires), metadata=bearer(key))) as call:
        async for _ in call:
            pass


async def _send_headers(channel: grpc.aio.Channel, key: str) -> None:
    with _left(channel.stream_stream("/inference.GRPCInferenceService/ModelInfer")(metadata=bearer(key))) as call:
        await call.code()


@contextmanager
def _left(call: Any) -> Iterator[Any]:
    """A call of grpc.aio that is over when its block is left: who is cancelled while it begins may leave it open otherwise."""
    try:
        yield call
    finally:
        call.cancel()


def _wire(chance: random.Random, model: str, text: str) -> bytes:
    wire = request_of(chance.choice([model, model, model, "unknown"]), chance.choice(["", "1", "2"]), text)
    return chance.choice([wire, wire, wire, chance.randbytes(20)])


async def _unary(message: bytes, context: Any) -> bytes:
    request = service_pb2.ModelInferRequest.FromString(message)
    way = _way(request)
    if way in ("hangs", "breaks off"):
        await asyncio.Event().wait()
    if way in ("is busy", "is not there", "says an error"):
        await context.abort(_code(way), "no")
    return b"\x0a\xff\xff\xff" if way == "says garbage" else bytes(response_of(request.id).SerializeToString())


async def _stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for message in requests:
        request = service_pb2.ModelInferRequest.FromString(message)
        way = _way(request)
        if way in ("is busy", "is not there"):
            await context.abort(_code(way), "no")
        yield piece_of(request.id)
        if way == "hangs":
            await asyncio.Event().wait()
        if way == "breaks off":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        if way == "says garbage":
            yield b"\x0a\xff\xff\xff"
        if way == "says an error":
            yield bytes(service_pb2.ModelStreamInferResponse(error_message="no").SerializeToString())
        yield piece_of(request.id, is_last=True)


def _way(request: Any) -> str:
    text = request.raw_input_contents[0][4:].decode()
    return next((way for way in WAYS if text.startswith(way)), "answers")


def _code(way: str) -> grpc.StatusCode:
    return grpc.StatusCode.UNAVAILABLE if way == "is not there" else grpc.StatusCode.RESOURCE_EXHAUSTED
