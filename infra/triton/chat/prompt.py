"""The text of a request as the model reads it: one message of a user, in the model's own chat template.

Invariant: text is data. The control tokens of the template are given by their numbers, and a text that writes such a token out
is cut inside it, so that it reaches the model as plain characters. llama.cpp reads each string of a prompt for itself.
"""

from __future__ import annotations

import re

from bad_request import BadRequest

TEXT_BYTES_MAX = 65_536
"""Bytes of a text that are read into tokens. Chosen: 16 times what 2,048 tokens of English hold; more cannot fit."""

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
"""The system message: the template's own, which the model was trained with. Read by one person on 14 questions with a passage:
about 6 sensible answers, about 4 with a shorter message; without a passage the shorter one is better (6 of 12 against 4)."""

START, END = 1, 2
"""Numbers of <|im_start|> and <|im_end|> in this model's vocabulary."""

CONTROL = re.compile(
    r"<(?=\|(?:endoftext|im_start|im_end)\|>"
    r"|(?:repo_name|reponame|file_sep|filename|gh_stars|issue_start|issue_comment|issue_closed|jupyter_start|jupyter_text"
    r"|jupyter_code|jupyter_output|jupyter_script|empty_output)>)"
)
"""Where a control token of the vocabulary is written out: all 17, as the weights name them."""

Prompt = list[int | str]
"""Tokens by number, and texts that llama.cpp makes tokens of."""


def prompt_of(text: str) -> Prompt:
    """The prompt for a text. White space around the text is left out: a template whose system and history are empty has it.

    Raises BadRequest for a text that is empty or too large.
    """
    size = len(text.encode())
    if size > TEXT_BYTES_MAX:
        raise BadRequest(f"text_input has {size} bytes; at most {TEXT_BYTES_MAX}, more than the model can read")
    message = text.strip()
    if not message:
        raise BadRequest("text_input is empty; send a text")
    return [START, f"system\n{SYSTEM}", END, "\n", START, *_plain(f"user\n{message}"), END, "\n", START, "assistant\n"]


def _plain(text: str) -> list[str]:
    """The text in pieces of which none holds a control token."""
    cuts = [match.end() for match in CONTROL.finditer(text)]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
