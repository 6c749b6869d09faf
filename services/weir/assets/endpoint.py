"""An endpoint: a server that speaks OpenAI's API (vLLM, llama.cpp, TGI, a provider), and what the model is called there.

It says where, and holds no credential: which servers a gateway asks, and with which key, its operator writes into a file of
the gateway (`weir.gateway.core.openai_servers`). So who may register a model can send no key to a server of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from weir.assets.checks import Finding, list_of, shown, storable, text

URL_CHARS_MAX = 2_048
"""Longest base URL, characters: what servers and proxies take at least (RFC 9110 recommends 8,000; nobody has so much)."""

MODEL_CHARS_MAX = 256
"""Longest name of a model there: events keep so many characters of it."""

FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
"""Name of a field of a body. OpenAI's own are at most 21 characters long."""

HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
"""A host name or address in a URL."""

BOUNDS = ("n_predict", "max_new_tokens", "max_output_tokens", "num_predict", "max_length")
"""Other servers' names for the bound of an answer. A policy holds `max_tokens`; one of these beside it would get around it."""


def base_url(value: object, path: str) -> Iterator[Finding]:
    """Check: the base URL of an API, as an OpenAI client is given it."""
    if not isinstance(value, str) or not 0 < len(value) <= URL_CHARS_MAX or not is_base_url(value):
        yield path, f"is {shown(value)}; expected http(s)://host[:port]/path without user, query or closing slash"


def is_base_url(value: str) -> bool:
    """Whether a text is a base URL in its one form: two that differ are two servers."""
    try:
        parts = urlsplit(value)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return False
    shown_host = f"[{host}]" if ":" in host else host
    written = f"{parts.scheme}://{shown_host}{'' if port is None else f':{port}'}{parts.path}"
    is_plain = written == value and value.isascii() and re.fullmatch(r"[!-~]*", value) is not None
    return is_plain and parts.scheme in ("http", "https") and bool(HOST.fullmatch(shown_host)) and value[-1] != "/"


def model_name(value: object, path: str) -> Iterator[Finding]:
    """Check: what a model is called on a server: any text, for example Qwen/Qwen3-8B."""
    if not isinstance(value, str) or not 0 < len(value) <= MODEL_CHARS_MAX:
        yield path, f"is {shown(value)}; expected a text of 1 to {MODEL_CHARS_MAX} characters"
    else:
        yield from storable(value, path)


def field_name(value: object, path: str) -> Iterator[Finding]:
    """Check: the name of a field of a body."""
    if not isinstance(value, str) or not FIELD.fullmatch(value):
        yield from text(value, path)
        yield path, f"is {shown(value)}; expected the name of a field, a letter and up to 63 of A-Z a-z 0-9 _ . -"
    elif value in BOUNDS:
        yield path, f"is {value!r}, another name for max_tokens, around which no policy could be kept; leave it out"


FieldNames = Annotated[tuple[Annotated[str, field_name], ...], list_of(field_name, items_min=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model of an OpenAI server.

    base_url: of its API, for example http://127.0.0.1:8000/v1. model: its name there, sent as it is. extra_fields: fields
    beside OpenAI's that it understands and callers may send (top_k). lacks: OpenAI's fields that it would ignore; a call
    that sends one is refused by its name.
    """

    base_url: Annotated[str, base_url]
    model: Annotated[str, model_name]
    extra_fields: FieldNames | None = None
    lacks: FieldNames | None = None

    def findings(self, path: str) -> Iterator[Finding]:
        """A field cannot be understood and ignored."""
        for name in self.extra_fields or ():
            if name in (self.lacks or ()):
                yield f"{path}.lacks", f"names {name!r}, and extra_fields does; keep one"
