"""An evaluation dataset is read the same way each time, and a line that is no item is named."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from weir.cli.output import CliError, ExitCode
from weir.cli.skew_dataset import embed, texts_of

pytestmark = pytest.mark.capability("O5")


def written(folder: Path, *lines: object) -> Path:
    path = folder / "dataset.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_texts_come_from_the_usual_keys_in_order(tmp_path: Path) -> None:
    file = written(tmp_path, {"text": "a", "question": "x"}, "", {"question": "b"}, {"prompt": "c"}, {"input": "d"})

    assert texts_of(file, "", 10) == ["a", "b", "c", "d"]


def test_a_named_field_alone_counts(tmp_path: Path) -> None:
    assert texts_of(written(tmp_path, {"text": "a", "q": "b"}), "q", 10) == ["b"]


def test_of_too_many_items_always_the_same_are_taken_in_their_order(tmp_path: Path) -> None:
    file = written(tmp_path, *({"text": f"item {i:03}"} for i in range(100)))

    taken = texts_of(file, "", 10)

    assert len(taken) == 10
    assert taken == sorted(taken) == texts_of(file, "", 10)
    assert taken != [f"item {i:03}" for i in range(10)]
    assert set(taken) < set(texts_of(file, "", 20))


@pytest.mark.parametrize("line", ["{", "7", '{"text": 7}', '{"text": " "}', '{"other": "a"}'])
def test_a_line_that_is_no_item_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(CliError, match="line 2") as raised:
        texts_of(written(tmp_path, {"text": "a"}, line), "", 10)

    assert raised.value.code is ExitCode.INVALID
    assert "--field" in raised.value.hint


class Refusing(BaseHTTPRequestHandler):
    """A gateway that knows no key."""

    def do_POST(self) -> None:
        body = b'{"error": {"message": "no such key"}}'
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def test_a_key_that_is_not_taken_is_named_by_where_it_is_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.handle_request).start()
        monkeypatch.setenv("WEIR_GATEWAY_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WEIR_API_KEY", "weir_revoked")

        with pytest.raises(CliError, match="no such key; asked with the key of WEIR_API_KEY") as raised:
            embed(["a"], "minilm")

    assert raised.value.code is ExitCode.DENIED
    assert "weir keys create" in raised.value.hint
    assert "weir_revoked" not in raised.value.message
