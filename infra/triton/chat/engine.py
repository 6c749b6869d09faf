"""llama.cpp with continuous batching: requests of several threads are written side by side, each in a slot.

It listens on a port of loopback whatever one does. A random key that nobody else is given closes that port; calls inside
the process need none.
"""

from __future__ import annotations

import pathlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chat.answer import EngineRefused, Kept, Piece, demand_json, read_chunk
from chat.prompt import Prompt
from chat.sampling import Sampling, body_of

QUIET = -1
"""Verbosity at which llama.cpp writes no text of a request into its log."""


@dataclass(frozen=True, slots=True)
class EngineSize:
    """How much at once. slots: answers written side by side. context_tokens: of one slot, prompt and answer together."""

    slots: int
    context_tokens: int
    threads: int


class Engine:
    """The model in memory."""

    def __init__(self, weights: pathlib.Path, size: EngineSize) -> None:
        """Loads the weights: under a second."""
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(weights)
        parameters.n_parallel = size.slots
        parameters.n_ctx = size.slots * size.context_tokens  # shared out among the slots
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = size.threads
        parameters.n_threads_http = 1
        parameters.cache_ram_mib = 0  # by default up to 8 GiB of prompts are kept
        parameters.endpoint_slots = parameters.endpoint_props = False
        parameters.ui = False
        parameters.verbosity = QUIET
        parameters.api_keys = [secrets.token_hex(32)]
        self._server: Any = xllamacpp.Server(parameters)

    @property
    def address(self) -> str:
        """Where its closed port is."""
        return str(self._server.listening_address)

    def write(
        self, prompt: Prompt, sampling: Sampling, is_over: Callable[[], bool], send: Callable[[Piece], None]
    ) -> bool:
        """Write one answer, each piece handed to `send`; blocks until its end. Returns False where `is_over` ended it.

        is_over: asked at each token; True frees the slot. Raises EngineRefused, and what `send` raises.
        """
        reading = _Reading(is_over, send, must_be_json=sampling.structured_outputs is not None)
        body = {
            **body_of(sampling),
            "prompt": prompt,
            "stream": True,
            "stream_options": {"include_usage": True},
            "timings_per_token": True,  # how many tokens were written so far
            "cache_prompt": False,  # its speed would tell one tenant what another one asked
        }
        self._server.handle_completions(body, reading.note)
        if reading.failure is not None:
            raise reading.failure
        if reading.is_cancelled:
            return False
        if not reading.is_finished:
            raise EngineRefused("the model ended without a reason", is_callers=False)
        return True


class _Reading:
    """Called by llama.cpp with each chunk; what is raised in a callback would be swallowed there."""

    def __init__(self, is_over: Callable[[], bool], send: Callable[[Piece], None], *, must_be_json: bool) -> None:
        self._is_over, self._send, self._must_be_json = is_over, send, must_be_json
        self._kept, self._texts = Kept(), list[str]()
        self.failure: Exception | None = None
        self.is_cancelled = False
        self.is_finished = False

    def note(self, chunk: dict[str, Any]) -> bool:
        """Read a chunk. True ends the answer."""
        try:
            self.is_cancelled = self._is_over()
            if not self.is_cancelled:
                self._kept, piece = read_chunk(self._kept, chunk)
                if piece is not None:
                    self._pass_on(piece)
        except Exception as error:  # noqa: BLE001  # carried out of llama.cpp's thread and raised there
            self.failure = error
        return self.is_cancelled or self.failure is not None

    def _pass_on(self, piece: Piece) -> None:
        self._texts.append(piece.text)
        self.is_finished = piece.finish_reason is not None
        if self._must_be_json and piece.finish_reason == "stop":
            demand_json("".join(self._texts))
        self._send(piece)
