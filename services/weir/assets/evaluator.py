"""An evaluator: which calls are scored, and how. The registry stores it and the evaluator runs it; both read it here.

Invariant: what the registry stores the evaluator can run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from weir.assets.checks import (
    INTEGER_MAX,
    Finding,
    Flag,
    Text,
    data,
    list_of,
    mapping_of,
    nullable,
    number,
    one_of,
    shown,
    text,
)
from weir.assets.shapes import Asset, InvalidAsset, shaped

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

Count = Annotated[int, nullable(number(0, INTEGER_MAX, whole=True))]
"""A whole number of at least 0; null, as if it were left out, stands in bodies of before."""


class Parameters:
    """The parameters of one type of evaluator; every key may be left out."""

    __slots__ = ()

    def findings(self) -> Iterator[str]:
        """What is wrong with them although each is right."""
        yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoParameters(Parameters):
    """Of a type without parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportParameters(Parameters):
    """mismatch_penalty: part of a sentence's score lost to a wrong number or negation, 0 to 1; MISMATCH_PENALTY if None."""

    mismatch_penalty: Annotated[float, number(0, 1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthParameters(Parameters):
    """Words an answer may have, ends included; WORDS_MIN and WORDS_MAX if None."""

    words_min: Count | None = None
    words_max: Count | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """Fewest and most words."""
        least = WORDS_MIN if self.words_min is None else self.words_min
        return least, WORDS_MAX if self.words_max is None else self.words_max

    def findings(self) -> Iterator[str]:
        """Bounds in the wrong order."""
        least, most = self.bounds
        if least > most:
            yield f"words_min is {least} and words_max {most}; expected min <= max"


def _some_of(*words: str) -> Any:
    return list_of(one_of(*words), items_min=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiParameters(Parameters):
    """kinds: looked for, all if None. fields: texts that are read, the answer if None. with_reserved: whether addresses in
    domains reserved for examples count."""

    kinds: Annotated[tuple[str, ...], _some_of(*PII_KINDS)] | None = None
    fields: Annotated[tuple[str, ...], _some_of(*PII_FIELDS)] | None = None
    with_reserved: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatParameters(Parameters):
    """Checks that are asked for; one that is None, false or an empty list is not."""

    json: Flag | None = None
    sentences_max: Count | None = None
    lines_max: Count | None = None
    chars_max: Count | None = None
    json_keys: tuple[Text, ...] | None = None
    starts_with: tuple[Text, ...] | None = None
    ends_with: tuple[Text, ...] | None = None
    contains: tuple[Text, ...] | None = None
    excludes: tuple[Text, ...] | None = None

    def findings(self) -> Iterator[str]:
        """No check at all."""
        asked = (getattr(self, one.name) for one in fields(self))
        if all(value is None or value is False or value == () for value in asked):
            yield "format has no check; set at least one, for example sentences_max: 5"


TYPES: Mapping[str, type[Parameters]] = {
    "support_coverage": SupportParameters,
    "answer_relevance": NoParameters,
    "format": FormatParameters,
    "length": LengthParameters,
    "pii": PiiParameters,
    "feedback": NoParameters,
}
"""What can be asked for as `type`, and the type of its parameters."""


def salt(value: object, path: str) -> Iterator[Finding]:
    """Check: a text that is repeated in every score."""
    yield from text(value, path)
    if isinstance(value, str) and len(value) > SALT_CHARS_MAX:
        yield path, f"is {shown(value)}; expected a text of at most {SALT_CHARS_MAX} characters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator(Asset):
    """An evaluator that can be run.

    routes: globs; a call is scored when one matches its route. sample_rate: probability with which a call is scored, 0 to 1.
    threshold: score from which a call passes; None when it only measures. parameters: those of its type, as written.
    """

    KIND = "evaluator"

    type: Annotated[str, one_of(*TYPES)]
    routes: Annotated[tuple[Text, ...], list_of(text, items_min=1)]
    sample_rate: Annotated[float, number(0, 1)]
    salt: Annotated[str, salt]
    threshold: Annotated[float, number(0, 1)] | None = None
    parameters: Annotated[Mapping[str, Any], mapping_of(data)] | None = None
    description: Text | None = None

    def own_parameters(self) -> Parameters:
        """The parameters of its type. Raises InvalidAsset."""
        own = shaped(TYPES[self.type], self.parameters or {}, "spec.parameters")
        if found := [("spec.parameters", message) for message in own.findings()]:
            raise InvalidAsset(found)
        return own

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the parameters of its type."""
        try:
            self.own_parameters()
        except InvalidAsset as error:
            yield from error.findings
