"""Streaming callers of gRPC and HTTP, and the moments of a stream at which something can be done to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import grpc
import httpx2
from tritonclient.grpc import service_pb2

from harness.calls.asking import text_input
from harness.stack.second_gateway import SecondGateway
from harness.waiting import RECOVER_WITHIN_S, eventually, lasts
from weir.runtime.identity import new_id

Moment = Literal["asked", "streaming", "ended"]
"""A stream was asked for, its first piece came, its last one did."""

MOMENTS: tuple[Moment, ...] = ("asked", "streaming", "ended")
QUESTION = "pieces=12 chars=20 pause_ms=25"
"""A stream of about 0.3 s."""

WORKERS = 4
TIMEOUT_S = 30.0
AGAIN_S = 0.2


class Broken(Exception):
    """A stream ended with an error that its client got."""


class Streams:
    """Callers over gRPC and HTTP; a stream is acknowledged when its end came without an error."""

    def __init__(self, gateway: SecondGateway, key: str, question: str = QUESTION) -> None:
        self._gateway = gateway
        self._key = key
        self._question = question
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._moments = {moment: threading.Event() for moment in MOMENTS}
        self.request_ids: list[str] = []
        """Of acknowledged streams of the HTTP listener."""
        self.client_ids: list[str] = []
        """Of acknowledged streams of the gRPC listener, as the client numbered them."""
        self.broken = 0
        ways = [self._over_grpc, self._over_http] * (WORKERS // 2)
        self._threads = [threading.Thread(target=self._work, args=(way,)) for way in ways]

    @property
    def acknowledged(self) -> int:
        """Streams that ended well."""
        return len(self.request_ids) + len(self.client_ids)

    def start(self) -> None:
        """Begin to stream."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Stop, and wait for the streams in flight."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def until(self, moment: Moment) -> None:
        """Wait until the next stream is at this moment."""
        self._moments[moment].clear()
        assert self._moments[moment].wait(RECOVER_WITHIN_S), f"no stream came to be {moment!r}"

    def more(self, acknowledged: int) -> None:
        """Wait until so many more streams ended well."""
        goal = self.acknowledged + acknowledged
        eventually(lambda: self.acknowledged >= goal, within_s=RECOVER_WITHIN_S, what=f"{goal} streams in all")

    def _work(self, way: object) -> None:
        assert callable(way)
        while not self._stop.is_set():
            try:
                way()
            except (grpc.RpcError, httpx2.HTTPError, Broken):
                with self._lock:
                    self.broken += 1
                lasts(AGAIN_S)

    def _over_grpc(self) -> None:
        client_id = new_id()
        with grpc.insecure_channel(self._gateway.grpc_address) as channel:
            answers = open_stream(channel, client_id, self._question)
            self._moments["asked"].set()
            for answer in answers:
                self._moments["streaming"].set()
                if answer.error_message:
                    raise Broken(answer.error_message)
                if is_last(answer):
                    self._acknowledge(self.client_ids, client_id)
                    return
        raise Broken("the stream ended without its last message")

    def _over_http(self) -> None:
        with sse(self._gateway.gateway.url, self._key, self._question) as answer:
            self._moments["asked"].set()
            for line in answer.iter_lines():
                self._moments["streaming"].set()
                if line == "data: [DONE]":
                    self._acknowledge(self.request_ids, answer.headers["weir-request-id"])
                    return
                if line.startswith("data: ") and "error" in json.loads(line[6:]):
                    raise Broken(line)
        raise Broken("the stream ended without [DONE]")

    def _acknowledge(self, ids: list[str], one: str) -> None:
        with self._lock:
            ids.append(one)
        self._moments["ended"].set()


def open_stream(channel: grpc.Channel, client_id: str, question: str, *, timeout_s: float = TIMEOUT_S) -> grpc.Call:
    """One request on a stream of its own; iterate for ModelStreamInferResponse messages."""
    message = service_pb2.ModelInferRequest(model_name="docs-qa-stream", id=client_id)
    for name, value in (("text_input", question),):
        tensor = text_input(name, value)
        message.inputs.append(tensor._get_tensor())
        message.raw_input_contents.append(tensor._get_content())
    call = channel.stream_stream(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        request_serializer=service_pb2.ModelInferRequest.SerializeToString,
        response_deserializer=service_pb2.ModelStreamInferResponse.FromString,
    )
    return call(iter([message]), timeout=timeout_s)


def is_last(answer: service_pb2.ModelStreamInferResponse) -> bool:
    """Whether Triton says that nothing follows."""
    return bool(answer.infer_response.parameters["triton_final_response"].bool_param)


@contextmanager
def sse(url: str, key: str, question: str, *, timeout_s: float = TIMEOUT_S) -> Iterator[httpx2.Response]:
    """One streamed chat completion. Raises httpx2.HTTPError, also for an error page."""
    body = {"model": "docs-qa", "stream": True, "messages": [{"role": "user", "content": question}]}
    headers = {"authorization": f"Bearer {key}"}
    with httpx2.stream("POST", f"{url}/v1/chat/completions", json=body, headers=headers, timeout=timeout_s) as answer:
        yield answer.raise_for_status()


@contextmanager
def streaming(gateway: SecondGateway, key: str, question: str = QUESTION) -> Iterator[Streams]:
    """Streams while the block runs."""
    streams = Streams(gateway, key, question)
    streams.start()
    try:
        yield streams
    finally:
        streams.finish()
