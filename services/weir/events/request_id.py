"""The request id as OpenAI clients see it: `chatcmpl-<id>` or `cmpl-<id>` in the body, `<id>` in the header weir-request-id."""

from __future__ import annotations

from collections.abc import Mapping

PREFIXES: Mapping[str, str] = {"chat": "chatcmpl-", "text_completion": "cmpl-"}
"""What stands before the request id in the ids of OpenAI's answers, by operation; an answer of embeddings has no id."""


def bare_id(text: str) -> str:
    """The request id in an id of an OpenAI answer, which stock clients see; any other text as it is."""
    prefix = next((prefix for prefix in PREFIXES.values() if text.startswith(prefix)), "")
    return text.removeprefix(prefix)
