"""Receivers: what the operator's file may say, and the word for each mistake."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from fuzz.webhook_answers import SECRET
from weir.alerts.adapters.receivers import receivers_from
from weir.alerts.adapters.webhook import signed_headers
from weir.runtime.errors import BadSetting

HOOK = {"name": "a", "url": "https://hooks.example.com/x", "secret": SECRET}
MANAGER = {"name": "am", "kind": "alertmanager", "url": "http://am.internal:9093/base/", "allow_private": True}


def written(folder: Path, *entries: dict[str, Any]) -> Path:
    file = folder / "receivers.yaml"
    file.write_text(yaml.safe_dump({"receivers": list(entries)}))
    return file


def test_an_alertmanager_has_a_path_of_its_own_and_no_signature(tmp_path: Path) -> None:
    found = receivers_from(written(tmp_path, HOOK, MANAGER))

    assert found["a"].kind == "webhook"
    assert found["am"].target.path == "/base/api/v2/alerts"
    assert "webhook-signature" not in signed_headers(found["am"], "msg_1", b"[]", 0)
    assert "webhook-signature" in signed_headers(found["a"], "msg_1", b"{}", 0)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({**HOOK, "kind": "pager"}, "kind is 'pager'; expected one of: webhook, alertmanager"),
        ({**MANAGER, "secret": SECRET}, "has no secret"),
        ({**HOOK, "kind": None}, "kind is None"),
        ({"name": "a", "url": "https://hooks.example.com"}, "exactly one of secret_file and secret"),
        ({**MANAGER, "allow_private": False}, "expected https"),
        ({**HOOK, "name": None}, "name is 'None'; expected a text"),
        ({**HOOK, "name": ""}, "name is ''; expected a text"),
        ({**HOOK, "url": 5}, "url is '5'; expected a text"),
        ({**HOOK, "url": "https://hooks.example.com:0/"}, "port 0"),
        ({**HOOK, "secret": None}, "secret; expected a text"),
        ({"name": "a", "url": HOOK["url"], "secret_file": "a\0b"}, "secret_file"),
        ({"name": "a", "url": HOOK["url"], "secret_file": "receivers.latin"}, "no UTF-8 text"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, entry: dict[str, Any], says: str) -> None:
    (tmp_path / "receivers.latin").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting) as caught:
        receivers_from(written(tmp_path, entry))

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"receivers:\n- {name: caf\xe9}\n", "line 2: byte 0xe9 is no UTF-8"),
        (b"receivers: " + b"[" * 5_000 + b"]" * 5_000, "nested more than"),
        (b"receivers:\n- {name: 2020-99-99}\n", "mapping with name, url"),
        (
            b"receivers:\n- {name: a, url: b, allow_private: false, allow_private: true}\n",
            "'allow_private' is given twice",
        ),
        (b'receivers:\n- {name: "\\ud800", url: b}\n', "surrogate"),
        (b"a: &a [x]\nreceivers: *a\n", "anchor"),
        (b"", "must hold 'receivers:'"),
        (b"receivers: []\nreciever: []\n", "unknown key 'reciever'"),
        (b"receivers: []\n---\nreceivers: []\n", "must hold 'receivers:'"),
    ],
)
def test_a_file_that_is_no_strict_yaml_is_one_error_naming_it(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "receivers.yaml"
    file.write_bytes(content)
    with pytest.raises(BadSetting) as caught:
        receivers_from(file)

    assert str(file) in str(caught.value)
    assert says in str(caught.value)


def signing_secret(count: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(count))).decode()


@pytest.mark.parametrize("setting", ["secret", "secret_file"])
@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("hunter2hunter2", "does not begin as"),
        (signing_secret(32).removeprefix("whsec_"), "does not begin as"),
        ("WHSEC_" + "A" * 32, "does not begin as"),
        ("whsec_", "holds 0 bytes"),
        (signing_secret(23), "holds 23 bytes"),
        (signing_secret(65), "holds 65 bytes"),
        ("whsec_" + "not/base64!" * 4, "is not base64"),
        ("whsec_" + "caf\u00e9" * 8, "is not base64"),
        ("whsec_" + "A" * 33, "is not base64"),
        (f"{SECRET}\nshort", "does not begin as"),
    ],
)
def test_a_secret_that_is_no_signing_secret_is_refused_by_its_setting_and_not_shown(
    tmp_path: Path, setting: str, secret: str, says: str
) -> None:
    (tmp_path / "a.secret").write_text(secret, "utf-8")
    given = secret if setting == "secret" else "a.secret"
    with pytest.raises(BadSetting) as caught:
        receivers_from(written(tmp_path, {"name": "on-call", "url": HOOK["url"], setting: given}))

    said = str(caught.value)
    assert f"'on-call': {setting} {says}" in said
    assert "24 to 64 random bytes" in said
    assert all(one.removeprefix("whsec_") not in said for one in secret.split() if one != "whsec_")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("count", [24, 25, 64])
def test_a_secret_of_the_specified_length_is_taken_with_its_padding_or_without(tmp_path: Path, count: int) -> None:
    for secret in (signing_secret(count), signing_secret(count).rstrip("=")):
        found = receivers_from(written(tmp_path, {**HOOK, "secret": secret}))
        assert found["a"].secrets == (secret,)
