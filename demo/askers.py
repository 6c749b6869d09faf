"""The two stock clients of the demo, used as their own documentation shows: only host, port and key are Weir's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import openai
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from demo.answers import Answer, Ask, Outcome, Refusal
from harness.calls.asking import ask_over_openai, openai_client, text_input

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
        sent_s = time.monotonic()
        try:
            result = self._client.infer(
                self._route,
                [text_input("text_input", ask.question.text)],
                request_id=ask.client_request_id,
                headers={**self._key, **_session(ask)},
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
        """base_url: the gateway's, without /v1."""
        self._client = openai_client(base_url, api_key, timeout=TIMEOUT_S)
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
        asked = ask_over_openai(self._client, ask.question.text, model=self._route, **_session(ask))
        return asked.text, asked.request_id

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


def _session(ask: Ask) -> dict[str, str]:
    return {"weir-session": ask.question.session} if ask.question.session else {}


def _texts(chunks: openai.Stream[openai.types.chat.ChatCompletionChunk]) -> Iterator[str]:
    for chunk in chunks:
        for choice in chunk.choices:
            yield choice.delta.content or ""
