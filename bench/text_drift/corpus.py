"""Corpus: two bases of normal traffic, each with the pools of changed traffic that are mixed into it.

The **first** base (Python, PostgreSQL and Git manuals) is the one the detector may be tuned on. The **held-out** base
(manual pages and Perl's documentation) has change pools of its own and is never used for tuning.

A base's texts and the originals of its rewritten texts (template, synonyms, ...) come from the same documents and are
split at random: what a rewritten stream differs in is the rewriting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from . import sources, wordnet
from .changes import PREFIXES, concatenated, templated, truncated
from .passages import Passage

BASE_TEXTS = 6_000
"""Texts of a base: a reference draw takes 2,000, the other 4,000 are the test pool of that draw."""

POOL_TEXTS = 500
DOCUMENT_TEXTS_MIN, DOCUMENT_TEXTS_MAX = 10, 24
"""Passages taken of one document: enough that its test half holds sessions of five, few enough for variety."""

CONCATENATED_TEXTS = 3
"""Neighbours that make one long text. Arbitrary: any value from 2 to 5 would do; the length then leaves the usual range."""
_ORIGINALS = POOL_TEXTS * (3 + CONCATENATED_TEXTS)

Source = Callable[[Path], list[Passage]]
FIRST_MIX: dict[str, tuple[Source, float]] = {
    "python": (sources.python_library, 0.49),
    "guides": (sources.python_guides, 0.08),
    "postgres": (sources.postgres, 0.25),
    "git": (sources.git, 0.18),
}
HELD_OUT_MIX: dict[str, tuple[Source, float]] = {"man": (sources.man, 0.6), "perl": (sources.perl, 0.4)}

BASES = ("first", "held-out")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A base and its pools of changed texts by name; `digest` covers every text in order."""

    base: tuple[Passage, ...]
    pools: dict[str, tuple[Passage, ...]]
    digest: str

    def passages(self) -> list[Passage]:
        """Base, then the pools in order: the rows of every array about this corpus."""
        return [*self.base, *(passage for pool in self.pools.values() for passage in pool)]


def build_corpus(name: str, root: Path) -> Corpus:
    """The corpus `name` ("first" or "held-out") from the unpacked packages. Cost: 10 to 30 s, memory below 1 GB."""
    senses = sources.entries(root, "wn")
    if name == "first":
        mix = FIRST_MIX
        pools = {
            "near": sources.perl(root),
            "middle": sources.dictionary(root, "foldoc"),
            "far": sources.fortunes(root),
            "narrow": wordnet.field_passages(senses, wordnet.BOTANY),
            "language": sources.man_in("fr")(root),
        }
    elif name == "held-out":
        mix = HELD_OUT_MIX
        pools = {
            "near": sources.tcl(root),
            "middle": sources.handbook(root),
            "far": sources.dictionary(root, "gcide"),
            "narrow": wordnet.field_passages(senses, wordnet.MEDICINE),
            "language": sources.man_in("es")(root),
        }
    else:
        raise ValueError(f"no base is called {name!r}; expected one of {BASES}")
    texts = shuffled(mixed({part: source(root) for part, (source, _) in mix.items()}, mix), "split")
    chosen = {pool: tuple(shuffled(found, pool)[:POOL_TEXTS]) for pool, found in pools.items()}
    return _corpus(texts[:BASE_TEXTS], chosen | _rewritten(texts[BASE_TEXTS:], name, wordnet.synonyms_of(senses)))


def mixed(parts: dict[str, list[Passage]], mix: dict[str, tuple[Source, float]]) -> list[Passage]:
    """Texts of whole documents, each part in its share, as many as base and originals need."""
    found: list[Passage] = []
    for part, passages in parts.items():
        wanted = round(mix[part][1] * (BASE_TEXTS + _ORIGINALS))
        taken = runs(passages)[:wanted]
        if len(taken) < wanted:
            raise ValueError(
                f"part {part} has {len(taken)} usable passages, {wanted} are needed: a package has changed"
            )
        found += taken
    return found


def runs(passages: Sequence[Passage]) -> list[Passage]:
    """A run of neighbouring passages of every document that is long enough, documents in an order set by their name."""
    documents: dict[str, list[Passage]] = {}
    for passage in passages:
        documents.setdefault(passage.document, []).append(passage)
    order = sorted(documents, key=lambda document: sha256(document.encode()).hexdigest())
    long = [documents[document] for document in order if len(documents[document]) >= DOCUMENT_TEXTS_MIN]
    return [passage for document in long for passage in document[:DOCUMENT_TEXTS_MAX]]


def shuffled(passages: Sequence[Passage], salt: str) -> list[Passage]:
    """The passages in an order decided by their texts and `salt`."""
    return sorted(passages, key=lambda passage: sha256(f"{salt} {passage.text}".encode()).hexdigest())


def _rewritten(
    originals: Sequence[Passage], name: str, synonyms: dict[str, tuple[str, ...]]
) -> dict[str, tuple[Passage, ...]]:
    first, second, third, rest = (
        originals[:POOL_TEXTS],
        originals[POOL_TEXTS : 2 * POOL_TEXTS],
        originals[2 * POOL_TEXTS : 3 * POOL_TEXTS],
        originals[3 * POOL_TEXTS :],
    )
    return {
        "synonym": tuple(Passage(item.document, wordnet.with_synonyms(item.text, synonyms)) for item in first),
        "template": tuple(templated(second, PREFIXES[name])),
        "truncated": tuple(truncated(third)),
        "concatenated": tuple(concatenated(rest, CONCATENATED_TEXTS))[:POOL_TEXTS],
    }


def _corpus(base: Sequence[Passage], pools: dict[str, tuple[Passage, ...]]) -> Corpus:
    short = {pool: len(found) for pool, found in pools.items() if len(found) < POOL_TEXTS}
    if short or len(base) < BASE_TEXTS:
        raise ValueError(f"too few texts: base {len(base)} of {BASE_TEXTS}, pools {short}: a package has changed")
    hasher = sha256()
    for pool, found in {"base": tuple(base), **pools}.items():
        for passage in found:
            hasher.update(json.dumps([pool, passage.document, passage.text]).encode() + b"\n")
    return Corpus(tuple(base), pools, hasher.hexdigest())
