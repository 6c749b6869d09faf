"""What the generating chain asks the model: one passage, then the question.

One passage and this sentence answered best of what was tried: 7 of 20 questions sensibly where the passage was the right one.
Three passages made it worse.
"""

from __future__ import annotations

import json

from bad_request import BadRequest
from chat.sampling import Sampling, object_in, sampling_in

from qa.ranking import Retrieved

DEFAULTS = {"temperature": 0, "repetition_penalty": 1.05, "max_tokens": 110}
"""Sampling unless the client says otherwise. Measured: greedy answers keep to the passage; without the penalty 1 of 30 loops."""

NOT_RETURNED = ("logprobs", "structured_outputs", "ignore_eos")
"""Parameters of `chat` that this chain has no output or no use for."""


def prompt_of(question: str, source: Retrieved) -> str:
    """The text that the model is given. A passage and a question are plain text to it."""
    return f"{source.passage.text}\n\nUsing the text above, answer in one sentence: {question}"


def parameters_for(text: str) -> str:
    """`sampling_parameters` for `chat` from those of a client, with the defaults of this chain.

    Raises BadRequest naming a parameter that is unknown, out of range or of no use here.
    """
    sampling_in(text, Sampling())
    given = {name: value for name, value in object_in(text).items() if value is not None}
    for name in NOT_RETURNED:
        if name in given:
            raise BadRequest(
                f"sampling parameter {name} has no use in this chain; ask the model `chat` itself, or leave it out"
            )
    return json.dumps({**DEFAULTS, **given})
