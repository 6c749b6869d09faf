"""K2 on a gRPC stream: each of its requests has its own end and its own answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from tritonclient.grpc import service_pb2

from harness.failing_disk import FailingDisk
from unit.gateway.doors import (
    KEYS,
    bearer,
    doors,
    piece_of,
    request_of,
    stream_on,
)
from weir.capture.capture_full import CaptureFull
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.kept_answer import KeptAnswer

pytestmark = pytest.mark.capability("X1")


def error_piece(message: str) -> bytes:
    """A ModelStreamInferResponse that is an error without an id."""
    return bytes(service_pb2.ModelStreamInferResponse(error_message=message).SerializeToString())


async def test_a_refused_end_of_one_request_leaves_the_others_of_its_stream_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        capture = gateway.capture
        whole, failing = capture.write_end, ["first"]

        def refuses_once(call: Call, end: CallEnd, wire: bytes, answer: KeptAnswer) -> None:
            if call.client_request_id in failing:
                raise CaptureFull("no space left on device", "disk_refused")
            whole(call, end, wire, answer)

        monkeypatch.setattr(capture, "write_end", refuses_once)
        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        answers = []
        for request_id in ("first", "second"):
            await stream.write(request_of("qa-stream", request_id))
            answers += [bytes(await stream.read()) for _ in range(2)]
        await stream.done_writing()

        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
        assert b"no space left" in answers[1], "the first is told that it was not recorded"
        assert answers[2:] == [piece_of("second"), piece_of("second", is_last=True)]
        assert gateway.ends() == [("failed", "capture_full"), ("ok", "")]


async def answers_when_two_asked(requests: AsyncIterator[bytes], *answers: bytes) -> AsyncIterator[bytes]:
    count = 0
    async for _message in requests:
        count += 1
        if count == 2:
            for answer in answers:
                yield answer


@pytest.mark.parametrize(
    ("ids", "answers", "expected"),
    [
        (
            ("a", ""),
            [piece_of("", "of the second", is_last=True), piece_of("a", "of the first", is_last=True)],
            {"a": ("ok", "of the first"), "": ("ok", "of the second")},
        ),
        (
            ("a", "b"),
            [error_piece("nobody's"), piece_of("b", "of b", is_last=True), piece_of("a", "of a", is_last=True)],
            {"a": ("ok", "of a"), "b": ("ok", "of b")},
        ),
        (
            ("a", "b"),
            [piece_of("a", "of a", is_last=True), error_piece("b is bad")],
            {"a": ("ok", "of a"), "b": ("failed", "b is bad")},
        ),
    ],
    ids=["empty id", "an error of nobody", "an error of the only one"],
)
async def test_an_answer_of_a_stream_belongs_to_the_request_of_its_id(
    tmp_path: Path, ids: tuple[str, str], answers: list[bytes], expected: dict[str, tuple[str, str]]
) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.stream = lambda requests, _: answers_when_two_asked(requests, *answers)
        told = await gateway.stream(*(request_of("qa-stream", one) for one in ids), channel=channel)

        ended = {one.call.client_request_id: one for one in gateway.records() if one.end is not None and one.call}
        assert told == answers
        assert len(gateway.ends()) == 2
        for request_id, (outcome, text) in expected.items():
            record = ended[request_id]
            assert record.end is not None
            assert record.end.outcome == outcome
            assert [text.encode() in response for response in record.responses] == [True]


@pytest.mark.parametrize("shared", ["a", ""])
async def test_two_open_requests_with_one_id_keep_their_own_answers(tmp_path: Path, shared: str) -> None:
    async def answers_backwards(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        ids = [service_pb2.ModelInferRequest.FromString(await anext(requests)).id for _ in range(2)]
        for place, message_id in reversed(list(enumerate(ids))):
            yield piece_of(message_id, f"answer {place}", is_last=True)

    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.stream = answers_backwards
        told = await gateway.stream(*[request_of("qa-stream", shared)] * 2, channel=channel)

        assert told == [piece_of(shared, f"answer {place}", is_last=True) for place in (1, 0)]
        ended = {one.call.request_id: one.responses for one in gateway.records() if one.end is not None and one.call}
        asked = [one.call.request_id for one in gateway.records() if one.end is None and one.call]
        assert [b"answer 0" in ended[asked[0]][0], b"answer 1" in ended[asked[1]][0]] == [True, True]
        assert gateway.ends() == [("ok", ""), ("ok", "")]


async def ends_without_a_final_piece(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    async for _message in requests:
        yield piece_of("1")


async def test_a_stream_without_a_final_piece_ends_ok_only_when_it_is_synced(tmp_path: Path) -> None:
    disk = FailingDisk()
    async with doors(tmp_path, disk=disk, durability="fsync") as gateway, gateway.channel() as channel:
        gateway.model.stream = ends_without_a_final_piece
        assert await gateway.stream(request_of("qa-stream"), channel=channel) == [piece_of("1")]
        assert "fdatasync" in disk.seen

        disk.refuses = frozenset({"fdatasync"})
        with pytest.raises(grpc.aio.AioRpcError, match="did not sync") as refused:
            await gateway.stream(request_of("qa-stream"), channel=channel)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
