"""Sources: each name is a collection of passages cut from some of the packages' files."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from .dictd_text import dictd_entries, entry_paragraphs
from .fortune_text import fortunes_of
from .html_text import html_paragraphs
from .passages import Passage, distinct, passages_of
from .pod_text import pod_paragraphs
from .roff_text import roff_paragraphs
from .wordnet import Senses

ENGLISH_MAN = ("man2", "man3", "man4", "man5", "man7", "man8")
_OTHERS_MAN = re.compile(r"\.\d(?:tcl|pm|perl|git|pg|postgresql)")
"""Manual pages of other sources that lie in the same folders."""


def python_library(root: Path) -> list[Passage]:
    """Python's library and language reference."""
    return _html(root, "usr/share/doc/python3.11/html", ("library/*.html", "reference/*.html"))


def python_guides(root: Path) -> list[Passage]:
    """Python's tutorial, FAQ and how-tos."""
    return _html(root, "usr/share/doc/python3.11/html", ("tutorial/*.html", "faq/*.html", "howto/*.html"))


def postgres(root: Path) -> list[Passage]:
    """PostgreSQL's manual."""
    return _html(root, "usr/share/doc/postgresql-doc-15/html", ("*.html",))


def git(root: Path) -> list[Passage]:
    """Git's manual pages and guides."""
    return _html(root, "usr/share/doc", ("git/html/*.html", "git-doc/*.html", "git-doc/*/*.html"))


def handbook(root: Path) -> list[Passage]:
    """The Debian administrator's handbook in English."""
    return _html(root, "usr/share/doc/debian-handbook/html/en-US", ("*.html",))


def perl(root: Path) -> list[Passage]:
    """Perl's documentation."""
    return _files(root, "usr/share/perl", ("*/pod/*.pod",), pod_paragraphs)


def man(root: Path) -> list[Passage]:
    """English manual pages of the system: calls, library, files, administration."""
    return _man(root, [f"{section}/*.gz" for section in ENGLISH_MAN], lambda name: not _OTHERS_MAN.search(name))


def tcl(root: Path) -> list[Passage]:
    """Tcl's manual pages."""
    return _man(root, ["man3/*.3tcl.gz"], lambda name: True)


def man_in(language: str) -> Callable[[Path], list[Passage]]:
    """Manual pages in another language."""
    return lambda root: _man(root, [f"{language}/man*/*.gz"], lambda name: True)


def fortunes(root: Path) -> list[Passage]:
    """Sayings in English, and the Devil's Dictionary."""
    folder = root / "usr/share/games/fortunes"
    files = [
        path for path in folder.glob("*") if path.is_file() and path.suffix == "" and path.with_suffix(".u8").exists()
    ]
    return [*_paragraphs(files, folder, fortunes_of), *dictionary(root, "devil")]


def dictionary(root: Path, name: str) -> list[Passage]:
    """A dictionary's entries; the headword is the document."""
    found: list[Passage] = []
    for headword, text in entries(root, name):
        found += passages_of(headword, entry_paragraphs(text))
    return distinct(found)


def entries(root: Path, name: str) -> Senses:
    """Headwords and texts of a dictionary."""
    folder = root / "usr/share/dictd"
    index = (folder / f"{name}.index").read_text(encoding="utf-8", errors="replace")
    return list(dictd_entries(index, gzip.decompress((folder / f"{name}.dict.dz").read_bytes())))


def _html(root: Path, folder: str, patterns: Iterable[str]) -> list[Passage]:
    return _files(root, folder, patterns, html_paragraphs)


def _man(root: Path, patterns: Iterable[str], wanted: Callable[[str], bool]) -> list[Passage]:
    folder = root / "usr/share/man"
    # A link is another name of a page; sorted by name, the pages come in the same order everywhere.
    found = [
        path for pattern in patterns for path in folder.glob(pattern) if not path.is_symlink() and wanted(path.name)
    ]
    return _paragraphs(found, folder, roff_paragraphs)


def _files(root: Path, folder: str, patterns: Iterable[str], parse: Callable[[str], list[str]]) -> list[Passage]:
    base = root / folder
    found = [path for pattern in patterns for path in base.glob(pattern) if path.is_file() and not path.is_symlink()]
    return _paragraphs(found, base, parse)


def _paragraphs(files: Iterable[Path], base: Path, parse: Callable[[str], list[str]]) -> list[Passage]:
    found: list[Passage] = []
    for path in sorted(files):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        found += passages_of(str(path.relative_to(base)), parse(content.decode("utf-8", errors="replace")))
    return distinct(found)
