"""K3 at both doors, over real sockets: who is known is limited before any work, and who is not known costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client import REGISTRY
from tritonclient.grpc import service_pb2

from harness.samples.builders import envelope
from harness.waiting import PATIENCE_S
from unit.gateway.doors import (
    CHECK,
    FREE,
    KEYS,
    QUESTION,
    SERVING,
    bearer,
    doors,
    echo,
    infer_on,
    request_of,
    still_serves,
    stream_on,
)
from weir.capture.spool_folder import spooled_bytes
from weir.events import RegistryChanged, digest_of
from weir.runtime.clock import monotonic_s
from weir.runtime.oip import SERVICE

pytestmark = pytest.mark.capability("X1")

WATCH = "/grpc.health.v1.Health/Watch"
ASKED = [{"role": "user", "content": "a question"}]
MANY = 520
"""More than the gateway's RPCs of before could be."""


def limited(limit: str) -> float:
    """How often this limit was in the way."""
    return REGISTRY.get_sample_value("weir_gateway_limited_total", {"limit": limit}) or 0.0


async def code_of(call: Any) -> grpc.StatusCode:
    async with asyncio.timeout(PATIENCE_S):
        code: grpc.StatusCode = await call.code()
    return code


async def test_health_watches_are_bounded_and_take_no_place_of_a_call(tmp_path: Path) -> None:
    async with doors(tmp_path, health_watches_max=64) as gateway, gateway.channel() as channel:
        before = limited("health_watches_share")
        watches = [channel.unary_stream(WATCH)(QUESTION) for _ in range(MANY)]
        firsts = await asyncio.gather(*(watch.read() for watch in watches), return_exceptions=True)

        told = [bytes(one) for one in firsts if isinstance(one, bytes)]
        assert told == [SERVING] * 43  # two for each free one: 42, and the one that takes the next
        assert limited("health_watches_share") - before == MANY - 43
        assert gateway.held == FREE
        await still_serves(gateway)
        for watch in watches:
            watch.cancel()


@pytest.mark.parametrize("method", ["ModelInfer", "RepositoryModelLoad"])
@pytest.mark.slow
async def test_calls_that_send_only_headers_without_a_key_are_refused_before_their_message(
    tmp_path: Path, method: str
) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        path = f"/inference.GRPCInferenceService/{method}"
        calls = [channel.stream_stream(path)() for _ in range(MANY)]
        codes = set(await asyncio.gather(*map(code_of, calls)))

        expected = grpc.StatusCode.UNIMPLEMENTED if method == "RepositoryModelLoad" else grpc.StatusCode.UNAUTHENTICATED
        assert codes == {expected}
        await still_serves(gateway)


