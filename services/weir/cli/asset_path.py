"""Asset paths: where the registry's API has an asset. What a person types is one segment, and never a way to another route."""

from __future__ import annotations

from urllib.parse import quote

from weir.cli.output import CliError, ExitCode

ELSEWHERE = ("", ".", "..")
"""Segments that a URL does not keep."""


def asset_path(kind: str, name: str, *rest: str, under: str = "assets") -> str:
    """`/v1/<under>/<kind>/<name>/...`. Raises CliError(INVALID) for a word that cannot be a segment, which names it."""
    words = (kind, name, *rest)
    for word in words:
        if word in ELSEWHERE or "/" in word:
            raise CliError(
                ExitCode.INVALID,
                f"{word!r} is no name of an asset: letters, digits, '.', '_' and '-' make one, and no '/'",
                "weir asset list",
            )
    return "/".join(["/v1", under, *(quote(word, safe="") for word in words)])
