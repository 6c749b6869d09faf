"""Harvests what the composed questions are about from the running interpreter.

A *subject* is one fact that Python itself states: a function exists, a parameter has this default, a docstring says
that this exception is raised, a topic of the language reference has this title. Nothing is fetched, nothing invented.
The harvest is committed as ``examples/traffic/subjects.jsonl``, because docstrings change between patch releases of
Python while the composed questions must not.
"""

from __future__ import annotations

import builtins
import enum
import hashlib
import importlib
import inspect
import itertools
import keyword
import os.path
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pydoc_data.topics import topics

# Docstring summaries start with an imperative verb; these read well after "How do I ...".
SUMMARY_VERB = re.compile(
    "Add|Append|Calculate|Change|Compile|Compute|Convert|Copy|Create|Decode|Delete|Encode|Extract|Find|Format|Generate|"
    "Get|Insert|Join|Load|Merge|Move|Open|Parse|Print|Read|Register|Remove|Replace|Run|Search|Send|Set|Sort|Split|"
    "Start|Stop|Test|Wait|Write|Return"
)
SUMMARY_WORDS = range(4, 15)  # chosen: shorter says nothing, longer does not read like a question
SENTENCE_WORDS = range(6, 17)  # chosen: same reason, for sentences of the language reference
# Chosen so that large modules (os, socket, ssl) do not fill the traffic.
TOPIC_SHARE = {
    "parameter": 4,
    "default": 3,
    "keyword_only": 2,
    "function": 5,
    "class": 3,
    "exception": 3,
    "goal": 8,
    "raises": 7,
    "pair": 4,
}
KIND_LIMIT = 250  # chosen: a little more than the largest quota of the composer
SIMPLE_TEXT = re.compile(r"[A-Za-z][A-Za-z ,'()-]*[A-Za-z)]")
RAISES = re.compile(r"(?<!not )\b[Rr]aises? (?:an? )?([A-Z]\w+(?:Error|Exception))\b")
SENTENCE = re.compile(r"(?:(?<=^)|(?<=\. ))((?:A|An|The|Class|Function|Names|All|Each) [^.]+)\.(?= |$)")
CROSS_REFERENCES = re.compile(
    r"\b(?:see|section|below|above|following|this|these|such|it|its|they|their|note|also|then|same|other|as follows)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One fact to ask about: its kind, its topic (a module or a topic key) and the words that fill a phrasing."""

    kind: str
    topic: str
    slots: dict[str, str]


def harvest(module_names: Sequence[str], method_owners: Sequence[str]) -> list[Subject]:
    """At most ``KIND_LIMIT`` subjects of a kind, ``TOPIC_SHARE`` of them from one topic, in a stable order."""
    found = [*_of_modules(module_names), *_of_builtins(), *_of_methods(method_owners), *_of_language()]
    found += _pairs_of(found)
    by_rank = {rank(subject): subject for subject in reversed(found)}  # the first topic that states a fact keeps it
    used: Counter[str] = Counter()
    kept = []
    for _, subject in sorted(by_rank.items()):
        share = f"{subject.kind} of {subject.topic}"
        within_share = subject.topic == "builtins" or used[share] < TOPIC_SHARE.get(subject.kind, KIND_LIMIT)
        if within_share and used[subject.kind] < KIND_LIMIT:
            used.update((subject.kind, share))
            kept.append(subject)
    return sorted(kept, key=lambda subject: (subject.kind, subject.topic, sorted(subject.slots.items())))


def rank(subject: Subject) -> str:
    """A pseudo-random but fixed place for a subject: the same in every process and on every machine."""
    words = "\x1f".join(f"{name}={word}" for name, word in sorted(subject.slots.items()))
    return hashlib.sha256(f"{subject.kind}\x1f{words}".encode()).hexdigest()


def _of_modules(module_names: Sequence[str]) -> Iterator[Subject]:
    for module_name in module_names:
        module = importlib.import_module(module_name)
        yield Subject("module", module_name, {"module": module_name})
        exported = frozenset(getattr(module, "__all__", ()))
        for name in sorted(exported or dir(module)):
            thing = getattr(module, name, None)
            if not name.startswith("_") and callable(thing) and (name in exported or _is_own(thing, module_name)):
                yield from _of_named(f"{module_name}.{name}", thing, module_name)


def _is_own(thing: object, module_name: str) -> bool:
    """False for what a module without ``__all__`` only imported; ``_struct`` counts as part of ``struct``."""
    defined_in = str(getattr(thing, "__module__", "")).lstrip("_")
    return defined_in.split(".")[0] == module_name.split(".")[0]


def _of_builtins() -> Iterator[Subject]:
    for name in sorted(vars(builtins)):
        thing = getattr(builtins, name)
        if not name.startswith("_") and callable(thing) and name not in {"copyright", "credits", "license"}:
            yield from _of_named(name, thing, "builtins")


def _of_named(name: str, thing: object, topic: str) -> Iterator[Subject]:
    if "deprecated" in (inspect.getdoc(thing) or "").lower():
        return
    if isinstance(thing, type) and issubclass(thing, BaseException):
        yield Subject("exception", topic, {"exception": name})
    elif isinstance(thing, type):
        yield Subject("class", topic, {"class": name})
        if not issubclass(thing, enum.Enum):
            yield from _of_signature(name, thing, topic)
    elif inspect.isroutine(thing):
        yield Subject("function", topic, {"function": name})
        yield from _of_signature(name, thing, topic)
        yield from _of_docstring(name, thing, topic)


def _of_methods(method_owners: Sequence[str]) -> Iterator[Subject]:
    for owner_name in method_owners:
        module_name, _, class_name = owner_name.rpartition(".")
        owner = getattr(importlib.import_module(module_name or "builtins"), class_name)
        for name in sorted(vars(owner)):
            method = getattr(owner, name)
            if name.startswith("_") or not inspect.isroutine(method):
                continue
            full_name = f"{class_name}.{name}"
            topic = module_name or "builtins"
            yield Subject("method", topic, {"method": name, "owner": class_name, "function": full_name})
            yield from _of_signature(full_name, method, topic)
            yield from _of_docstring(full_name, method, topic)


def _of_signature(name: str, thing: object, topic: str) -> Iterator[Subject]:
    try:
        parameters = inspect.signature(thing).parameters.values() if callable(thing) else ()
    except ValueError:  # some builtins written in C publish no signature: there is nothing to ask about
        return
    for parameter in parameters:
        if (
            parameter.name in {"self", "cls"}
            or len(parameter.name) < 3
            or "_" in (parameter.name[0], parameter.name[-1])
        ):
            continue
        slots = {"function": name, "parameter": parameter.name}
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        yield Subject("parameter", topic, slots)
        if parameter.kind is parameter.KEYWORD_ONLY:
            yield Subject("keyword_only", topic, slots)
        if isinstance(parameter.default, bool | int | str | None) and len(repr(parameter.default)) < 12:
            yield Subject("default", topic, {**slots, "default": repr(parameter.default)})


def _of_docstring(name: str, thing: object, topic: str) -> Iterator[Subject]:
    text = inspect.getdoc(thing) or ""
    for exception in sorted(set(RAISES.findall(text))):
        yield Subject("raises", topic, {"function": name, "exception": exception})
    goal = _goal(" ".join(text.split("\n\n")[0].split()))
    if goal:
        yield Subject("goal", topic, {"goal": goal, "function": name, "module": topic})


def _goal(summary: str) -> str | None:
    """The first sentence of a docstring as words for "How do I ...", or None where it would not read well."""
    verb, _, rest = summary.split(". ")[0].rstrip(".").partition(" ")
    rest = re.sub(r",? (?:and )?(?:False|None) otherwise$", "", rest)
    readable = SIMPLE_TEXT.fullmatch(rest) and rest.count("(") == rest.count(")")
    if not SUMMARY_VERB.fullmatch(verb) or not readable or len(rest.split()) + 1 not in SUMMARY_WORDS:
        return None
    if re.search(r"\b(?:this|self|same as|above|below|deprecated|[Uu]se|iff|[Ii]mplements?|arg\w*)\b", rest):
        return None
    if verb == "Return":
        rest, whether = re.subn(
            r"^(?:True|true|whether|a bool\w* indicating) ?(?:if|whether)? (?:and only if )?", "", rest
        )
        return f"{'check whether' if whether else 'get'} {rest}"
    return f"{verb.lower()} {rest}"


def _of_language() -> Iterator[Subject]:
    for word in sorted(keyword.kwlist):
        yield Subject("keyword", "keywords", {"keyword": word})
    for key, text in sorted(topics.items()):
        title = text.split("\n", 1)[0].strip().rstrip(".").lower().replace("python", "Python").replace(" — ", " ")
        yield Subject("concept", key, {"title": title})
        for name in sorted(set(re.findall(r"\bobject\.(__\w+__)\(", text))):
            yield Subject("special_method", key, {"special": name})
        for sentence in _sentences(text) if key != "specialattrs" else ():  # a table: noun phrases, not sentences
            yield Subject("sentence", key, {"sentence": sentence})


def _sentences(text: str) -> Iterator[str]:
    """Plain sentences of a topic that stand alone: no code, no cross reference, nothing that points elsewhere."""
    for paragraph in text.split("\n\n"):
        flat = " ".join(paragraph.replace("*", "").replace("’", "'").split())
        for sentence in SENTENCE.findall(flat):
            plain = SIMPLE_TEXT.fullmatch(sentence) and len(sentence.split()) in SENTENCE_WORDS
            if plain and not CROSS_REFERENCES.search(sentence) and "(" not in sentence:
                yield sentence[0].lower() + sentence[1:]


def _pairs_of(subjects: Iterable[Subject]) -> Iterator[Subject]:
    """Functions of one module with closely related names: ``json.dump`` and ``json.dumps``."""
    functions = [subject for subject in subjects if subject.kind in {"function", "method"}]
    by_topic: dict[str, list[str]] = {}
    for subject in functions:
        by_topic.setdefault(subject.topic, []).append(subject.slots["function"])
    for topic, names in sorted(by_topic.items()):
        ordered = sorted(set(names))
        for name, other in itertools.pairwise(ordered):
            if _are_relatives(name, other):
                yield Subject("pair", topic, {"function": name, "other": other})


def _are_relatives(name: str, other: str) -> bool:
    """True where people could mix the two up: at least four letters agree, and most of the shorter name."""
    owner, _, last = name.rpartition(".")
    other_owner, _, other_last = other.rpartition(".")
    alike = len(os.path.commonprefix([last, other_last]))
    return owner == other_owner and alike >= max(4, 0.6 * min(len(last), len(other_last)))
