"""Passages of the corpus: the Python language reference and standard-library docstrings, cut to answerable size.

Deterministic: the same interpreter version on the same operating system gives the same passages, ids and digest, whatever
the hash seed, the folder it runs in or the machine. Needs no torch.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import pydoc_data.topics
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

WORDS_MAX = 120
"""Words of a passage at most. Measured: MiniLM embeds 29-60 such a second on this class of machine."""

WORDS_MIN = 8
"""Words below which a text says too little to answer from. Chosen."""

PASSAGES_PER_TOPIC_MAX = 14
"""Passages kept of one language topic. Chosen: keeps long tables from crowding out the rest."""

MODULES = (
    "abc", "argparse", "array", "ast", "asyncio", "base64", "bisect", "builtins", "calendar", "collections",
    "collections.abc", "concurrent.futures", "configparser", "contextlib", "contextvars", "copy", "csv", "dataclasses",
    "datetime", "decimal", "difflib", "enum", "fileinput", "fnmatch", "fractions", "functools", "getpass", "glob", "gzip",
    "hashlib", "heapq", "hmac", "html", "http.client", "http.server", "inspect", "io", "ipaddress", "itertools", "json",
    "linecache", "locale", "logging", "math", "mimetypes", "multiprocessing", "operator", "os", "os.path", "pathlib",
    "pickle", "platform", "pprint", "queue", "random", "re", "sched", "secrets", "select", "selectors", "shelve", "shlex",
    "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "statistics", "string", "struct", "subprocess", "sys",
    "tarfile", "tempfile", "textwrap", "threading", "time", "timeit", "tokenize", "traceback", "types", "typing",
    "unicodedata", "unittest", "unittest.mock", "urllib.parse", "urllib.request", "uuid", "warnings", "weakref",
    "xml.etree.ElementTree", "zipfile", "zlib", "zoneinfo",
)  # fmt: skip
"""Modules whose docstrings are read, in this order."""

HOMES = {"os": ("posix",), "os.path": ("posixpath", "genericpath"), "builtins": ("io",), "threading": ("_thread",)}
"""Where a module's public names really live, for modules that only re-export them."""

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
    for passage in found:
        if passage.text not in seen:
            seen.add(passage.text)
            kept.append(passage)
    return kept


def digest_of(items: Iterable[Passage]) -> str:
    """Content digest: `sha256:` over canonical JSON lines of id and text."""
    hasher = hashlib.sha256()
    for item in items:
        line = json.dumps([item.id, item.text], ensure_ascii=False, separators=(",", ":"))
        hasher.update(line.encode() + b"\n")
    return "sha256:" + hasher.hexdigest()


def chunks(text: str) -> list[str]:
    """A text as pieces of whole paragraphs or sentences, WORDS_MIN to WORDS_MAX words each."""
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
        if flat and not _is_decoration(flat):
            yield from re.split(r"(?<=[.!?])\s+(?=[A-Z`\"'(])", flat)


def _is_decoration(text: str) -> bool:
    """Rulers, tables and grammar productions: mostly not words."""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return letters < 0.7 * len(text)


def _topics() -> Iterator[Passage]:
    topics: dict[str, str] = pydoc_data.topics.topics
    for name in sorted(topics):
        for number, text in enumerate(chunks(topics[name])[:PASSAGES_PER_TOPIC_MAX]):
            yield Passage(f"topics/{name}#{number}", text)


def _docstrings() -> Iterator[Passage]:
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        yield from _documented(module_name, module)
        for name, member in sorted(vars(module).items()):
            if name.startswith("_") or not _belongs(member, module_name):
                continue
            yield from _documented(f"{module_name}.{name}", member)
            if inspect.isclass(member):
                for inner, method in sorted(vars(member).items()):
                    if not inner.startswith("_") and (callable(method) or isinstance(method, property | classmethod)):
                        yield from _documented(f"{module_name}.{name}.{inner}", method)


def _belongs(member: object, module_name: str) -> bool:
    if not (inspect.isclass(member) or inspect.isroutine(member)):
        return False
    home = getattr(member, "__module__", None) or ""
    same_package = home.lstrip("_").split(".")[0] == module_name.lstrip("_").split(".")[0]
    return same_package or home in HOMES.get(module_name, ())


def _documented(name: str, member: object) -> Sequence[Passage]:
    text = getattr(member, "__doc__", None)
    if not isinstance(text, str):
        return ()
    pieces = chunks(inspect.cleandoc(text))
    return [Passage(f"{name}#{number}", f"{name}: {piece}") for number, piece in enumerate(pieces[:4])]
