"""The keys file: a key that was taken out of it stops working in a stated time, whatever else is wrong in the file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access import keys_file
from weir.access.keys import FIELDS, SCOPES, document_of, parse_keys, read_keys
from weir.access.keys_file import LOOK_EVERY_S, TRUSTED_S, KeysFile
from weir.cli.stack.secrets import new_key
from weir.runtime.errors import BadSetting


class Clock:
    """A monotonic clock that is moved by hand."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(keys_file, "monotonic_s", found)
    return found


def stored(name: str, **fields: object) -> dict[str, Any]:
    return {**new_key(name, "acme", ("infer",))[1], **fields}


def written(path: Path, *keys: object, text: str | None = None) -> Path:
    path.write_text(json.dumps({"keys": keys}) if text is None else text)
    return path


def names(keys: KeysFile) -> set[str]:
    return {key.id for key in keys.current().values()}


@pytest.mark.timeout(20)
def test_a_fifo_in_place_of_the_file_is_not_waited_for(tmp_path: Path, clock: Clock) -> None:
    path = written(tmp_path / "keys.json", stored("mine"))
    keys = KeysFile(path)
    path.unlink()
    os.mkfifo(path)

    clock.now_s += LOOK_EVERY_S
    assert names(keys) == {"mine"}
    assert "it is a FIFO" in keys.problem()
    clock.now_s += TRUSTED_S
    assert names(keys) == set()
    with pytest.raises(BadSetting, match="it is a FIFO"):
        KeysFile(path)


@pytest.mark.capability("G1")
def test_a_revoked_key_is_gone_within_a_look_even_when_another_entry_is_misspelt(tmp_path: Path, clock: Clock) -> None:
    kept, revoked = stored("kept"), stored("revoked")
    keys = KeysFile(written(tmp_path / "keys.json", kept, revoked))
    assert names(keys) == {"kept", "revoked"}

    written(tmp_path / "keys.json", kept, stored("typo", expire_us=1))
    clock.now_s += LOOK_EVERY_S

    assert names(keys) == {"kept"}
    assert "keys[1] has the unknown field 'expire_us'" in keys.problem()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\xff\xfe", '{"keys": {}}', "[" * 100_000, '{"keys": [], "keys": []}']
)
def test_a_file_that_cannot_be_read_is_said_at_once_and_opens_nothing_after_a_stated_time(
    tmp_path: Path, clock: Clock, text: str
) -> None:
    one = stored("one")
    keys = KeysFile(written(tmp_path / "keys.json", one))
    (tmp_path / "keys.json").write_text(text, encoding="latin-1")
    clock.now_s += LOOK_EVERY_S

    assert names(keys) == {"one"}
    assert "cannot be read" in keys.problem()
    clock.now_s += TRUSTED_S
    assert names(keys) == set()
    assert "no key is served" in keys.problem()

    written(tmp_path / "keys.json", one)
    clock.now_s += LOOK_EVERY_S
    assert names(keys) == {"one"}
    assert keys.problem() == ""


@pytest.mark.capability("G1")
@pytest.mark.parametrize(
    ("field", "given", "again"),
    [("routes", ["qa"], ["*"]), ("id", "one", "one"), ("calls_at_once", 1, 9)],
)
def test_a_field_given_twice_is_named_and_opens_nothing(
    tmp_path: Path, clock: Clock, field: str, given: object, again: object
) -> None:
    one = stored("one", routes=["qa"], limits={"calls_at_once": 1})
    keys = KeysFile(written(tmp_path / "keys.json", one))
    once, more = (json.dumps({field: value})[1:-1] for value in (given, again))
    written(tmp_path / "keys.json", text=json.dumps({"keys": [one]}).replace(once, f"{once}, {more}"))
    clock.now_s += LOOK_EVERY_S

    assert {key.routes for key in keys.current().values()} == {("qa",)}
    assert f"key {field!r} is given twice; keep one" in keys.problem()
    clock.now_s += TRUSTED_S
    assert names(keys) == set()
    with pytest.raises(BadSetting, match="is given twice; keep one"):
        KeysFile(tmp_path / "keys.json")


def test_a_file_that_was_removed_opens_nothing_after_a_stated_time(tmp_path: Path, clock: Clock) -> None:
    keys = KeysFile(written(tmp_path / "keys.json", stored("one")))
    (tmp_path / "keys.json").unlink()
    keys.current()
    clock.now_s += TRUSTED_S + LOOK_EVERY_S

    assert names(keys) == set()


