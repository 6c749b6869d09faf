"""`weir secrets init`: every secret once, readable by a container's user and by nobody else on the host."""

from __future__ import annotations

import hashlib
import os
import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from weir.access.keys_file import KeysFile
from weir.access.request_id_secret import SECRET_BYTES, request_id_secret
from weir.alerts.adapters.receivers import receivers_from
from weir.cli.__main__ import app
from weir.cli.container_secrets import make_secrets
from weir.cli.output import CliError
from weir.cli.stack.secrets import read_keys
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
    assert len(request_id_secret(tmp_path / "gateway" / "request-id.secret")) == 2 * SECRET_BYTES
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


def init(folder: Path) -> Result:
    """What a person runs."""
    return CliRunner().invoke(app, ["secrets", "init", "--folder", str(folder)])


def refusal(folder: Path) -> str:
    """What the command says when it refuses."""
    ran = init(folder)
    assert isinstance(ran.exception, CliError), ran.output
    return ran.exception.message


def whole(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything in a folder."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("thing", ["folder", "link"])
def test_a_first_key_that_cannot_be_written_costs_no_key(tmp_path: Path, thing: str) -> None:
    blocked = tmp_path / "first.key"
    blocked.mkdir() if thing == "folder" else blocked.symlink_to(tmp_path / "nowhere")

    assert str(blocked) in refusal(tmp_path)

    assert not (tmp_path / "gateway" / "keys.json").exists()


def test_a_first_key_whose_hash_was_never_written_is_taken(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    text = (tmp_path / "first.key").read_text()
    (tmp_path / "gateway" / "keys.json").unlink()

    make_secrets(tmp_path)

    assert (tmp_path / "first.key").read_text() == text
    (key,) = KeysFile(tmp_path / "gateway" / "keys.json").current().values()
    assert hashlib.sha256(text.strip().encode()).hexdigest() == key.sha256


def test_a_first_key_that_is_gone_is_told_until_it_is_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_secrets(tmp_path)
    (tmp_path / "first.key").unlink()

    assert f"{tmp_path / 'first.key'} is missing" in refusal(tmp_path)

    monkeypatch.setenv("WEIR_GATEWAY_KEYS_FILE", str(tmp_path / "gateway" / "keys.json"))
    assert CliRunner().invoke(app, ["keys", "revoke", "first"]).exit_code == 0
    assert init(tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("http/http.token", "", "is empty"),
        ("http/http.token", "short", "5 characters"),
        ("gateway/request-id.secret", "short", "at least 16"),
        ("gateway/keys.json", "{", "gateway/keys.json cannot be used"),
        ("gateway/keys.json", '{"keys": [{}]}', "keys[0] lacks"),
        ("alerts/receivers.yaml", "receivers: 1", "must hold 'receivers:'"),
        ("lineage/clickhouse.password", " ", "is empty"),
        ("lineage/clickhouse.password", "another", "hash of another password"),
        ("clickhouse/weir-user.xml", "<clickhouse>", "is no XML"),
        ("clickhouse/weir-user.xml", "<clickhouse/>", "password_sha256_hex"),
        ("first.key", "another", "is not the text of the key 'first'"),
    ],
)
def test_a_secret_that_its_reader_could_not_use_is_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    make_secrets(tmp_path)
    (tmp_path / name).write_text(content)
    before = whole(tmp_path)

    message = refusal(tmp_path)

    assert name in message
    assert said in message
    assert whole(tmp_path) == before


def test_a_password_that_is_gone_is_told(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "lineage" / "clickhouse.password").unlink()

    message = refusal(tmp_path)

    assert "clickhouse.password is missing" in message
    assert str(tmp_path / "clickhouse" / "weir-user.xml") in message


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "http" / "http.token").write_text("")
    (tmp_path / "gateway" / "keys.json").write_text("{")

    message = refusal(tmp_path)

    assert "http.token" in message
    assert "keys.json" in message


@pytest.mark.parametrize(
    "name", ["alerts", "http/http.token", "alerts/on-call.secret", "gateway/keys.json", "alerts/sub/deep", "first.key"]
)
@pytest.mark.parametrize("link", ["to what is there", "dangling", "hard"])
def test_no_link_is_followed_and_nothing_is_made_before_it_is_refused(tmp_path: Path, name: str, link: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "secrets"
    outside.mkdir(mode=0o700)
    target = outside / "f"
    target.touch(mode=0o600)
    place = folder / name
    place.parent.mkdir(parents=True)
    if link == "hard":
        place.hardlink_to(target)
    elif link == "dangling":
        place.symlink_to(outside / "nowhere")
    else:
        place.symlink_to(outside if name == "alerts" else target)
    before = whole(tmp_path)

    assert str(place) in refusal(folder)

    assert whole(tmp_path) == before


def test_a_folder_that_is_itself_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir(mode=0o755)
    (tmp_path / "secrets").symlink_to(tmp_path / "outside")

    assert str(tmp_path / "secrets") in refusal(tmp_path / "secrets")

    assert mode(tmp_path / "outside") == 0o755


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts").mkdir()
    os.mkfifo(tmp_path / "alerts" / "pipe")

    assert "no plain file" in refusal(tmp_path)


def test_a_folder_of_receivers_secrets_can_be_entered(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "alerts" / "sub").mkdir(mode=0o700)
    (tmp_path / "alerts" / "sub" / "on-call.secret").touch(mode=0o600)

    make_secrets(tmp_path)

    assert mode(tmp_path / "alerts" / "sub") == 0o755
    assert mode(tmp_path / "alerts" / "sub" / "on-call.secret") == 0o644
