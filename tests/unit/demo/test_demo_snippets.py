"""The snippets that the demo prints are complete: they parse, and name this stack's addresses."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

from demo.snippets import snippets

FOUND = snippets("127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "weir_key", "weir_token", "docs-qa")


def test_the_python_snippets_are_python() -> None:
    found = [text for _, language, text in FOUND if language == "python"]
    assert len(found) == 2
    for text in found:
        ast.parse(text)


def test_each_names_its_address() -> None:
    texts = [text for _, _, text in FOUND]
    assert ["127.0.0.1:1" in texts[0], "http://127.0.0.1:2/v1" in texts[1], "http://127.0.0.1:3/v1/sql" in texts[2]]


def test_the_sql_snippet_sends_json(tmp_path: Path) -> None:
    (tmp_path / "curl").write_text('#!/bin/sh\nfor last; do :; done; printf %s "$last"\n')
    (tmp_path / "curl").chmod(0o755)
    sent = subprocess.run(
        ["bash", "-c", FOUND[2][2]], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=True
    ).stdout
    assert json.loads(sent)["query"].startswith("SELECT route, outcome, count() AS calls")