def test_a_wrong_file_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"keys\[0\] has the unknown field 'scope'"):
        KeysFile(written(tmp_path / "keys.json", stored("a", scope=["infer"])))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"route": ["docs-*"]}, "unknown field 'route'"),
        ({"expires": 1}, "unknown field 'expires'"),
        ({"routes": "docs-qa"}, "routes"),
        ({"routes": []}, "routes"),
        ({"routes": [1]}, "routes"),
        ({"scopes": ["infre"]}, "scopes"),
        ({"scopes": [["infer"]]}, "scopes"),
        ({"scopes": "infer"}, "scopes"),
        ({"expires_us": "2026-01-01"}, "expires_us"),
        ({"expires_us": True}, "expires_us"),
        ({"expires_us": 1.5}, "expires_us"),
        ({"expires_us": 2**63}, "expires_us"),
        ({"expires_us": 1_800_000_000}, "seconds"),
        ({"expires_us": 1_800_000_000_000}, "milliseconds"),
        ({"prefix": "xyz"}, "prefix"),
        ({"sha256": "ab"}, "sha256"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "a\nb"}, "tenant"),
        ({"tenant": "\ud800"}, "tenant"),
        ({"id": " a"}, "id"),
    ],
)
def test_a_field_that_would_open_more_than_was_meant_is_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_keys({"keys": [stored("k", **fields)]})


TEXT = "weir_01234567_" + "aB3-_" * 8 + "xyz"
"""The text of a key."""

HIDING = st.builds(lambda before, after: before + TEXT + after, st.text(max_size=99), st.text(max_size=99))
MISPLACED = (
    HIDING | st.lists(HIDING, min_size=1, max_size=3) | st.dictionaries(HIDING, HIDING | st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)) | HIDING, MISPLACED, min_size=1), HIDING)
def test_a_key_in_a_wrong_place_is_never_told_and_what_is_told_is_bounded(fields: dict[str, Any], name: str) -> None:
    entry = {**stored("x"), **fields}
    told = [*read_keys({"keys": [entry, entry, {**entry, "id": TEXT}, {"id": TEXT}, [TEXT]]})[1]]
    for document in ({"keys": [], name: 1}, {"keys": {name: 1}}):
        with pytest.raises(ValueError, match="keys file") as refused:
            read_keys(document)
        told.append(str(refused.value))
    with pytest.raises(ValueError, match="twice") as repeated:
        document_of(f'{{"keys": [], {json.dumps(name)}: 1, {json.dumps(name)}: 2}}'.encode())

    for problem in (*told, str(repeated.value)):
        assert TEXT[14:24] not in problem
        assert len(problem) <= 512


@pytest.mark.parametrize("field", ["id", "prefix", "sha256", "tenant", "routes", "scopes", "expires_us", "limits"])
def test_a_pasted_key_reaches_no_log_and_no_readiness(
    tmp_path: Path, clock: Clock, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeysFile(written(tmp_path / "keys.json", stored("kept")))
    value = {"limits": {TEXT: 1}, "routes": {TEXT: 1}}.get(field, TEXT)

    written(tmp_path / "keys.json", stored("kept"), stored("typo", **{field: value}))
    clock.now_s += LOOK_EVERY_S

    assert names(keys) == {"kept"}
    assert f"keys[1].{field}" in keys.problem()
    out, err = capsys.readouterr()
    assert "keys_refused" in out + err
    assert TEXT[14:24] not in keys.problem() + out + err


def test_two_keys_of_one_name_or_prefix_are_refused() -> None:
    one = stored("k")

    for other in (stored("k"), {**stored("other"), "prefix": one["prefix"]}):
        with pytest.raises(ValueError, match=r"keys\[1\] repeats"):
            parse_keys({"keys": [one, other]})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(
    st.dictionaries(st.sampled_from([*FIELDS]) | st.text(max_size=8), ANYTHING | st.lists(st.sampled_from(SCOPES))),
    st.integers(0, 2),
)
def test_an_entry_either_is_a_key_as_written_or_opens_nothing_and_is_named(fields: dict[str, Any], place: int) -> None:
    good = [stored("a"), stored("b")]
    entries: list[dict[str, Any]] = [*good]
    entries.insert(place, {**stored("x"), **fields})
    keys, problems = read_keys({"keys": entries})

    others = [name for name in ("a", "b") if name != entries[place].get("id")]
    assert set(others) <= {key.id for key in keys.values()}
    if problems:
        assert len(keys) + len(problems) == len(entries)
        return
    key = keys[entries[place]["prefix"]]
    assert sorted(key.scopes) == sorted(set(entries[place]["scopes"]))
    assert list(key.routes) == entries[place].get("routes", ["*"])
    assert key.expires_us == entries[place].get("expires_us")
