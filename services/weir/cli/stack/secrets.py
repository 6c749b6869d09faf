"""Secrets of a stack: API keys (stored hashed) and the token of the HTTP APIs, made once, for the owner's eyes only.

Invariant: the keys file is never written with anything the gateway would refuse to read; it is read, changed, checked by
the gateway's own reader and replaced whole, by one process at a time. Who may read it stays as it was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shlex
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weir.access.key_text import KEY
from weir.access.keys import document_of, parse_keys
from weir.cli.stack.errors import StackError
from weir.runtime.files.disk import FILE_MODE
from weir.runtime.files.durable import replace_file

DEMO_SCOPES = ("infer", "embed", "models", "feedback", "otlp")

Stored = dict[str, object]
"""A key as the file holds it."""


class KeyUnknown(ValueError):
    """No key has the name that was given."""


def new_key(
    key_id: str, tenant: str, scopes: Sequence[str], routes: Sequence[str] = ("*",), expires_us: int | None = None
) -> tuple[str, Stored]:
    """A new API key: its text, and what is stored of it. expires_us: since 1970-01-01 UTC; None: never."""
    prefix = secrets.token_hex(4)
    text = f"weir_{prefix}_{secrets.token_urlsafe(32)}"
    return text, {**stored_key(text, key_id, tenant, scopes, routes), "expires_us": expires_us}


def stored_key(text: str, key_id: str, tenant: str, scopes: Sequence[str], routes: Sequence[str] = ("*",)) -> Stored:
    """What is stored of a key. text: the key itself. Raises ValueError for a text that is no key; it is not repeated."""
    match = KEY.fullmatch(text)
    if match is None:
        raise ValueError(f"its {len(text)} characters have not the form weir_<prefix>_<secret>")
    return {
        "id": key_id,
        "prefix": match[1],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "tenant": tenant,
        "scopes": list(scopes),
        "routes": list(routes),
        "expires_us": None,
    }


def read_keys(keys_file: Path) -> list[Stored]:
    """The keys in a file, checked; none when there is no file. Raises ValueError naming the file and what is wrong."""
    if not keys_file.exists():
        return []
    try:
        document: Any = document_of(keys_file.read_bytes())
        parse_keys(document)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{keys_file} cannot be used: {error}; mend it, or move it away and make new keys") from error
    found: list[Stored] = document["keys"]
    return found


def add_key(keys_file: Path, stored: Stored) -> None:
    """Add a key to the keys file. Raises ValueError when its id is taken, or the gateway would not take it."""
    with _one_at_a_time(keys_file):
        keys = read_keys(keys_file)
        if any(key["id"] == stored["id"] for key in keys):
            key_id = str(stored["id"])
            advice = f"choose another id or revoke it: weir keys revoke {shlex.quote(key_id)}"
            raise ValueError(f"a key is named {key_id!r} already; {advice}")
        _write(keys_file, [*keys, stored])


def remove_key(keys_file: Path, key_id: str) -> None:
    """Remove a key. Raises KeyUnknown when there is none of that name, ValueError when the file cannot be used."""
    with _one_at_a_time(keys_file):
        keys = read_keys(keys_file)
        kept = [key for key in keys if key["id"] != key_id]
        if len(kept) == len(keys):
            raise KeyUnknown(f"no key is named {key_id!r}")
        _write(keys_file, kept)


def is_stored(keys_file: Path, text_file: Path) -> bool:
    """Whether the key whose text is in text_file is in the keys file; not where it was revoked or its text is gone."""
    if not text_file.exists():
        return False
    digest = hashlib.sha256(text_file.read_text().strip().encode()).hexdigest()
    return any(key["sha256"] == digest for key in read_keys(keys_file))


def check_keys(keys_file: Path) -> None:
    """Raises StackError when the gateway could not start with this file."""
    try:
        read_keys(keys_file)
    except ValueError as error:
        raise StackError(str(error)) from error


def ensure_keys(keys_file: Path) -> dict[str, Path]:
    """The demo and admin keys of a stack, made at its first start, their texts beside the file. Returns the files of the
    texts of keys made just now, by name."""
    if keys_file.exists():
        return {}
    made = {}
    for name, scopes in (("demo", DEMO_SCOPES), ("admin", ("admin",))):
        text, stored = new_key(name, "demo", scopes)
        add_key(keys_file, stored)
        made[name] = keys_file.with_name(f"{name}.key")
        write_private(made[name], text + "\n")
    return made


def ensure_http_token(folder: Path) -> Path:
    """The file with the token of the services' HTTP APIs, made at the first start."""
    path = http_token_file(folder)
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32) + "\n")
    return path


def http_token_file(folder: Path) -> Path:
    """Where the token of the HTTP APIs is kept. folder: the stack's secrets."""
    return folder / "http.token"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all, also when the power fails. Raises OSError."""
    replace_file(path, text.encode())


def _write(keys_file: Path, keys: Sequence[Stored]) -> None:
    document = {"keys": list(keys)}
    parse_keys(document)
    mode = stat.S_IMODE(keys_file.stat().st_mode) if keys_file.exists() else FILE_MODE
    replace_file(keys_file, (json.dumps(document, indent=2) + "\n").encode(), mode=mode)


@contextmanager
def _one_at_a_time(keys_file: Path) -> Iterator[None]:
    """Two commands that change the file at once wait for each other, so that no key is lost and none comes back."""
    lock = os.open(keys_file.with_name(keys_file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
