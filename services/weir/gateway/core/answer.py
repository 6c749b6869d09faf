"""What a model answered: its text, why it stopped and what it counted. For the client and for the event alike.

Invariant (K13): the text is what the model wrote, whole; a reason or a count that the model did not tell is unknown, never
a plausible value. Models name their tensors differently; these are the names that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weir.access.refusals import Refusal
from weir.gateway.core.wire import (
    COUNT_MAX,
    Tensors,
    Values,
    first_number,
    first_text,
    merged,
    read_responses,
    text_among,
    texts_of,
)

TEXT = "text_output"
"""The text of Triton's vLLM and TensorRT-LLM backends. A model without it has one text output that is no side fact."""

SIDE_FACTS = frozenset(
    {"finish_reason", "passage_ids", "passage_texts", "corpus_digest", "node_timings", "sampling_parameters"}
)
"""Text outputs that are not the answer."""

INPUT_TOKENS = ("input_tokens", "num_input_tokens")
"""Tokens of the prompt: our models' name, vLLM's name. Each piece of a stream tells the whole count."""

OUTPUT_TOKENS = "output_tokens"
"""Tokens of the answer so far: our models' name."""

OUTPUT_TOKENS_OF_PIECE = "num_output_tokens"
"""Tokens of this piece: vLLM's name; the pieces of a stream add up."""

NOT_YET = ("", "None")
"""What a finish reason is in the pieces before the last; vLLM writes Python's None."""


NAMES_CHARS_SHOWN = 500
"""Characters of tensor names that an error repeats."""

PASSAGES_MAX = 20
"""Passages kept of an answer. Chosen: above any sensible retrieval depth."""

SCORE_MAX = 3.4e38
"""Largest score that a 32-bit float carries, about."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that an answer was made from, as the model tells it."""

    passage_id: str
    score: float
    """0 where the model gave none."""
    text: str


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """All that a model said: its texts, and the facts beside them; None or empty for what it did not tell."""

    text: str
    """Pieces of a stream joined, answers to several prompts each in a line."""
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    passages: tuple[Passage, ...]
    corpus_digest: str
    node_timings_json: str
    """What the nodes of a chain tell of their times."""
    tool_calls_json: str = "[]"
    """Tool calls of an OpenAI server's answer as a JSON list; Triton's models make none."""
    model: str = ""
    """What an OpenAI server calls the model that answered; empty where it did not say, and for Triton's."""


@dataclass(slots=True)
class AnswerReader:
    """Reads the messages of one answer as they come, and keeps only the facts; None for what the model did not tell."""

    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    has_text: bool = False
    """Whether some message had a text tensor."""
    _other_names: set[str] = field(default_factory=set)
    _has_others: bool = False

    def texts(self, tensors: Tensors) -> list[bytes]:
        """The texts of a message, one for each prompt; empty for a message without. Notes its facts."""
        self._note(tensors)
        name = text_name(tensors)
        if name is None:
            self._other_names.update(tensors)
            self._has_others = True
            return []
        self.has_text = True
        return [value for value in tensors[name] if isinstance(value, bytes)]

    def piece(self, tensors: Tensors) -> bytes:
        """The one text of a message that answers one prompt. Raises Refusal for several."""
        texts = self.texts(tensors)
        if len(texts) > 1:
            raise Refusal("upstream_error", f"the model answered {len(texts)} texts for one prompt; one was expected")
        return texts[0] if texts else b""

    def demand_text(self, *, is_whole: bool = False) -> None:
        """Raises Refusal naming the tensors when the model answered some and none of them was the text.

        is_whole: the answer came in one message, so that there must be a text; a stream may have no piece at all.
        """
        if not self.has_text and (self._has_others or is_whole):
            names = ", ".join(sorted(self._other_names))[:NAMES_CHARS_SHOWN] or "no tensor that can be read"
            raise Refusal(
                "upstream_error",
                f"the model answered {names} and no text; a text output is {TEXT}, or the only one of type BYTES",
            )

    def _note(self, tensors: Tensors) -> None:
        reason = first_text(tensors, "finish_reason")
        if reason not in NOT_YET:
            self.finish_reason = reason
        for name in INPUT_TOKENS:
            count = first_number(tensors, name)
            self.input_tokens = self.input_tokens if count is None else count
        total, more = first_number(tensors, OUTPUT_TOKENS), first_number(tensors, OUTPUT_TOKENS_OF_PIECE)
        if total is not None:
            self.output_tokens = total
        elif more is not None:
            self.output_tokens = min((self.output_tokens or 0) + more, COUNT_MAX)


def text_name(tensors: Tensors) -> str | None:
    """Name of the tensor that holds the answer's text; None where none or several could."""
    return text_among(tensors, (TEXT,), SIDE_FACTS)


def read_answer(responses: Sequence[bytes], *, is_stream: bool) -> ModelAnswer:
    """The answer in all messages of a call. Total, as `wire` is."""
    parts, reader = read_responses(responses, is_stream=is_stream), AnswerReader()
    text = b"".join([b"\n".join(reader.texts(part)) for part in parts]).decode("utf-8", "replace")
    facts = merged(parts)
    return ModelAnswer(
        text,
        reader.finish_reason or "",
        reader.input_tokens,
        reader.output_tokens,
        _passages(facts),
        first_text(facts, "corpus_digest"),
        first_text(facts, "node_timings"),
    )


def _passages(facts: Tensors) -> tuple[Passage, ...]:
    scores, texts = facts.get("passage_scores", ()), texts_of(facts, "passage_texts")
    return tuple(
        Passage(passage_id, _score(scores, index), texts[index] if index < len(texts) else "")
        for index, passage_id in enumerate(texts_of(facts, "passage_ids")[:PASSAGES_MAX])
    )


def _score(scores: Values, index: int) -> float:
    """A score of the model; 0 for what is none."""
    value = scores[index] if index < len(scores) else 0.0
    return float(value) if isinstance(value, int | float) and -SCORE_MAX < value < SCORE_MAX else 0.0
