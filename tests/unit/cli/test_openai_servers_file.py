"""`weir doctor` reads the file of OpenAI servers as the gateway does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weir.cli.stack.errors import StackError
from weir.cli.stack.openai_servers import check_openai_servers

HERE = "http://127.0.0.1:8000/v1"


def file_of(folder: Path, *servers: dict[str, Any]) -> Path:
    file = folder / "openai-servers.json"
    file.write_text(json.dumps({"servers": servers}))
    return file


def test_a_file_that_the_gateway_can_use_is_right(tmp_path: Path) -> None:
    (tmp_path / "far.key").write_text("sk-1\n")
    check_openai_servers(file_of(tmp_path, {"base_url": HERE, "api_key_file": "far.key"}))


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"base_url": HERE + "/"}, "closing slash"),
        ({"base_url": HERE, "api_key_file": "gone"}, f"{HERE}: .*gone"),
        ({"base_url": "https://models.example/v1", "ca_file": "empty.pem"}, "empty.pem .*holds no certificate"),
    ],
)
def test_what_the_gateway_cannot_use_is_named(tmp_path: Path, server: dict[str, Any], problem: str) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(StackError, match=problem):
        check_openai_servers(file_of(tmp_path, server))
