"""Secrets of a fresh stack: API keys (stored hashed), the token of the HTTP APIs, and webhook receivers.

Each is made once, for the owner's eyes only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

import yaml

from weir.runtime.durable import replace_file

DEMO_SCOPES = ("infer", "embed", "models", "feedback")


def new_key(
    key_id: str, tenant: str, scopes: Sequence[str], routes: Sequence[str] = ("*",)
) -> tuple[str, dict[str, object]]:
    """A new API key: its text, shown once, and what is stored of it."""
    prefix = secrets.token_hex(4)
    text = f"weir_{prefix}_{secrets.token_urlsafe(32)}"
    stored: dict[str, object] = {
        "id": key_id,
        "prefix": prefix,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "tenant": tenant,
        "scopes": list(scopes),
        "routes": list(routes),
        "expires_us": None,
    }
    return text, stored


def add_key(keys_file: Path, stored: dict[str, object]) -> None:
    """Add a key to the keys file. Raises ValueError when its id is taken."""
    document = json.loads(keys_file.read_text()) if keys_file.exists() else {"keys": []}
    if any(key["id"] == stored["id"] for key in document["keys"]):
        raise ValueError(f"a key is named {stored['id']!r} already; choose another id or revoke it: weir keys revoke")
    document["keys"].append(stored)
    write_private(keys_file, json.dumps(document, indent=2) + "\n")


def ensure_keys(folder: Path) -> dict[str, str]:
    """The demo and admin keys of a stack, made at its first start. Returns the texts of keys made just now."""
    keys_file = folder / "keys.json"
    if keys_file.exists():
        return {}
    made = {}
    for name, scopes in (("demo", DEMO_SCOPES), ("admin", ("admin",))):
        text, stored = new_key(name, "demo", scopes)
        add_key(keys_file, stored)
        write_private(folder / f"{name}.key", text + "\n")
        made[name] = text
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


def ensure_receivers(folder: Path, demo_url: str | None) -> None:
    """The receivers file; `demo` gets the URL given, else a port nobody listens on. Its secret stays what it was."""
    secret_file = folder / "demo-webhook.secret"
    if not secret_file.exists():
        write_private(secret_file, "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    path = folder / "receivers.yaml"
    if demo_url is None and path.exists():
        return
    receiver = {
        "name": "demo",
        "url": demo_url or "http://127.0.0.1:9/",
        "secret_file": str(secret_file),
        "allow_private": True,
    }
    write_private(path, yaml.safe_dump({"receivers": [receiver]}, sort_keys=False))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all, also when the power fails. Raises OSError."""
    replace_file(path, text.encode())
