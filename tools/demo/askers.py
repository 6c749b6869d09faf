"""The two stock clients of the demo, used as their own documentation shows: only host, port and key are Weir's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import openai
import tritonclient.grpc as triton
from tools.demo.answers import Answer, Ask, Outcome, Refusal
from tritonclient.utils import InferenceServerException

TIMEOUT_S = 30.0
"""Seconds a call may take. Chosen: a hundred times the usual latency."""


class TritonAsker:
    """`tritonclient.grpc`, unary, against the gateway's Open Inference Protocol port."""

    name = "tritonclient"

    def __init__(self, address: str, route: str, api_key: str = "") -> None:
        """address: host:port. api_key: empty sends none, as a client of plain Triton does."""
        self._client = triton.InferenceServerClient(address)
        self._route = route
        self._key = {"authorization": f"Bearer {api_key}"} if api_key else {}

    def ask(self, ask: Ask) -> Outcome:
        """Ask through ModelInfer."""
        session = {"weir-session": ask.question.session} if ask.question.session else {}
        sent_s = time.monotonic()
        try:
            result = self._client.infer(
                self._route,
                [text_input(ask.question.text)],
                request_id=ask.client_request_id,
                headers={**self._key, **session},
                client_timeout=TIMEOUT_S,
            )
        except InferenceServerException as error:
            return Refusal(ask, self.name, str(error), sent_s)
        text = result.as_numpy("text_output").reshape(-1)[0].decode()
        return Answer(ask, self.name, text, "", sent_s, time.monotonic())

    def close(self) -> None:
        """Close the channel."""
        self._client.close()


class OpenAiAsker:
    """The `openai` package, chat completions, streamed or not, against the gateway's /v1."""

    def __init__(self, base_url: str, route: str, api_key: str, *, stream: bool) -> None:
        """base_url: ends in /v1."""
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=TIMEOUT_S)
        self._route = route
        self._stream = stream
        self.name = "openai-stream" if stream else "openai"

    def ask(self, ask: Ask) -> Outcome:
        """Ask through /v1/chat/completions."""
        sent_s = time.monotonic()
        try:
            text, request_id = self._streamed(ask) if self._stream else self._whole(ask)
        except openai.OpenAIError as error:
            return Refusal(ask, self.name, str(error), sent_s)
        return Answer(ask, self.name, text, request_id, sent_s, time.monotonic())

    def _whole(self, ask: Ask) -> tuple[str, str]:
        raw = self._client.chat.completions.with_raw_response.create(
            model=self._route,
            messages=[{"role": "user", "content": ask.question.text}],
            extra_headers=_session(ask),
        )
        return raw.parse().choices[0].message.content or "", raw.headers.get("weir-request-id", "")

    def _streamed(self, ask: Ask) -> tuple[str, str]:
        raw = self._client.chat.completions.with_raw_response.create(
            model=self._route,
            messages=[{"role": "user", "content": ask.question.text}],
            stream=True,
            extra_headers=_session(ask),
        )
        with raw.parse() as chunks:
            return "".join(_texts(chunks)), raw.headers.get("weir-request-id", "")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def text_input(text: str) -> triton.InferInput:
    """The one input that the question models need."""
    tensor = triton.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode()], dtype=np.object_))
    return tensor


def _session(ask: Ask) -> dict[str, str]:
    return {"weir-session": ask.question.session} if ask.question.session else {}


def _texts(chunks: openai.Stream[openai.types.chat.ChatCompletionChunk]) -> Iterator[str]:
    for chunk in chunks:
        for choice in chunk.choices:
            yield choice.delta.content or ""
