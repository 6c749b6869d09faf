"""Paragraphs of Perl's documentation format, code left out, formatting codes resolved."""

from __future__ import annotations

import re

_LINK = re.compile(r"L<(?:([^|<>]*)\|)?([^<>]*)>")
_CODE = re.compile(r"[A-Z]<<+ (.*?) >>+|[A-DF-Z]<([^<>]*)>", re.DOTALL)
_ENTITY = re.compile(r"E<(\w+)>")
_ENTITIES = {"lt": "<", "gt": ">", "sol": "/", "verbar": "|"}
_NESTING = 4
"""Formatting codes inside one another that are resolved. Chosen: more does not occur."""


def pod_paragraphs(page: str) -> list[str]:
    """The ordinary paragraphs of `page` in order; before the first command all is code."""
    found: list[str] = []
    in_pod, skipping = False, False
    for block in re.split(r"\n[ \t]*\n", page):
        stripped = block.strip("\n")
        if stripped.startswith("="):
            command = stripped[1:].split(None, 1)[0]
            in_pod = command != "cut"
            skipping = command == "begin" or (skipping and command != "end")
        elif in_pod and not skipping and stripped and not stripped[0].isspace():
            found.append(_plain(stripped))
    return found


def _plain(text: str) -> str:
    for _ in range(_NESTING):
        text = _LINK.sub(lambda match: match[1] or match[2], text)
        text = _CODE.sub(lambda match: match[1] if match[1] is not None else match[2], text)
    return _ENTITY.sub(lambda match: _ENTITIES.get(match[1], ""), text)
