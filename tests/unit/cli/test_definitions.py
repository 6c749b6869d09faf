"""Definition files: what stands for a placeholder is data, and never becomes YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weir.cli.definitions import parsed_values, read_definitions, values_of_files
from weir.cli.output import CliError


def read(folder: Path, text: str, *settings: str) -> list[Any]:
    """The documents of a file with this text."""
    file = folder / "definitions.yaml"
    file.write_text(text, encoding="utf-8")
    return [one.value for one in read_definitions([file], parsed_values(settings))]


@given(value=st.text(st.characters(exclude_categories=["Cs"])))
@example(value="rev #3")
@example(value="true")
@example(value="null")
@example(value="")
@example(value="a: [b]\n- c")
@example(value="${x}")
@example(value="7")
def test_a_value_stays_the_text_that_it_is(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    folder = tmp_path_factory.mktemp("definitions")
    yaml = "quoted: '${x}'\nwithin: of ${x} here\nblock: |\n  # Corpus ${x}\n  end"
    json = '{"quoted": "${x}", "within": "of ${x} here", "block": "# Corpus ${x}\\nend"}'

    for text in (yaml, json):
        [found] = read(folder, text, f"x={value}")
        assert found == {"quoted": value, "within": f"of {value} here", "block": f"# Corpus {value}\nend"}


@pytest.mark.parametrize(
    ("value", "meant"), [("7", 7), ("-1.5", -1.5), ("007", "007"), ("true", "true"), ("rev #3", "rev #3"), ("", "")]
)
def test_a_number_is_a_number_where_nothing_is_quoted(tmp_path: Path, value: str, meant: object) -> None:
    assert read(tmp_path, "passages: ${x}", f"x={value}") == [{"passages": meant}]


@pytest.mark.parametrize("text", ["a: $${x}", "a: '$${x}'", "a: |-\n  $${x}", '{"a": "$${x}"}'])
def test_two_dollars_are_one_and_no_placeholder(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [{"a": "${x}"}]
    assert read(tmp_path, text, "x=7") == [{"a": "${x}"}]


@pytest.mark.parametrize("text", ["# ${other}\na: ${x}  # and ${other}", "a: ${x}\n#${other}"])
def test_a_comment_wants_no_value(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, "x=a=b") == [{"a": "a=b"}]


@pytest.mark.parametrize("text", ["a: ${digest}", "a: |\n  # ${digest}", '{"a": ["${digest}"]}', "${digest}: a"])
def test_a_placeholder_without_a_value_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(CliError, match=r"definitions\.yaml wants a value for digest"):
        read(tmp_path, text)


def test_all_placeholders_without_a_value_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"definitions\.yaml wants values for digest and passages") as raised:
        read(tmp_path, "a: ${digest}\nb: ['${x}', '${passages} of ${digest}']", "x=1")
    assert raised.value.hint == "--set digest=... --set passages=..."


@pytest.mark.parametrize("text", ["a: 1\n${x}: 2", '{"a": 1, "${x}": 2}'])
def test_a_key_that_is_filled_in_is_given_once(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, "x=b") == [{"a": 1, "b": 2}]
    with pytest.raises(CliError, match="key 'a' is given twice"):
        read(tmp_path, text, "x=a")


def test_half_of_a_surrogate_pair_is_no_value(tmp_path: Path) -> None:
    for text in ("a: ${x}", '{"a": "${x}"}'):
        with pytest.raises(CliError, match="half of a surrogate pair"):
            read(tmp_path, text, "x=\udc80")


def test_placeholders_are_filled_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "corpus.json"
    file.write_text('{"digest": "sha256:1", "passages": 7, "parts": ["a"], "whole": true}')

    assert values_of_files([f"corpus={file}"]) == {"corpus_digest": "sha256:1", "corpus_passages": "7"}


@pytest.mark.parametrize(("text", "said"), [("[1]", "holds a list"), ("{", "is no JSON"), (None, "does not exist")])
def test_a_file_of_values_that_is_none_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "corpus.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(CliError, match=said):
        values_of_files([f"corpus={file}"])
    with pytest.raises(CliError, match="has no '='"):
        values_of_files([str(file)])


def test_yaml_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")

    with pytest.raises(CliError, match=r"bad\.yaml is no YAML"):
        read_definitions([tmp_path], {})


def test_json_that_cannot_be_read_is_called_json(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"a": 1')

    with pytest.raises(CliError, match=r"bad\.json is no JSON"):
        read_definitions([tmp_path / "bad.json"], {})


def test_every_file_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text("a: 1")
    (tmp_path / "c.yaml").write_bytes(b"a: \xff")
    (tmp_path / "d.yaml").write_text("a: ${digest}")

    with pytest.raises(CliError) as raised:
        read_definitions([tmp_path], {})

    first, *lines = raised.value.message.splitlines()
    assert first == "nothing was applied; 3 files cannot be taken:"
    assert [line.split(" is ")[0].split(" wants ")[0].split(":")[0].strip() for line in lines] == [
        str(tmp_path / name) for name in ("a.yaml", "c.yaml", "d.yaml")
    ]


def test_a_document_knows_its_file_and_its_number(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("---\na: 1\n---\na: 2")
    (tmp_path / "b.yaml").write_text("a: 3")

    found = [(one.file.name, one.number, one.value["a"]) for one in read_definitions([tmp_path], {})]

    assert found == [("a.yaml", 1, 1), ("a.yaml", 2, 2), ("b.yaml", 1, 3)]


def test_a_value_that_no_placeholder_takes_is_named(tmp_path: Path) -> None:
    file = tmp_path / "definitions.yaml"
    file.write_text("a: ${x}\nb: $${y}\n# ${z}")
    values = parsed_values(["x=1", "y=2", "z=3"])

    with pytest.raises(CliError, match=r"no document has \$\{y\}, \$\{z\}"):
        read_definitions([file], values, wanted=values)
    assert read_definitions([file], values, wanted=["x"])
