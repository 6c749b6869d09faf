"""The request id as OpenAI clients see it: `chatcmpl-<id>` or `cmpl-<id>` in the body, `<id>` in the header weir-request-id."""

from __future__ import annotations

PREFIXES = ("chatcmpl-", "cmpl-")
"""What stands before the request id in the ids of OpenAI's answers."""


def bare_id(text: str) -> str:
    """The request id in an id of an OpenAI answer, which stock clients see; any other text as it is."""
    prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")
    return text.removeprefix(prefix)
