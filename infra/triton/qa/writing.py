"""Having `chat` write the sentence, over the server's own HTTP listener.

Not over a call between models: where a model asks one that streams, the process of the asking one dies in Triton 2.51, of memory
that is broken: two of two within two minutes, with six streams at a time.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PATH = "/v2/models/chat/generate_stream"
EVENT = b"data: "
PATIENCE_S = 120
"""Seconds without a byte after which `chat` is given up. Chosen: twice what the last of its 64 waiting requests waits for."""

REFUSED, AWAY, BROKEN = 400, 503, 500
"""Statuses of HTTP: the request is at fault; `chat` cannot take it now; anything else."""


class NotWritten(Exception):
    """`chat` did not answer. status: of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"chat did not answer: {text}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Part:
    """One response of `chat`: a piece of a stream, or the whole."""

    text: str
    finish_reason: str | None
    """None before the last."""
    input_tokens: int
    """Of the whole prompt."""
    output_tokens: int
    """Of this part."""


def written(address: str, prompt: str, parameters: str, *, is_stream: bool) -> Iterator[Part]:
    """The parts in their order. address: host:port of the server's HTTP listener. Raises NotWritten."""
    flags = ("exclude_input_in_output", "return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")
    asked = {"text_input": prompt, "sampling_parameters": parameters, "stream": is_stream, **dict.fromkeys(flags, True)}
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    try:
        connection.request("POST", PATH, json.dumps(asked), {"content-type": "application/json"})
        with connection.getresponse() as answer:
            if answer.status != http.client.OK:
                raise NotWritten(answer.status, _reason(json.loads(answer.read())))
            for line in answer:
                if line.startswith(EVENT):
                    yield _part(json.loads(line.removeprefix(EVENT)))
    except (OSError, http.client.HTTPException) as error:
        raise NotWritten(AWAY, f"{address} cannot be reached: {type(error).__name__}: {error}") from error
    except (ValueError, KeyError) as error:
        raise NotWritten(BROKEN, f"its answer cannot be read: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _part(event: Mapping[str, Any]) -> Part:
    if "error" in event:
        raise NotWritten(BROKEN, _reason(event))
    reason = event["finish_reason"]
    return Part(
        event["text_output"],
        None if reason == "None" else reason,
        event["num_input_tokens"],
        event["num_output_tokens"],
    )


def _reason(event: Mapping[str, Any]) -> str:
    return str(event.get("error", event))