async def test_health_checks_that_send_only_headers_hold_nothing_for_long(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        checks = [channel.stream_stream(CHECK)() for _ in range(MANY)]
        codes = await asyncio.gather(*map(code_of, checks), still_serves(gateway))

        assert set(codes) == {grpc.StatusCode.DEADLINE_EXCEEDED, None}


async def test_a_message_over_the_limit_is_refused_and_frees_its_place(tmp_path: Path) -> None:
    async with doors(tmp_path, message_bytes_max=100_000) as gateway, gateway.channel() as channel:
        large = request_of(text="x" * 200_000)
        assert await code_of(infer_on(channel)(large, metadata=bearer(KEYS["ada"]))) is (
            grpc.StatusCode.RESOURCE_EXHAUSTED
        )
        assert (await gateway.chat(padding="x" * 200_000)).status_code == 413

        await gateway.until(lambda: gateway.held == FREE and len(gateway.ends()) == 2)
        await still_serves(gateway)


async def test_header_only_calls_with_a_key_hold_their_own_tenants_places_and_not_for_long(tmp_path: Path) -> None:
    async with doors(tmp_path, calls_at_once_max=30, request_read_s=2.0) as gateway, gateway.channel() as channel:
        path = "/inference.GRPCInferenceService/ModelInfer"
        calls = [channel.stream_stream(path)(metadata=bearer(KEYS["ada"])) for _ in range(60)]
        await gateway.until(lambda: gateway.held[0] == 20)
        await still_serves(gateway)

        codes = await asyncio.gather(*map(code_of, calls))
        assert set(codes) == {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}
        await gateway.until(lambda: gateway.held == FREE)


async def test_idle_streams_of_one_tenant_leave_room_to_others(tmp_path: Path) -> None:
    """None ends by itself meanwhile: a slot that came free would be taken by one that was to be refused."""
    async with doors(tmp_path, stream_idle_s=3_600) as gateway, gateway.channel() as channel:
        before = limited("streams_at_once_tenant")
        streams = [stream_on(channel)(metadata=bearer(KEYS["ada"])) for _ in range(256)]
        await gateway.until(lambda: sum(stream.done() for stream in streams) == 128)
        assert gateway.held[1] == 128
        assert limited("streams_at_once_tenant") - before == 128
        async with gateway.channel() as other:
            assert len(await gateway.stream(request_of("qa-stream"), channel=other, key=KEYS["bob"])) == 2
        await still_serves(gateway)

        assert gateway.held[1] == 128
        assert gateway.model.calls == 3, "an idle stream asks nothing of the model server"
        for stream in streams:
            stream.cancel()
        codes = await asyncio.gather(*map(code_of, streams))
        assert codes.count(grpc.StatusCode.CANCELLED) == codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 128
        await gateway.until(lambda: gateway.held == FREE)


async def test_idle_streams_end_and_leave_their_places(tmp_path: Path) -> None:
    """As many as a tenant may have: none is refused, however long their opening takes."""
    async with doors(tmp_path, stream_idle_s=0.5) as gateway, gateway.channel() as channel:
        streams = [stream_on(channel)(metadata=bearer(KEYS["ada"])) for _ in range(128)]
        codes = await asyncio.gather(*map(code_of, streams))

        assert codes == [grpc.StatusCode.DEADLINE_EXCEEDED] * 128
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.model.calls == 0
        await still_serves(gateway)


@pytest.mark.slow
async def test_strangers_with_large_bodies_leave_small_records_and_never_the_room_of_calls_in_hand(
    tmp_path: Path,
) -> None:
    async with doors(tmp_path, spool_bytes_max=65_536) as gateway, gateway.channel() as channel:
        wire = request_of(text="x" * 2_000_000)
        for _ in range(130):
            call = infer_on(channel)(wire, metadata=bearer("weir_00000000_" + "x" * 43))
            assert await code_of(call) is grpc.StatusCode.UNAUTHENTICATED
        for _ in range(20):
            assert (await gateway.chat("none", padding="x" * 100_000)).status_code == 401

        assert spooled_bytes(gateway.spool) < 32_768
        await still_serves(gateway)
        refusals = [one for one in gateway.records() if one.end is not None and one.end.outcome == "refused"]
        assert all(one.wire == b"" for one in refusals)


async def test_refusals_are_sampled_and_all_are_counted(tmp_path: Path) -> None:
    async with doors(tmp_path, refusals_recorded_per_minute=3) as gateway:
        for _ in range(10):
            assert (await gateway.chat("none")).status_code == 401

        assert gateway.ends() == [("refused", "unauthenticated")] * 3


@pytest.mark.parametrize("is_of_key", [True, False])
async def test_a_rate_is_kept_before_the_body_is_looked_at(tmp_path: Path, is_of_key: bool) -> None:
    limits = {"calls_per_minute": 3}
    options: dict[str, Any] = {"limits": limits} if is_of_key else {"limits_by_tenant": {"ada": limits}}
    name = f"calls_per_minute_{'key' if is_of_key else 'tenant'}"
    async with doors(tmp_path, **options) as gateway, gateway.channel() as channel:
        statuses = [(await gateway.chat(model=7)).status_code for _ in range(3)]
        answer = await gateway.chat(model=7)
        with pytest.raises(grpc.aio.AioRpcError, match=name) as error:
            await gateway.infer(b"no message", channel=channel)
        [told] = await gateway.stream(request_of("qa-stream"), channel=channel)

        assert statuses == [400] * 3
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert name in answer.json()["error"]["message"]
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert dict(error.value.trailing_metadata() or ())["retry-after-ms"]
        assert name.encode() in told
        await still_serves(gateway)


async def test_tokens_are_counted_before_and_after_the_model_server(tmp_path: Path) -> None:
    async with doors(tmp_path, limits={"tokens_per_minute": 100}) as gateway:
        answers = [await gateway.chat() for _ in range(4)]

        assert [one.status_code for one in answers] in ([200, 200, 429, 429], [200, 429, 429, 429])
        assert "tokens_per_minute_key" in answers[-1].json()["error"]["message"]
        large = await gateway.chat(messages=[{"role": "user", "content": "x" * 1_000}])
        assert large.status_code == 413
        assert "retry-after" not in large.headers, "a wait would not help"


async def test_bytes_in_hand_are_bounded_for_each_tenant(tmp_path: Path) -> None:
    async with doors(tmp_path, limits={"bytes_in_hand": 10_000}) as gateway, gateway.channel() as channel:
        large = request_of(text="x" * 20_000)
        with pytest.raises(grpc.aio.AioRpcError, match="bytes_in_hand_key is 10000; send less") as error:
            await gateway.infer(large, channel=channel)
        assert "retry-after-ms" not in dict(error.value.trailing_metadata() or ()), "a wait would not help"
        for size in (20_000, 2_000_000):  # in one part, and in many
            answer = await gateway.chat(padding="x" * size)
            assert answer.status_code == 413, answer.text
            assert "bytes_in_hand_key is 10000; send less" in answer.text
            assert "retry-after" not in answer.headers
        await gateway.infer(large, KEYS["bob"], channel)
        assert gateway.held == FREE


@pytest.mark.parametrize("rights", [{"routes": ["other"]}, {"scopes": ["models"]}], ids=["route", "scope"])
async def test_who_may_not_ask_a_route_costs_no_work_and_learns_nothing_of_it(
    tmp_path: Path, rights: dict[str, Any]
) -> None:
    async with doors(tmp_path, rights=rights) as gateway, gateway.channel() as channel:
        wrongs: list[dict[str, Any]] = [
            {}, {"stream": True}, {"seed": 3}, {"messages": [{"role": "system", "content": "x"}, *ASKED]},
        ]  # fmt: skip
        for wrong in wrongs:
            answer = await gateway.chat(**wrong)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied"), answer.text
        embeddings = await gateway.client.post(
            f"{gateway.url}/v1/embeddings", json={"model": "qa", "input": "x"}, headers=dict(bearer(KEYS["ada"]))
        )
        assert embeddings.status_code == 403, "not that the route serves chat"
        for metadata in ((), (("weir-prompt", "no-such-prompt"),)):
            call = infer_on(channel)(request_of(), metadata=(*bearer(KEYS["ada"]), *metadata))
            assert await code_of(call) is grpc.StatusCode.PERMISSION_DENIED

        assert (gateway.model.looked_at, gateway.model.calls) == (0, 0)
        assert gateway.ends() == [("refused", "permission_denied")] * 7
        await still_serves(gateway)


@pytest.mark.parametrize("rights", [{"routes": ["other"]}, {"scopes": ["models", "feedback"]}], ids=["route", "scope"])
async def test_who_may_not_ask_a_route_is_not_told_whether_there_is_one(tmp_path: Path, rights: dict[str, Any]) -> None:
    async with doors(tmp_path, rights=rights) as gateway, gateway.channel() as channel:
        answers = []
        for name in ("qa", "nothing"):
            answer = await gateway.chat(model=name)
            code = await code_of(infer := infer_on(channel)(request_of(name), metadata=bearer(KEYS["ada"])))
            answers.append(
                (
                    answer.status_code,
                    answer.text.replace(f"'{name}'", ""),
                    code,
                    (await infer.details()).replace(f"'{name}'", ""),
                )
            )
            assert (answer.status_code, code) == (403, grpc.StatusCode.PERMISSION_DENIED)

        assert answers[0] == answers[1]


async def test_who_may_not_look_at_a_route_is_not_told_whether_there_is_one(tmp_path: Path) -> None:
    async with doors(tmp_path, rights={"routes": ["other"]}) as gateway, gateway.channel() as channel:
        headers = dict(bearer(KEYS["ada"]))
        for name in ("qa", "qa-stream", "nothing"):
            answer = await gateway.client.get(f"{gateway.url}/v1/models/{name}", headers=headers)
            question = service_pb2.ModelReadyRequest(name=name).SerializeToString()
            ready = channel.unary_unary(f"/{SERVICE}/ModelReady")(question, metadata=bearer(KEYS["ada"]))
            assert (answer.status_code, await code_of(ready)) == (403, grpc.StatusCode.PERMISSION_DENIED)


def asset(kind: str, name: str, spec: dict[str, Any]) -> RegistryChanged:
    return RegistryChanged(
        **envelope(f"{kind} {name}"), revision=2, change="alias_moved", kind=kind, name=name, version="1",
        digest=digest_of(spec), alias="prod", body_json=json.dumps(spec), author="me",
    )  # fmt: skip


async def test_a_small_message_with_a_large_shape_costs_nothing(tmp_path: Path) -> None:
    message = service_pb2.ModelInferRequest.FromString(request_of("qa-stream"))
    message.inputs[0].shape[:] = [2**40]
    bomb = bytes(message.SerializeToString())
    message.inputs.add(name="sampling_parameters", datatype="BYTES", shape=[1])
    message.raw_input_contents.append((20_000).to_bytes(4, "little") + b"[" * 20_000)
    large = bytes(message.SerializeToString())
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        policy = {"output_tokens_max": 64, "input_bytes_max": 10_000}
        gateway.parts.catalog.apply(asset("policy", "tight", policy))
        chain = {"model": "qa@prod", "policy": "tight@prod", "nodes": [], "edges": []}
        gateway.parts.catalog.apply(asset("chain", "limited", chain))
        for wire, code in ((bomb, "INVALID_ARGUMENT"), (large, "RESOURCE_EXHAUSTED")):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await gateway.infer(wire, channel=channel)
            assert error.value.code().name == code, error.value.details()

        assert gateway.ends() == [("refused", "invalid_request"), ("refused", "payload_too_large")]
        assert gateway.model.calls == 0
        await still_serves(gateway)


async def test_calls_at_once_of_a_key_are_bounded(tmp_path: Path) -> None:
    async with doors(tmp_path, limits={"calls_at_once": 2}) as gateway, gateway.channel() as channel:
        go = asyncio.Event()

        async def waits(message: bytes, context: Any) -> bytes:
            await go.wait()
            return await echo(message, context)

        gateway.model.unary = waits
        calls = [asyncio.create_task(gateway.infer(request_of(), channel=channel)) for _ in range(2)]
        await gateway.until(lambda: gateway.model.calls == 2)
        with pytest.raises(grpc.aio.AioRpcError, match="calls_at_once_key"):
            await gateway.infer(request_of(), channel=channel)
        go.set()
        await asyncio.gather(*calls)


async def test_a_name_of_eight_megabytes_is_not_echoed(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        name = "'" * 7_000_000
        answer = await gateway.chat(model=name)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await gateway.infer(request_of(name), channel=channel)

        assert answer.status_code in (400, 404)
        assert len(answer.content) < 2_000
        assert len(error.value.details() or "") < 2_000
        assert spooled_bytes(gateway.spool) < 4_000


HELD_S_MAX = 1.0
"""Seconds for which one request may hold the gateway's loop on a machine that is busy; alone it is below 0.1 s."""


@contextmanager
def watched_loop() -> Iterator[list[float]]:
    """Seconds between looks of the loop at its clock, while the block lasts."""
    gaps = [0.0]

    async def looks() -> None:
        while True:
            began_s = monotonic_s()
            await asyncio.sleep(0.01)
            gaps.append(monotonic_s() - began_s)

    looking = asyncio.get_running_loop().create_task(looks())
    try:
        yield gaps
    finally:
        looking.cancel()


@pytest.mark.slow
async def test_a_key_without_rights_does_not_hold_the_loop(tmp_path: Path) -> None:
    packed = service_pb2.ModelInferRequest.FromString(request_of())
    packed.inputs.add(name="ids").contents.int64_contents.extend([1] * 8_000_000)
    bombs = [request_of() + b"\x2a\x00" * 3_900_000, bytes(packed.SerializeToString())]
    body = b'{"model": "qa", "messages": [' + b"[]," * 2_700_000 + b"[]]}"
    async with doors(tmp_path, rights={"routes": ["other"]}) as gateway, gateway.channel() as channel:
        with watched_loop() as gaps:
            for bomb in bombs:
                with pytest.raises(grpc.aio.AioRpcError, match="cannot be sent on"):
                    await gateway.infer(bomb, channel=channel)
                [answer] = await gateway.stream(bomb, channel=channel)
                assert b"cannot be sent on" in answer
            question = channel.unary_unary(f"/{SERVICE}/ModelReady")(
                b"\x0a\x00" * 3_900_000, metadata=bearer(KEYS["ada"])
            )
            assert await code_of(question) is grpc.StatusCode.INVALID_ARGUMENT
            assert (
                await code_of(channel.unary_unary(CHECK)(b"\x0a\x00" * 3_900_000)) is grpc.StatusCode.INVALID_ARGUMENT
            )
            headers = {"content-type": "application/json", **dict(bearer(KEYS["ada"]))}
            told = await gateway.client.post(f"{gateway.url}/v1/chat/completions", content=body, headers=headers)
            assert (told.status_code, "values" in told.text) == (400, True), told.text

        assert max(gaps) < HELD_S_MAX
        assert gateway.ends() == [("refused", "invalid_request")] * 5
        await still_serves(gateway)


async def test_the_rights_are_asked_before_a_large_message_is_parsed(tmp_path: Path) -> None:
    large = request_of(text="x" * 20_000) + b"\x7a\x01x"
    async with doors(tmp_path, rights={"routes": ["other"]}) as gateway, gateway.channel() as channel:
        assert (
            await code_of(infer_on(channel)(large, metadata=bearer(KEYS["ada"]))) is grpc.StatusCode.PERMISSION_DENIED
        )
        assert await code_of(infer_on(channel)(large, metadata=bearer(KEYS["bob"]))) is grpc.StatusCode.INVALID_ARGUMENT

        assert gateway.ends() == [("refused", "permission_denied"), ("refused", "invalid_request")]
