"""Receivers: whom to tell, read from the operator's YAML file.

receivers:
  - name: on-call
    url: https://hooks.example.com/weir
    secret_file: /run/secrets/on-call     # one or two Standard Webhooks secrets, one a line; two while rotating
    allow_private: false                  # true: any address and plain http; for receivers inside your own network
  - name: alertmanager
    kind: alertmanager                    # webhook unless given; alertmanager: a base URL, alerts go to its /api/v2/alerts
    url: http://alertmanager.internal:9093
    allow_private: true                   # without a secret: Alertmanager reads no signature
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weir.alerts.core.address import ForbiddenAddress, Target, target_of
from weir.assets.strict_yaml import NotStrict, read_documents
from weir.runtime.errors import BadSetting

KEYS = {"name", "kind", "url", "secret", "secret_file", "allow_private"}
WEBHOOK, ALERTMANAGER = "webhook", "alertmanager"
KINDS = (WEBHOOK, ALERTMANAGER)
"""What a receiver reads: a signed body in Alertmanager's webhook format, or Alertmanager's own API."""

ALERTMANAGER_PATH = "/api/v2/alerts"
"""Where Alertmanager takes alerts, under its base URL; specified by Alertmanager."""

SECRETS_MAX = 2
"""Secrets of one receiver: the one in force and, while it is changed, the one before. No third one is ever in use."""

RECEIVERS_MAX = 1_000
"""Receivers in the file. Chosen: more than a large firm has teams; each start resolves and checks every one."""

SECRET_PREFIX = "whsec_"
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
"""How a signing secret is written and how many random bytes it holds; specified by Standard Webhooks."""

TEXT_CHARS_MAX = 4_096
"""Characters of a name, a URL, a secret or a file's name: the longest path that Linux takes."""

SHOWN_CHARS = 60
"""Characters of a value that an error repeats."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """One receiver. kind: one of KINDS. secrets: signing secrets, never shown; none for an Alertmanager."""

    name: str
    target: Target
    allow_private: bool
    secrets: tuple[str, ...] = field(repr=False)
    kind: str = WEBHOOK


def receivers_from(file: Path | None) -> dict[str, Receiver]:
    """The receivers in a file, by name; none without a file. Raises BadSetting naming the receiver and the key."""
    if file is None:
        return {}
    try:
        documents = read_documents(file.read_bytes())
    except (OSError, NotStrict) as error:
        raise BadSetting(f"WEIR_ALERTS_RECEIVERS_FILE {file} cannot be read: {error}") from error
    whole = documents[0] if len(documents) == 1 and isinstance(documents[0], dict) else {}
    entries = whole.get("receivers")
    if not isinstance(entries, list) or len(entries) > RECEIVERS_MAX:
        raise BadSetting(f"{file} must hold 'receivers:' with a list of at most {RECEIVERS_MAX} receivers")
    unknown = sorted(str(key) for key in whole if key != "receivers")
    if unknown:
        raise BadSetting(f"{file}: unknown key {unknown[0]!r}; the file holds 'receivers:' alone")
    found: dict[str, Receiver] = {}
    for index, entry in enumerate(entries):
        receiver = _receiver(entry, f"{file} receivers[{index}]", file.parent)
        if receiver.name in found:
            raise BadSetting(f"{file} receivers[{index}]: name {receiver.name!r} is taken")
        found[receiver.name] = receiver
    return found


def _receiver(entry: object, where: str, folder: Path) -> Receiver:
    if not isinstance(entry, dict) or not {"name", "url"} <= set(entry):
        raise BadSetting(f"{where} must be a mapping with name, url and secret_file")
    unknown = sorted(str(key) for key in set(entry) - KEYS)
    if unknown:
        raise BadSetting(f"{where}: unknown key {unknown[0]!r}; accepted keys: {', '.join(sorted(KEYS))}")
    allow_private = entry.get("allow_private", False)
    if not isinstance(allow_private, bool):
        raise BadSetting(f"{where}: allow_private is {allow_private!r}; expected true or false")
    kind = entry.get("kind", WEBHOOK)
    if kind not in KINDS:
        raise BadSetting(f"{where}: kind is {kind!r}; expected one of: {', '.join(KINDS)}")
    name, url = _text(entry, "name", where), _text(entry, "url", where)
    url = url if kind == WEBHOOK else url.rstrip("/") + ALERTMANAGER_PATH
    try:
        target = target_of(url, allow_private=allow_private)
    except ForbiddenAddress as error:
        raise BadSetting(f"{where}: {error}") from error
    secrets = (
        _secrets(entry, f"{where} {name[:SHOWN_CHARS]!r}", folder) if kind == WEBHOOK else _no_secrets(entry, where)
    )
    return Receiver(name, target, allow_private, secrets, kind)


def _no_secrets(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if {"secret", "secret_file"} & set(entry):
        raise BadSetting(f"{where}: a receiver of kind alertmanager has no secret; Alertmanager reads no signature")
    return ()


def _secrets(entry: Mapping[str, Any], where: str, folder: Path) -> tuple[str, ...]:
    if ("secret" in entry) == ("secret_file" in entry):
        raise BadSetting(f"{where}: exactly one of secret_file and secret is needed")
    key = "secret" if "secret" in entry else "secret_file"
    text = _text(entry, key, where)
    if key == "secret_file":
        text = _read(folder / text, where)
    secrets = tuple(text.split())
    if not 1 <= len(secrets) <= SECRETS_MAX:
        raise BadSetting(f"{where}: {len(secrets)} secrets; expected 1, or 2 while one replaces the other")
    for secret in secrets:
        _check_secret(secret, f"{where}: {key}")
    return secrets


def _read(file: Path, where: str) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadSetting(f"{where}: secret_file {str(file)!r} cannot be read: it is no UTF-8 text") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null in it
        raise BadSetting(f"{where}: secret_file {str(file)!r} cannot be read: {error}") from error


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    """A text that says something. A secret that is none is not repeated."""
    value = entry[key]
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_CHARS_MAX:
        shown = "" if key == "secret" else f" is {str(value)[:SHOWN_CHARS]!r}"
        raise BadSetting(
            f"{where}: {key}{shown}; expected a text of 1 to {TEXT_CHARS_MAX} characters (numbers in quotes)"
        )
    return value


def _check_secret(secret: str, where: str) -> None:
    """Refuses what receivers could not verify with, or others could guess; the secret itself is not repeated."""
    expected = f"expected {SECRET_PREFIX!r} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes in base64"
    if not secret.startswith(SECRET_PREFIX):
        raise BadSetting(f"{where} does not begin as a Standard Webhooks secret does; {expected}")
    text = secret.removeprefix(SECRET_PREFIX)
    try:
        count = len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError):
        raise BadSetting(f"{where} is not base64 after {SECRET_PREFIX!r}; {expected}") from None
    if not SECRET_BYTES_MIN <= count <= SECRET_BYTES_MAX:
        raise BadSetting(f"{where} holds {count} bytes; {expected}")
