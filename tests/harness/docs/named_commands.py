"""Commands that a page or a message names: whether each could be typed today, told without running it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import typer.main

from harness.docs.pages import ROOT
from weir.cli.__main__ import app

PLACEHOLDER = re.compile(r"<[a-z][a-zA-Z ]*>")
"""What a reader fills in, as <request id>."""

STAND_IN = "1"
"""A word that every argument takes, numbers too."""

ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
KNOWN = re.compile(r"(?:[A-Z_]+=\S* )*(?:\.venv/bin/)?(?:(?:weir|make)(?: |$)|python \S)")
"""The commands that are looked at, with variables before them. `weir-...` and `make` in a sentence are none."""

BROKEN_LINE = re.compile(r"\\\n\s*")
TARGETS = re.compile(r"^([a-z-]+):", re.MULTILINE)
COMMANDS = typer.main.get_command(app)
MAKEFILE = (ROOT / "Makefile").read_text()


def is_command(text: str) -> bool:
    """Whether a text is one of the commands that are looked at."""
    return KNOWN.match(text) is not None


def commands_in(script: str) -> Iterator[str]:
    """The commands of a shell block, one a line; a broken line is one."""
    for line in BROKEN_LINE.sub(" ", script).splitlines():
        if is_command(line.strip()):
            yield line.strip()


def problem_with(command: str) -> str:
    """What is wrong with a command; empty when it could be typed. The bare name of a group or command is right, too."""
    try:
        words = shlex.split(PLACEHOLDER.sub(STAND_IN, command), comments=True)
    except ValueError as error:
        return f"{command}: {error}"
    while ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    program = words[0].rpartition("/")[2]
    look = {"weir": _weir, "make": _make, "python": _python}[program]
    found = look(words[1:])
    return f"{command}: {found}" if found else ""


def is_whole(command: str) -> bool:
    """Whether a text is a `weir` command with all its words, not the bare name of a group or of one that wants more."""
    words = shlex.split(PLACEHOLDER.sub(STAND_IN, command)) if is_command(command) else []
    while words and ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    return (
        words[:1] == ["weir"]
        and not re.search(r"\.\.\.|\[[A-Z]+\]", command)
        and not _weir(words[1:], is_name_enough=False)
    )


def _weir(words: list[str], *, is_name_enough: bool = True) -> str:
    command = COMMANDS
    context = command.make_context("weir", [], resilient_parsing=True)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        names = words[0].split("|")
        unknown = [name for name in names if name not in command.commands]
        if unknown:
            return f"no command {unknown[0]!r}; there are: {', '.join(sorted(command.commands))}"
        command, words = command.commands[names[0]], words[1:]
    if words == ["--help"] or (is_name_enough and not words):
        return ""
    if hasattr(command, "commands"):
        return "names a group alone"
    try:
        command.make_context(command.name, list(words), parent=context)
    except Exception as error:  # noqa: BLE001  # whatever the parser of the command line says is the finding
        return f"{type(error).__name__}: {error}"
    return ""


def _make(words: list[str]) -> str:
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable and not re.search(rf"\$\((?:if \$\()?{name}\)", MAKEFILE):
            return f"the Makefile reads no variable {name}"
        if not is_variable and name not in TARGETS.findall(MAKEFILE):
            return f"no target {name!r}"
    return ""


def _python(words: list[str]) -> str:
    if words[:1] != ["-m"]:
        return "" if (ROOT / words[0]).is_file() else f"no file {words[0]}"
    if words[1].split(".")[0] == "pytest":
        return ""
    stem = words[1].replace(".", "/")
    bases = ("", "tests/", "services/")
    found = [ROOT / f"{base}{stem}{end}" for base in bases for end in (".py", "/__main__.py")]
    source = next((path for path in found if path.is_file()), None)
    if source is None:
        return f"no module {words[1]}"
    text = "\n".join(path.read_text() for path in source.parent.glob("*.py"))
    unread = [word for word in words[2:] if re.fullmatch(r"-{0,2}[a-z][a-z-]*", word) and f'"{word}"' not in text]
    return f"{words[1]} does not read {unread[0]!r}" if unread else ""
