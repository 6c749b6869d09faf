"""Definition files: YAML documents read from files and folders, with `${key}` placeholders filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.assets.strict_yaml import BYTES_MAX, NotStrict, read_text
from weir.cli.output import CliError, ExitCode

PLACEHOLDER = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`${key}`, or `$${key}` for the text `${key}`."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. number: which of the file's, counted from 1."""

    file: Path
    number: int
    value: Any


def read_definitions(paths: Sequence[Path], values: Mapping[str, str], wanted: Collection[str] = ()) -> list[Document]:
    """Documents of all files, folders in order of name, with `values` for their placeholders.

    A value is text, whatever it looks like; a number where a plain scalar (one without quotes) becomes one. wanted: keys
    that a placeholder must have. Raises CliError naming every file that cannot be read, every placeholder without a value,
    and every key of `wanted` without a placeholder.
    """
    documents: list[Document] = []
    errors: list[CliError] = []
    used: set[str] = set()
    for file in [file for path in paths for file in _files(path)]:
        try:
            documents += [Document(file, number, one) for number, one in enumerate(_read(file, values, used), 1)]
        except CliError as error:
            errors.append(error)
    if errors:
        raise _all_of(errors)
    if not documents:
        raise CliError(ExitCode.INVALID, "no definitions found", "name a YAML file or a folder of them with -f")
    _check_used([key for key in wanted if key not in used])
    return documents


def parsed_values(settings: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as a mapping. Raises CliError for one without `=`."""
    wrong = [item for item in settings if "=" not in item]
    if wrong:
        raise CliError(ExitCode.USAGE, f"--set {wrong[0]!r} has no '='", "write --set key=value")
    return dict(item.split("=", 1) for item in settings)


def values_of_files(settings: Sequence[str]) -> dict[str, str]:
    """`name=file` texts as a mapping: `name_key` -> the text or number that the file's JSON object has under `key`.

    Raises CliError for one without `=`, and for a file that is no JSON object. Keys with other values are left out: a
    placeholder that wants one is named as missing.
    """
    values: dict[str, str] = {}
    for item in settings:
        name, is_named, path = item.partition("=")
        if not is_named:
            raise CliError(ExitCode.USAGE, f"--set-from {item!r} has no '='", "write --set-from name=file.json")
        for key, value in _object(Path(path)).items():
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                values[f"{name}_{key}"] = str(value)
    return values


def _read(file: Path, values: Mapping[str, str], used: set[str]) -> list[Any]:
    """The documents of a file. used: takes the keys of its placeholders. Raises CliError."""
    missing: dict[str, None] = {}

    def value_of(placeholder: re.Match[str]) -> str:
        key = placeholder[1]
        if placeholder[0].startswith("$$"):
            return placeholder[0][1:]
        used.add(key)
        if key not in values:
            missing[key] = None
        return values.get(key, "")

    try:
        found = read_text(_text(file), lambda text: PLACEHOLDER.sub(value_of, text))
    except NotStrict as error:
        what = "JSON" if file.suffix == ".json" else "YAML"
        raise CliError(
            ExitCode.INVALID, f"{file} is no {what} that can be taken: {error}", "mend the file and apply again"
        ) from error
    if missing:
        wanted = f"{'a value' if len(missing) == 1 else 'values'} for {' and '.join(missing)}"
        raise CliError(ExitCode.INVALID, f"{file} wants {wanted}", " ".join(f"--set {key}=..." for key in missing))
    return found


def _check_used(unused: Sequence[str]) -> None:
    """Raises CliError where there are keys that no placeholder has."""
    if unused:
        holes = ", ".join(f"${{{key}}}" for key in unused)
        hint = f"leave out --set {unused[0]}=..., or mend its name"
        raise CliError(ExitCode.INVALID, f"no document has {holes}", hint)


def _all_of(errors: Sequence[CliError]) -> CliError:
    """One error with the text of all, and with what to do about the first."""
    if len(errors) == 1:
        return errors[0]
    lines = "".join(f"\n  {one.message}" for one in errors)
    text = f"nothing was applied; {len(errors)} files cannot be taken:{lines}"
    return CliError(ExitCode.INVALID, text, errors[0].hint)


def _object(file: Path) -> dict[str, Any]:
    hint = "name a JSON file with one object"
    if not file.exists():
        raise CliError(ExitCode.NOT_FOUND, f"{file} does not exist", hint)
    try:
        found = json.loads(_text(file))
    except ValueError as error:
        raise CliError(ExitCode.INVALID, f"{file} is no JSON: {error}", hint) from error
    if not isinstance(found, dict):
        raise CliError(ExitCode.INVALID, f"{file} holds a {type(found).__name__}; expected an object", hint)
    return found


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > BYTES_MAX:
            raise CliError(ExitCode.INVALID, f"{file} is larger than {BYTES_MAX} bytes", "apply smaller files")
        content = file.read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x} in line {line}"
        raise CliError(
            ExitCode.INVALID, f"{file}: {byte} is no UTF-8", "save the file as UTF-8 and apply again"
        ) from error
    except OSError as error:
        raise CliError(
            ExitCode.INVALID, f"{file} cannot be read: {error}", "check what it is and who may read it"
        ) from error


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
    if not path.exists():
        raise CliError(ExitCode.NOT_FOUND, f"{path} does not exist", "name a YAML file or a folder of them")
    return [path]
