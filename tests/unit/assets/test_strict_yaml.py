"""Strict YAML and JSON: a document is read whole and means what JSON would mean, or is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from weir.assets.strict_json import DEPTH_MAX, read_json
from weir.assets.strict_yaml import BYTES_MAX, DOCUMENTS_MAX, NotStrict, read_documents, read_text
from weir.cli.__main__ import app
from weir.cli.output import CliError

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lines that expand to nine to the ninth texts."""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spec:\n  severity: page\n  receivers: []\n  severity: info\n", r"line 4, column 3: key .severity. is given twice"),
        ("a: {b: 1, b: 2}", "key 'b' is given twice"),
        ('"a": 1\na: 1', "key 'a' is given twice"),
        (BOMB, "anchor"),
        ("a: *x", "anchor or alias"),
        ("a: {<<: {b: 1}}", "merge key"),
        ("a: !!python/object/apply:os.system [x]", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("1: x", "key '1' is no text"),
        ("true: x", "no text"),
        ("? [a]\n: x", "no text"),
        ("a: 9223372036854775808", "64 bits"),
        ("a: " + "9" * 5_000, "64 bits"),
        ("a: 1e999", "too large"),
        ('a: "\\ud800"', "surrogate"),
        ('"\\udfff": a', "surrogate"),
        ('a: "\\ude00\\ud83d"', "surrogate"),
        ('"\\ud83d\\ude00": 1\n"\U0001f600": 2', "twice"),
        ("a: 1\nb: 'x\x85y'", r"line 2: U\+0085"),
        ('a: "x \u2028y"', r"U\+2028"),
        ("[" * 3_000, "nested"),
        ("a: " + "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), "nested"),
        ("a: 'x", "line"),
        ("a: \x00", "special characters"),
        ("a\n---\n" * (DOCUMENTS_MAX + 2), "documents"),
    ],
)  # fmt: skip
def test_what_would_be_guessed_dropped_or_expanded_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(NotStrict, match=said):
        read_text(text)


def test_bytes_that_are_no_utf8_are_named_with_their_line() -> None:
    with pytest.raises(NotStrict, match=r"line 2: byte 0xe9 is no UTF-8"):
        read_documents(b"a: b\nc: caf\xe9\n")
    with pytest.raises(NotStrict, match="bytes"):
        read_documents(b"a" * (BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", "yes"), ("on", "on"), ("010", "010"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("1:30", "1:30"), (".nan", ".nan"),
     ("-.inf", "-.inf"), ("2026-11-27", "2026-11-27"), ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00Z"), ("=", "="),
     ("5", 5), ("-7", -7), ("1.5", 1.5), ("2e3", 2000.0), ("true", True), ("False", False), ("null", None), ("~", None),
     ("", None), ("'5'", "5"), ("caf\u00e9", "caf\u00e9")],
)  # fmt: skip
def test_only_the_words_and_numbers_of_json_have_a_meaning_of_their_own(text: str, value: object) -> None:
    assert read_text(f"a: {text}") == [{"a": value}]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_json_reads_back_as_it_was(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(VALUES)
def test_json_in_a_yaml_file_means_the_same(value: object) -> None:
    """JSON is YAML; where YAML's grammar has no place for a text of it, the file is refused, never read otherwise."""
    try:
        read = read_text(json.dumps({"a": value}))
    except NotStrict:
        return
    assert read == [{"a": value}]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_any_text_that_json_writes_reads_equal_in_every_reader(text: str, is_ascii: bool) -> None:
    written = json.dumps({text: [text]}, ensure_ascii=is_ascii)

    assert read_json(written.encode()) == {text: [text]}
    assert read_documents(written.encode()) == [{text: [text]}]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_json_among_yaml_means_what_json_means_or_is_refused(text: str, is_ascii: bool) -> None:
    try:
        read = read_text(f"a: {json.dumps([text], ensure_ascii=is_ascii)}\n")
    except NotStrict:
        assert not is_ascii, "its escapes alone are always read"
        return
    assert read == [{"a": [text]}]


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude00"}', 'a: "\\ud83d\\ude00"', '"a": "\\uD83D\\uDE00"'])
def test_an_emoji_as_json_escapes_it_is_that_emoji(text: str) -> None:
    assert read_text(text) == [{"a": "\U0001f600"}]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (read_documents, read_json):
        try:
            read(content)
        except ValueError:
            continue


@given(st.text(st.sampled_from("ab:{}[]&*!<'\"\n- ,#|>%?\u2028"), max_size=40))
def test_what_is_read_is_what_yaml_itself_reads_or_json_would(text: str) -> None:
    """Strictness refuses; it never gives another structure than the standard reader does."""
    try:
        found = read_text(text)
    except NotStrict:
        return
    try:
        standard = [json.loads(text)]
    except ValueError:
        standard = list(yaml.load_all(text, yaml.BaseLoader))
    assert _as_text([one for one in found if one != ""]) == _as_text([one for one in standard if one not in (None, "")])


def _as_text(value: Any) -> Any:
    """Scalars as they were written; the two readers differ in what they make of them, not in where they stand."""
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return "" if value in (None, "~") else str(value)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b'{"a": 1, "a": 2}', "twice"), (b"NaN", "NaN"), (b"[Infinity]", "Infinity"), (b"1e999", "too large"),
     (b"9" * 30, "64 bits"),
     (b'"\\ud800"', "surrogate"), (b'{"\\udc00": 1}', "surrogate"), (b"[" * 100_000, "nested"), (b"[" * 40 + b"]" * 40, "nested"),
     (b"9" * 5_000, "64 bits"), (b"\xff", "decode")],
)  # fmt: skip
def test_json_that_could_not_be_stored_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_json(body)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"kind: prompt\nspec: {template: 'caf\xe9'}\n", "byte 0xe9 in line 2 is no UTF-8"),
        (b"kind: rule\nspec: {severity: page, severity: info}\n", "line 2, column 24: key 'severity' is given twice"),
        (b"spec: &x {a: *x}\n", "anchor"),
        (BOMB.encode(), "anchor"),
    ],
)
def test_apply_names_file_and_place_and_exits_6(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "rule.yaml"
    file.write_bytes(content)

    ran = CliRunner().invoke(app, ["apply", "-f", str(file)])

    assert isinstance(ran.exception, CliError)
    assert ran.exception.code == 6
    assert str(file) in ran.exception.message
    assert said in ran.exception.message
