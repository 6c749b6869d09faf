"""Clients that go away in the middle, or hardly read: the gateway gives up what they held, and others do not feel it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import grpc
import orjson

from chaos.guests import paced_gateway
from chaos.streams import open_stream
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import outcomes, row_of_numbers
from harness.calls.callers import calling
from harness.stack.paced_model import PacedModel
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.waiting import NOTICED_WITHIN_S, is_reached
from weir.runtime.identity import new_id

LONG = "pieces=1200 chars=20 pause_ms=50"
"""A stream of a minute, if nobody ends it."""

HUGE = "pieces=400 chars=40000 pause_ms=1"
"""Sixteen megabytes: more than the buffers of two sockets hold."""

SMALL_BUFFER_BYTES = 4_096
CHANNELS = 10
OPEN_CALLS = "weir_gateway_calls_at_once "
OPEN_UPSTREAM = "weir_inference_calls_in_flight"


def disconnected(stack: RunningStack, clients: int) -> Row:
    """Clients of gRPC and HTTP go away in the middle of their streams, all at once."""
    with paced_gateway(stack, "gone", inference={"WEIR_INFERENCE_CALLS_MAX": "256"}) as (gateway, model):
        with ExitStack() as open_ones:
            for _ in range(clients // 2):
                open_ones.enter_context(_http_stream(gateway, stack.api_key, LONG))
            open_ones.enter_context(_grpc_streams(gateway, clients - clients // 2))
            is_open = is_reached(lambda: gateway.gateway.metric(OPEN_CALLS) >= clients, NOTICED_WITHIN_S)
        let_go = is_reached(lambda: _open(gateway, model) == (0, 0), NOTICED_WITHIN_S)
        problems = [] if is_open else [f"not all of {clients} streams were open"]
        problems += [] if let_go else [f"still open at gateway, inference: {_open(gateway, model)}"]
        row = row_of_numbers(stack, f"{clients} clients gone in streams", clients, gateway.life, gateway.used)
        found = outcomes(stack, gateway.source)
        problems += [] if found == {"cancelled": clients} else [f"recorded {found}"]
        return replace(row, note=f"recorded {found}; open calls back to 0", problem="; ".join(problems))


def slow_reader(stack: RunningStack) -> Row:
    """A client reads a huge answer at one byte a second, then is cut; the gateway's memory and the others are well."""
    with paced_gateway(stack, "slow-reader", WEIR_GATEWAY_WRITE_TIMEOUT_S="5") as (gateway, model):
        with calling(lambda: gateway.grpc_address) as calls:
            calls.more(40)
            before_mib = _memory_mib(gateway)
            with _http_stream(gateway, stack.api_key, HUGE, buffer_bytes=SMALL_BUFFER_BYTES) as plug:
                reading = threading.Event()
                reader = threading.Thread(target=_read_slowly, args=(plug, reading))
                reader.start()
                calls.more(40)
                is_cut = is_reached(lambda: _recorded(gateway) >= 1, NOTICED_WITHIN_S)
                peak_mib = _memory_mib(gateway)
                calls.more(40)
                reading.set()
                reader.join(10)
        row = row_of_numbers(stack, "a client that reads a byte a second", 1, gateway.life, gateway.used)
        problems = [] if is_cut else ["the slow client was never cut"]
        problems += [f"{calls.refused} other calls failed"] if calls.refused else []
        note = (
            f"cut; the gateway's memory {before_mib:.0f} -> {peak_mib:.0f} MiB, {len(calls.acknowledged)} other calls"
        )
        return replace(row, note=note, problem="; ".join(problems))


def _open(gateway: SecondGateway, model: PacedModel) -> tuple[int, int]:
    return int(gateway.gateway.metric(OPEN_CALLS)), int(model.inference.metric(OPEN_UPSTREAM))


def _recorded(gateway: SecondGateway) -> int:
    return int(gateway.gateway.metric("weir_gateway_calls_total{", outcome="cancelled"))


def _memory_mib(gateway: SecondGateway) -> float:
    return float(gateway.gateway.process.memory_info().rss) / 2**20


def _read_slowly(plug: socket.socket, enough: threading.Event) -> None:
    while not enough.wait(1.0):
        try:
            if not plug.recv(1):
                return
        except OSError:
            return


@contextmanager
def _http_stream(gateway: SecondGateway, key: str, question: str, *, buffer_bytes: int = 0) -> Iterator[socket.socket]:
    """A bare socket with a stream begun on it; at the end it is cut with RST, as a client that dies does."""
    body = orjson.dumps({"model": "docs-qa", "stream": True, "messages": [{"role": "user", "content": question}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.socket() as plug:
        if buffer_bytes:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        plug.settimeout(60)
        plug.connect(("127.0.0.1", gateway.gateway.port))
        plug.sendall(head.encode() + body)
        assert plug.recv(64).startswith(b"HTTP/1.1 200"), "the stream was not begun"
        try:
            yield plug
        finally:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def _grpc_streams(gateway: SecondGateway, count: int) -> Iterator[None]:
    """Streams with their first pieces on a few channels, which are closed under them."""
    channels = [grpc.insecure_channel(gateway.grpc_address) for _ in range(CHANNELS)]
    try:
        streams = [open_stream(channels[n % CHANNELS], new_id(), LONG, timeout_s=300) for n in range(count)]
        for stream in streams:
            next(stream)
        yield
    finally:
        for channel in channels:
            channel.close()
