"""Whether the secrets that are there can be used: each file is read as its service reads it, and those that belong together
are compared. What does not fit is named with its file and what to do; nothing is changed."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

from weir.access.keys_file import KeysFile
from weir.access.request_id_secret import request_id_secret
from weir.alerts.adapters.receivers import receivers_from
from weir.cli.stack.secrets import read_keys
from weir.runtime.errors import BadSetting
from weir.runtime.http.policy import require_strong
from weir.runtime.settings import secret_in

FIRST = "first"
"""Name of the key that the command makes."""

PASSWORD_HASH = "users/weir/password_sha256_hex"
"""Where ClickHouse's file keeps the hash of the password of the lineage service."""


class Files:
    """Where each secret lies in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http_token = folder / "http" / "http.token"
        """Read by every service."""
        self.keys = folder / "gateway" / "keys.json"
        """Read by the gateway and the OTLP receiver."""
        self.request_ids = folder / "gateway" / "request-id.secret"
        """Read by the gateway, which proves its request ids with it, and by the OTLP receiver, which knows them by it."""
        self.first_key = folder / "first.key"
        """Read by the person who made it."""
        self.receivers = folder / "alerts" / "receivers.yaml"
        """Read by alerts, with the secrets beside it."""
        self.password = folder / "lineage" / "clickhouse.password"
        """Read by lineage."""
        self.user = folder / "clickhouse" / "weir-user.xml"
        """Read by ClickHouse."""
        self.mounted = self.http_token, self.keys, self.request_ids, self.receivers, self.password, self.user
        """What containers read."""


def faults(files: Files) -> list[str]:
    """What is wrong with the files that are there, each with what to do. Raises OSError for a file that cannot be read."""
    readers: tuple[tuple[Path, Callable[[Path], object]], ...] = (
        (files.http_token, _read_token),
        (files.keys, KeysFile),
        (files.request_ids, request_id_secret),
        (files.receivers, receivers_from),
        (files.password, lambda path: secret_in(path, "WEIR_LINEAGE_CLICKHOUSE_PASSWORD_FILE")),
        (files.user, user_hash),
    )
    found = [fault for path, read in readers if path.exists() for fault in _fault(path, read)]
    return found or [*_faults_of_the_first_key(files), *_faults_of_the_password(files)]


def hash_of(password: str) -> str:
    """What ClickHouse's file keeps of a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def user_hash(path: Path) -> str:
    """The hash in ClickHouse's file. Raises BadSetting where there is none."""
    try:
        found = ElementTree.parse(path).findtext(PASSWORD_HASH)  # the owner's own file
    except ElementTree.ParseError as error:
        raise BadSetting(f"it is no XML: {error}") from error
    if not found:
        raise BadSetting(f"it has no {PASSWORD_HASH}")
    return found.strip().lower()


def _read_token(path: Path) -> None:
    require_strong(secret_in(path, "WEIR_HTTP_TOKEN_FILE"))


def _fault(path: Path, read: Callable[[Path], object]) -> Iterator[str]:
    try:
        read(path)
    except BadSetting as error:
        yield f"{path} cannot be used: {error}. Mend it, or move it away and run the command again"


def _faults_of_the_first_key(files: Files) -> Iterator[str]:
    """The hash of the key in the gateway's file, its text in the person's: one is worth nothing without the other."""
    key = next((key for key in read_keys(files.keys) if key["id"] == FIRST), None)
    if key is None:
        return
    if not files.first_key.exists():
        yield (
            f"{files.first_key} is missing, and {files.keys} holds only a hash of the key {FIRST!r}: its text cannot be had back."
            f" Put the text back, or revoke the key: WEIR_GATEWAY_KEYS_FILE={files.keys} weir keys revoke {FIRST}"
        )
    elif hashlib.sha256(files.first_key.read_bytes().strip()).hexdigest() != key["sha256"]:
        yield (
            f"{files.first_key} is not the text of the key {FIRST!r} in {files.keys}."
            f" Put its text back, or revoke the key: WEIR_GATEWAY_KEYS_FILE={files.keys} weir keys revoke {FIRST}"
        )


def _faults_of_the_password(files: Files) -> Iterator[str]:
    """Lineage shows the password, ClickHouse knows its hash."""
    if not files.user.exists():
        return
    to_do = (
        f"Put the password back, or remove {files.user} and {files.password}, run the command again and restart both"
    )
    if not files.password.exists():
        yield f"{files.password} is missing, and {files.user} holds only its hash. {to_do}"
    elif hash_of(files.password.read_text().strip()) != user_hash(files.user):
        yield f"{files.user} holds the hash of another password than {files.password}: lineage would be refused. {to_do}"
