"""Paragraphs of a manual page in roff's `man` macros; displays and tables are left out, fonts and escapes resolved."""

from __future__ import annotations

import re
import shlex

_BREAKS = frozenset({"SH", "SS", "TP", "TQ", "PP", "LP", "P", "IP", "HP", "TH", "sp", "br", "RS", "RE", "AP", "OP"})
_DISPLAYS = {"nf": "fi", "EX": "EE", "TS": "TE", "CS": "CE", "PS": "PE"}
_JOINED = frozenset({"BR", "BI", "IR", "IB", "RB", "RI"})
_SPACED = frozenset({"B", "I", "SM", "SB", "R"})
_CHARACTERS = {
    "em": "-", "en": "-", "aq": "'", "dq": '"', "lq": '"', "rq": '"', "oq": "'", "cq": "'", "bu": "",
    "rs": "\\", "ti": "~", "ha": "^", "ga": "`", "co": "(c)", "Fo": '"', "Fc": '"', "->": "->", "mu": "x",
}  # fmt: skip
_ESCAPE = re.compile(
    r"""\\(?:
        f(?:\[[^\]]*\]|\(..|.)            # font
      | [sSmM](?:\[[^\]]*\]|[-+]?\d+)     # size, colour
      | \((?P<two>..)                     # special character of two letters
      | \[(?P<long>[^\]]*)\]              # special character by name
      | \*(?:\(..|\[[^\]]*\]|.)           # string
      | (?P<one>.)                        # one character
    )""",
    re.VERBOSE,
)
_ONE = {"-": "-", "e": "\\", " ": " ", "~": " ", "0": " ", "t": " ", "'": "'", "`": "`", ".": "."}


def roff_paragraphs(page: str) -> list[str]:
    """The paragraphs of `page`; none of a page in the `mdoc` macros, which say other things by the same names."""
    if re.search(r"^\.Dd\b", page, re.MULTILINE):
        return []
    paragraphs: list[list[str]] = [[]]
    until = ""
    for line in page.splitlines():
        macro, rest = _split(line)
        if until:
            until = "" if macro == until else until
        elif macro in _DISPLAYS:
            until = _DISPLAYS[macro]
        elif macro in _BREAKS or not line.strip():
            paragraphs.append([])
        elif macro in _JOINED or macro in _SPACED:
            paragraphs[-1].append(("" if macro in _JOINED else " ").join(_arguments(rest)))
        elif macro is None:
            paragraphs[-1].append(line)
    return [unescape(" ".join(lines)) for lines in paragraphs if lines]


def unescape(text: str) -> str:
    """`text` with roff's escapes replaced by the characters they print."""
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    name = match["two"] or match["long"]
    if name is not None:
        return _CHARACTERS.get(name, "")
    return _ONE.get(match["one"] or "", "")


def _split(line: str) -> tuple[str | None, str]:
    """The macro of a control line and its arguments; None for a line of text. A comment is a macro of its own name."""
    if not line.startswith((".", "'")):
        return None, line
    body = line[1:].lstrip()
    name, _, rest = body.partition(" ")
    return name, rest


def _arguments(rest: str) -> list[str]:
    splitter = shlex.shlex(rest, posix=True)
    splitter.whitespace_split, splitter.commenters, splitter.escape, splitter.quotes = True, "", "", '"'
    try:
        return list(splitter)
    except ValueError:  # a quote that never closes: roff prints it to the end of the line
        return rest.replace('"', "").split()
