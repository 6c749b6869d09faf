"""The keys commands: nothing is written that the gateway would refuse, and nothing that a person wrote is lost."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.access.keys import SCOPES
from weir.cli.__main__ import app
from weir.cli.commands_watch import DAY_US
from weir.cli.output import CliError
from weir.cli.stack.secrets import add_key, ensure_keys, is_stored, new_key, read_keys, remove_key
from weir.runtime.clock import now_us


def keys(home: Path, *arguments: str, file: Path | None = None) -> CliError | None:
    named = {} if file is None else {"WEIR_GATEWAY_KEYS_FILE": str(file)}
    ran = CliRunner().invoke(app, ["keys", *arguments], env={"WEIR_HOME": str(home), **named})
    if isinstance(ran.exception, CliError):
        return ran.exception
    assert ran.exit_code == 0, ran.output
    return None


@pytest.mark.parametrize(
    "arguments",
    [
        ["ci", "--tenant", "acme", "--scope", "infre"],
        ["ci", "--tenant", "", "--scope", "infer"],
        ["ci", "--tenant", "acme", "--scope", "infer", "--route", ""],
        [" ", "--tenant", "acme", "--scope", "infer"],
    ],
)
def test_a_key_the_gateway_would_refuse_is_not_made_and_the_file_stays(tmp_path: Path, arguments: list[str]) -> None:
    keys(tmp_path, "create", "first", "--tenant", "acme", "--scope", "infer")
    before = (tmp_path / "secrets" / "keys.json").read_bytes()

    refused = keys(tmp_path, "create", *arguments)

    assert refused is not None
    assert refused.code == 6
    assert (tmp_path / "secrets" / "keys.json").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["{", '{"keys": [{"id": "a"}]}', '{"keys": [], "more": 1}', "\xff", '{"keys": [], "keys": []}']
)
def test_a_file_with_a_fault_is_named_and_never_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets").mkdir()
    file = tmp_path / "secrets" / "keys.json"
    file.write_text(text, encoding="latin-1")

    for arguments in (["create", "ci", "--tenant", "acme", "--scope", "infer"], ["list"], ["revoke", "a"]):
        refused = keys(tmp_path, *arguments)
        assert refused is not None
        assert refused.code == 6
        assert str(file) in refused.message
    assert file.read_text(encoding="latin-1") == text


@pytest.mark.parametrize("place", ["gone/keys.json", "file/keys.json"])
@pytest.mark.parametrize("arguments", [["create", "ci", "--tenant", "acme", "--scope", "infer"], ["revoke", "ci"]])
def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, arguments: list[str], place: str) -> None:
    (tmp_path / "file").write_text("")

    refused = keys(tmp_path, *arguments, file=tmp_path / place)

    assert refused is not None
    assert refused.code == 6
    assert str(tmp_path / place) in refused.message
    assert "WEIR_GATEWAY_KEYS_FILE" in refused.hint


@pytest.mark.parametrize(("key_id", "command"), [("shop", "weir keys revoke shop"), ("a b", "weir keys revoke 'a b'")])
def test_a_name_that_is_taken_is_refused_with_the_command_that_revokes_its_key(
    tmp_path: Path, key_id: str, command: str
) -> None:
    file = tmp_path / "keys.json"
    add_key(file, new_key(key_id, "acme", ("infer",))[1])

    with pytest.raises(ValueError, match=rf"{command}$"):
        add_key(file, new_key(key_id, "acme", ("infer",))[1])


@pytest.mark.parametrize("name", ["my shop", "a/b", "a@b", "a:b", "a..b", "caf\u00e9", "x" * 129, ""])
@pytest.mark.parametrize("what", ["key_id", "tenant"])
def test_a_new_keys_name_and_tenant_are_written_as_names_of_assets_are(tmp_path: Path, what: str, name: str) -> None:
    key_id, tenant = (name, "acme") if what == "key_id" else ("ci", name)

    refused = keys(tmp_path, "create", key_id, "--tenant", tenant, "--scope", "infer")

    assert refused is not None
    assert refused.code == 6
    assert f"{what} is '{name[:20]}" in refused.message
    assert not (tmp_path / "secrets" / "keys.json").exists()


def test_a_wrong_name_with_the_text_of_a_key_in_it_is_not_repeated(tmp_path: Path) -> None:
    text, _ = new_key("ci", "acme", ("infer",))

    refused = keys(tmp_path, "create", f"{text} ", "--tenant", "acme", "--scope", "infer")

    assert refused is not None
    assert text not in refused.message


def test_a_file_with_a_name_of_before_is_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "keys.json"
    file.parent.mkdir()
    add_key(file, new_key("my shop", "north sea", ("infer",))[1])

    assert keys(tmp_path, "create", "ci", "--tenant", "acme", "--scope", "infer") is None
    assert [key["id"] for key in read_keys(file)] == ["my shop", "ci"]


def test_commands_at_once_lose_no_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = [threading.Thread(target=add_key, args=(file, new_key(f"k{n}", "acme", ("infer",))[1])) for n in range(8)]

    for thread in made:
        thread.start()
    for thread in made:
        thread.join()

    assert len(read_keys(file)) == 8


def test_a_key_may_expire(tmp_path: Path) -> None:
    keys(tmp_path, "create", "ci", "--tenant", "acme", "--scope", "infer", "--expires-in-days", "2")
    keys(tmp_path, "create", "ever", "--tenant", "acme", "--scope", "infer")

    limited, unlimited = read_keys(tmp_path / "secrets" / "keys.json")

    assert unlimited["expires_us"] is None
    left_us = int(str(limited["expires_us"])) - now_us()
    assert DAY_US < left_us <= 2 * DAY_US


def test_a_revoked_key_is_known_to_be_gone(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = ensure_keys(file)
    assert set(made) == {"demo", "admin"}
    assert is_stored(file, made["demo"])

    remove_key(file, "demo")

    assert not is_stored(file, made["demo"])
    assert is_stored(file, made["admin"])
    assert not is_stored(file, tmp_path / "none.key")


def test_the_help_names_every_scope() -> None:
    said = CliRunner().invoke(app, ["keys", "create", "--help"], env={"COLUMNS": "200"}).output

    assert [scope for scope in SCOPES if scope not in said] == []
