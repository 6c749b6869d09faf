"""Evaluator specs: what a definition of an evaluator may say, read by the registry that stores it and the evaluator that runs it.

Invariant: what the registry stores the evaluator can run, because both ask this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weir.assets.parameters import InvalidDefinition, Parameters

SALT_CHARS_MAX = 200
"""Characters of a salt: it is repeated in every score."""

WORDS_MIN, WORDS_MAX = 1, 400
"""Bounds of `length` when the definition sets none: an answer, and not an essay."""

MISMATCH_PENALTY = 0.5
"""Part of a sentence's score lost to a wrong number or negation: it must fall below any useful threshold."""

PII_KINDS = ("email", "phone", "card", "iban", "ip", "api_key", "ssn")
"""Kinds of personal data that can be found, in the order they are looked for."""

PII_FIELDS = ("output", "input")
"""Texts of a call in which they are looked for."""

FORMAT_FLAGS = ("json",)
FORMAT_COUNTS = ("sentences_max", "lines_max", "chars_max")
FORMAT_TEXTS = ("json_keys", "starts_with", "ends_with", "contains", "excludes")
"""Checks of `format` by the type of what they are told."""


@dataclass(frozen=True, slots=True)
class EvaluatorSpec:
    """A definition that can be run. parameters: those of its type, checked, as they were written."""

    type: str
    routes: tuple[str, ...]
    sample_rate: float
    salt: str
    threshold: float | None
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LengthSpec:
    """Words an answer may have, ends included."""

    words_min: int
    words_max: int


@dataclass(frozen=True, slots=True)
class PiiSpec:
    """What is looked for, and where. with_reserved: whether addresses in domains reserved for examples count."""

    kinds: tuple[str, ...]
    fields: tuple[str, ...]
    with_reserved: bool


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """Checks that were asked for, by name; a check that was not is absent."""

    flags: Mapping[str, bool]
    counts: Mapping[str, int]
    texts: Mapping[str, tuple[str, ...]]


def read_evaluator(spec: object) -> EvaluatorSpec:
    """The evaluator that a specification describes. Raises InvalidDefinition naming what is wrong in it."""
    values = _object("the spec", spec)
    values.pop("description", None)
    kind = values.pop("type", None)
    if not isinstance(kind, str) or kind not in READERS:
        raise InvalidDefinition(f"type is {kind!r}; expected one of {sorted(READERS)}")
    own = _object("parameters", values.pop("parameters", {}))
    _read_own(kind, own)
    salt, threshold = _salt(values.pop("salt", "")), values.pop("threshold", None)
    common = Parameters(values, "keys of the spec")
    found = EvaluatorSpec(
        type=kind,
        routes=_routes(common),
        sample_rate=common.number("sample_rate", 1.0, least=0.0, most=1.0),
        salt=salt,
        threshold=_threshold(threshold),
        parameters=own,
    )
    common.refuse_rest()
    return found


def read_length(parameters: Parameters) -> LengthSpec:
    """`words_min` and `words_max`. Raises InvalidDefinition."""
    least = parameters.count("words_min", WORDS_MIN) or 0
    most = parameters.count("words_max", WORDS_MAX) or 0
    if least > most:
        raise InvalidDefinition(f"words_min is {least} and words_max {most}; expected min <= max")
    return LengthSpec(least, most)


def read_pii(parameters: Parameters) -> PiiSpec:
    """`kinds`, all when not set; `fields`, `output` when not set; `with_reserved`. Raises InvalidDefinition."""
    kinds = parameters.texts("kinds", PII_KINDS)
    fields = parameters.texts("fields", PII_FIELDS[:1])
    with_reserved = parameters.flag("with_reserved", default=False)
    for key, given, known in (("kinds", kinds, PII_KINDS), ("fields", fields, PII_FIELDS)):
        if not given or not set(given) <= set(known):
            raise InvalidDefinition(f"{key} is {list(given)}; expected some of {list(known)}")
    return PiiSpec(kinds, fields, with_reserved)


def read_format(parameters: Parameters) -> FormatSpec:
    """The checks of a form, at least one of them. Raises InvalidDefinition."""
    flags = {name: True for name in FORMAT_FLAGS if parameters.flag(name, default=False)}
    counts = {name: most for name in FORMAT_COUNTS if (most := parameters.count(name, None)) is not None}
    texts = {name: found for name in FORMAT_TEXTS if (found := parameters.texts(name))}
    if not (flags or counts or texts):
        raise InvalidDefinition("format has no check; set at least one, for example sentences_max: 5")
    return FormatSpec(flags, counts, texts)


def read_support(parameters: Parameters) -> float:
    """`mismatch_penalty`, 0 to 1. Raises InvalidDefinition."""
    return parameters.number("mismatch_penalty", MISMATCH_PENALTY, least=0.0, most=1.0)


def _nothing(_: Parameters) -> None:
    """A type without parameters."""


READERS: Mapping[str, Callable[[Parameters], object]] = {
    "support_coverage": read_support,
    "answer_relevance": _nothing,
    "format": read_format,
    "length": read_length,
    "pii": read_pii,
    "feedback": _nothing,
}
"""What can be asked for as `type`, and what reads its parameters."""


def _read_own(kind: str, own: Mapping[str, object]) -> None:
    parameters = Parameters(own)
    READERS[kind](parameters)
    parameters.refuse_rest()


def _routes(common: Parameters) -> tuple[str, ...]:
    routes = common.texts("routes", ("*",))
    if not routes:
        raise InvalidDefinition("routes is empty; an evaluator for no route never runs, write ['*'] for all")
    return routes


def _threshold(value: object) -> float | None:
    return None if value is None else Parameters({"threshold": value}).number("threshold", 0.0, least=0.0, most=1.0)


def _salt(value: object) -> str:
    if not isinstance(value, str) or len(value) > SALT_CHARS_MAX:
        raise InvalidDefinition(f"salt is {value!r}; expected a text of at most {SALT_CHARS_MAX} characters")
    return value


def _object(what: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidDefinition(f"{what} is {type(value).__name__}; expected an object")
    return dict(value)
