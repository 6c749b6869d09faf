"""The secret behind request ids: made at the first start of who needs it, for the owner's eyes only."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from weir.runtime.errors import BadSetting
from weir.runtime.files.disk import DISK, write_all
from weir.runtime.files.durable import private_folder, sync_folder

SECRET_BYTES = 32
"""Random bytes of the secret: 256 bits, written as 64 hex digits, the longest key of BLAKE2b."""

SECRET_BYTES_MIN = 16
"""A shorter secret could be guessed, so a file that was cut is refused."""


def secret_path(setting: Path | None, data_dir: Path) -> Path:
    """Where the secret is, for all services that are to know the same request ids."""
    return setting or data_dir / "gateway" / "request-id.secret"


def request_id_secret(path: Path) -> bytes:
    """The secret in the file, which is made when it is not there.

    Raises BadSetting for a file that holds none, and where it can be neither read nor made.
    """
    try:
        if not path.exists():
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:  # a folder that is mounted to be read only, for example
        raise BadSetting(
            f"WEIR_GATEWAY_REQUEST_ID_SECRET_FILE={path} is not there or cannot be read, and could not be made: {error}. "
            "For containers `weir secrets init` makes it"
        ) from error
    if len(secret) < SECRET_BYTES_MIN:
        raise BadSetting(
            f"WEIR_GATEWAY_REQUEST_ID_SECRET_FILE: {path} holds {len(secret)} bytes; at least {SECRET_BYTES_MIN}. "
            "Remove it to have one made: ids given out before are then unknown to feedback"
        )
    return secret


def _make(path: Path) -> None:
    """Write whole and then name it; who comes second keeps what the first one wrote."""
    private_folder(path.parent, is_ours=False)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        write_all(DISK, handle, secrets.token_hex(SECRET_BYTES).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    sync_folder(path.parent)
