"""`docs-qa-stream` of the chaos suite: `pieces=` pieces of `chars=` characters, one every `pause_ms=`, for all at once."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
DEFAULTS = {"pieces": 5, "chars": 20, "pause_ms": 20}


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Nothing streams yet."""
        self._streams: list[threading.Thread] = []

    def execute(self, requests: list[Any]) -> None:
        """Begin to stream; a thread for each, so that two hundred go on side by side."""
        self._streams = [thread for thread in self._streams if thread.is_alive()]
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()[0].decode()
            thread = threading.Thread(target=_stream, args=(request.get_response_sender(), text))
            thread.start()
            self._streams.append(thread)

    def finalize(self) -> None:
        """Let every stream end."""
        for thread in self._streams:
            thread.join()


def _stream(sender: Any, text: str) -> None:
    pieces, chars, pause_ms = (_asked(text, name) for name in ("pieces", "chars", "pause_ms"))
    for _ in range(pieces):
        if sender.is_cancelled():
            break
        tensor = pb_utils.Tensor("text_output", np.array([b"x" * chars], dtype=np.object_))
        sender.send(pb_utils.InferenceResponse([tensor]))
        time.sleep(pause_ms / 1_000)
    sender.send(flags=FINAL)


def _asked(text: str, name: str) -> int:
    found = re.search(rf"{name}=(\d+)", text)
    return int(found[1]) if found else DEFAULTS[name]
