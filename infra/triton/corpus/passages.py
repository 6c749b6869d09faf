"""Passages of the corpus: the Python language reference and standard-library docstrings, cut to answerable size.

Deterministic: in a fresh process the same interpreter version on the same operating system gives the same passages,
ids and digest, whatever the hash seed, the folder or the machine. Read it before libraries that patch the standard
library are imported (torch's and pytest's do): they change what its docstrings are. Needs no torch.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import pydoc_data.topics
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

from corpus.modules import HOMES, MODULES
from corpus.sentences import sentences_of

WORDS_MAX = 120
"""Words of a passage at most, its name aside. Measured: MiniLM embeds some 50 such a second on two cores."""

WORDS_MIN = 8
"""Words below which a text says too little to answer from. Chosen."""

PASSAGES_PER_TOPIC_MAX = 14
"""Passages kept of one language topic. Chosen: keeps long tables from crowding out the rest."""

PASSAGES_PER_OBJECT_MAX = 4
"""Passages kept of one docstring. Chosen: what an object is for stands at its beginning."""

LETTERS_MIN = 0.7
"""Share of letters and spaces below which a paragraph is a ruler, a table or a grammar production. Chosen."""

MACHINE_DEPENDENT = re.compile(r"0x[0-9a-fA-F]{6,}|/(?:usr|home|root|opt|tmp|Users)/\S*|[A-Z]:\\\\\S*")
"""Addresses and paths that differ between machines; a text with one is left out."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One piece of the corpus."""

    id: str
    """Stable and readable: topics/for#2, json.dumps#0."""
    text: str


def passages() -> list[Passage]:
    """Every passage of the corpus, in a fixed order, ids and texts distinct."""
    seen: set[str] = set()
    kept = []
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # reading a module's old names warns
        found = [*_topics(), *_docstrings()]
    for name, piece_number, piece in found:
        if piece not in seen:
            seen.add(piece)
            text = piece if name.startswith("topics/") else f"{name}: {piece}"
            kept.append(Passage(f"{name}#{piece_number}", text))
    return kept


def digest_of(items: Iterable[Passage]) -> str:
    """Content digest: `sha256:` over canonical JSON lines of id and text."""
    hasher = hashlib.sha256()
    for item in items:
        line = json.dumps([item.id, item.text], ensure_ascii=False, separators=(",", ":"))
        hasher.update(line.encode() + b"\n")
    return "sha256:" + hasher.hexdigest()


def chunks(text: str) -> list[str]:
    """A text as pieces of whole sentences, WORDS_MIN to WORDS_MAX words each; a longer sentence is cut."""
    pieces: list[str] = []
    current: list[str] = []
    for sentence in _sentences(text):
        words = sentence.split()[:WORDS_MAX]
        if current and len(current) + len(words) > WORDS_MAX:
            pieces.append(" ".join(current))
            current = []
        current += words
    if current:
        pieces.append(" ".join(current))
    return [piece for piece in pieces if len(piece.split()) >= WORDS_MIN and not MACHINE_DEPENDENT.search(piece)]


def _sentences(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        flat = " ".join(paragraph.split())
        letters = sum(character.isalpha() or character.isspace() for character in flat)
        if flat and letters >= LETTERS_MIN * len(flat):
            yield from sentences_of(flat)


def _topics() -> Iterator[tuple[str, int, str]]:
    topics: dict[str, str] = pydoc_data.topics.topics
    for name in sorted(topics):
        for number, piece in enumerate(chunks(topics[name])[:PASSAGES_PER_TOPIC_MAX]):
            yield f"topics/{name}", number, piece


def _docstrings() -> Iterator[tuple[str, int, str]]:
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        yield from _documented(module_name, module)
        for name, member in _members(module, module_name):
            yield from _documented(f"{module_name}.{name}", member)
            if inspect.isclass(member):
                for inner, method in sorted(vars(member).items()):
                    if not inner.startswith("_") and (callable(method) or isinstance(method, property | classmethod)):
                        yield from _documented(f"{module_name}.{name}.{inner}", method)


def _members(module: ModuleType, module_name: str) -> list[tuple[str, object]]:
    """Public functions, then classes: where a function wraps a method, the function keeps the docstring."""
    found = [item for item in vars(module).items() if not item[0].startswith("_") and _belongs(*item, module_name)]
    return sorted(found, key=lambda item: (inspect.isclass(item[1]), item[0]))


def _belongs(name: str, member: object, module_name: str) -> bool:
    is_class = inspect.isclass(member)
    is_alias = is_class and getattr(member, "__name__", name) != name
    if is_alias or not (is_class or inspect.isroutine(member)):
        return False
    home = getattr(member, "__module__", None) or ""
    same_package = home.lstrip("_").split(".")[0] == module_name.lstrip("_").split(".")[0]
    return same_package or home in HOMES.get(module_name, ())


def _documented(name: str, member: object) -> Iterator[tuple[str, int, str]]:
    text = getattr(member, "__doc__", None)
    if isinstance(text, str):
        for number, piece in enumerate(chunks(inspect.cleandoc(text))[:PASSAGES_PER_OBJECT_MAX]):
            yield name, number, piece
