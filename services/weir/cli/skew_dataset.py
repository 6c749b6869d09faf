"""An evaluation dataset on its way to drift: texts out of JSON lines, embedded by the gateway as live traffic is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from weir.cli import client
from weir.cli.asset_path import asset_path
from weir.cli.output import CliError, ExitCode, say

TEXT_KEYS = ("text", "question", "prompt", "input")
"""Keys of an item that are tried for its text, in this order."""

NEW_KEY = "set WEIR_API_KEY to a key with scope embed: weir keys create NAME --tenant TENANT --scope embed"
"""What to do where no key is taken."""

BATCH_TEXTS = 64
"""Texts of one request. Chosen: two batches of the model, which take a second or two."""


def texts_of(file: Path, field: str, items_max: int) -> list[str]:
    """The texts of `file`, one an item; of a longer file those with the least hashes, so always the same.

    Raises CliError(INVALID) for a line that is no item with a text.
    """
    keys = (field,) if field else TEXT_KEYS
    texts = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if line.strip():
            texts.append(_text(line, number, keys))
    if len(texts) <= items_max:
        return texts
    say(f"{len(texts)} items; a sample of {items_max} is sent")
    order = sorted(range(len(texts)), key=lambda i: hashlib.sha256(f"{i} {texts[i]}".encode()).digest())
    return [texts[i] for i in sorted(order[:items_max])]


def embed(texts: Sequence[str], model: str) -> list[str]:
    """The embedding of every text, base64 of float32. Asks the gateway with WEIR_API_KEY, or the stack's demo key."""
    key, origin = _key()
    headers = {"authorization": f"Bearer {key}"}
    found: list[str] = []
    for start in range(0, len(texts), BATCH_TEXTS):
        body = {"model": model, "input": list(texts[start : start + BATCH_TEXTS]), "encoding_format": "base64"}
        try:
            answer = client.send("gateway", "POST", "/v1/embeddings", body, headers=headers)
        except CliError as error:
            if error.code is not ExitCode.DENIED:
                raise
            raise CliError(error.code, f"{error.message}; asked with the key of {origin}", NEW_KEY) from error
        found.extend(one["embedding"] for one in answer["data"])
    return found


def digest_of_dataset(file: Path, name: str, version: str) -> str:
    """Digest of the version in the registry; of the file itself where the registry does not know it."""
    try:
        found = client.get("registry", asset_path("dataset", name, version))
        return str(found["digest"])
    except CliError as error:
        if error.code not in (ExitCode.NOT_FOUND, ExitCode.NOT_READY):
            raise
        say(f"the registry has no dataset {name} {version}; the digest is that of the file")
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def _text(line: str, number: int, keys: Sequence[str]) -> str:
    hint = "one JSON object a line; --field names the key of the text"
    try:
        item = json.loads(line)
    except ValueError as error:
        raise CliError(ExitCode.INVALID, f"line {number} is no JSON: {error}", hint) from error
    for key in keys:
        if isinstance(item, dict) and isinstance(item.get(key), str) and item[key].strip():
            return str(item[key])
    raise CliError(ExitCode.INVALID, f"line {number} has no text under {', '.join(keys)}", hint)


def _key() -> tuple[str, str]:
    """The API key, and where it is from."""
    given = os.environ.get("WEIR_API_KEY")
    if given:
        return given, "WEIR_API_KEY"
    from weir.cli.stack import StackError, open_stack

    try:
        file = open_stack().endpoints.demo_key_file
        return Path(file).read_text().strip(), file
    except (StackError, OSError) as error:
        raise CliError(ExitCode.DENIED, f"no API key: {error}", NEW_KEY) from error
