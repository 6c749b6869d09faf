"""`weir secrets init`: every secret once, readable by a container's user and by nobody else on the host."""

from __future__ import annotations

import hashlib
import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.alerts.adapters.receivers import receivers_from
from weir.cli.__main__ import app
from weir.cli.container_secrets import make_secrets
from weir.cli.output import CliError
from weir.cli.stack.secrets import read_keys
from weir.gateway.adapters.keys_file import KeysFile
from weir.runtime.http.policy import policy_of
from weir.runtime.settings import SharedSettings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_container_may_read_what_it_gets_and_nobody_enters_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    made = make_secrets(folder)

    assert mode(folder) == 0o700
    assert {mode(path) for path in made} == {0o644}
    assert {mode(path.parent) for path in made} == {0o755}
    assert mode(folder / "first.key") == 0o600


def test_every_reader_takes_what_was_made(tmp_path: Path) -> None:
    make_secrets(tmp_path)

    assert policy_of(SharedSettings(http_host="0.0.0.0", http_token_file=tmp_path / "http" / "http.token")).token
    (key,) = KeysFile(tmp_path / "gateway" / "keys.json").current().values()
    assert hashlib.sha256((tmp_path / "first.key").read_text().strip().encode()).hexdigest() == key.sha256
    assert receivers_from(tmp_path / "alerts" / "receivers.yaml") == {}
    user = ElementTree.parse(tmp_path / "clickhouse" / "weir-user.xml").getroot().find("users/weir")  # our own file
    assert user is not None
    password = (tmp_path / "lineage" / "clickhouse.password").read_text().strip()
    assert user.findtext("password_sha256_hex") == hashlib.sha256(password.encode()).hexdigest()


def test_what_is_there_stays_and_what_is_missing_comes_back(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    before = {path: path.read_bytes() for path in made}
    (tmp_path / "clickhouse" / "weir-user.xml").unlink()
    (tmp_path / "alerts" / "on-call.secret").touch(mode=0o600)

    assert make_secrets(tmp_path) == [tmp_path / "clickhouse" / "weir-user.xml"]

    assert {path: path.read_bytes() for path in made} == before
    assert mode(tmp_path / "alerts" / "on-call.secret") == 0o644


def test_a_new_key_leaves_the_file_readable_for_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secrets(tmp_path)
    file = tmp_path / "gateway" / "keys.json"
    monkeypatch.setenv("WEIR_GATEWAY_KEYS_FILE", str(file))

    ran = CliRunner().invoke(app, ["keys", "create", "ci", "--tenant", "acme", "--scope", "infer"])

    assert ran.exit_code == 0, ran.output
    assert {key["id"] for key in read_keys(file)} == {"first", "ci"}
    assert mode(file) == 0o644


def test_the_command_says_what_it_made_and_no_secret(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    first = CliRunner().invoke(app, ["secrets", "init", "--folder", str(folder)])
    second = CliRunner().invoke(app, ["secrets", "init", "--folder", str(folder)])

    assert f"made {folder / 'http' / 'http.token'}" in first.output
    assert (folder / "http" / "http.token").read_text().strip() not in first.output
    assert "already" in second.output


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    ran = CliRunner().invoke(app, ["secrets", "init", "--folder", str(tmp_path / "file" / "secrets")])

    assert isinstance(ran.exception, CliError)
    assert str(tmp_path / "file") in ran.exception.message
