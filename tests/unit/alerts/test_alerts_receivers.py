"""Receivers: what the operator's file may say, and the word for each mistake."""

from __future__ import annotations

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
    ],
)
def test_a_mistake_is_named(tmp_path: Path, entry: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSetting) as caught:
        receivers_from(written(tmp_path, entry))

    assert says in str(caught.value)
