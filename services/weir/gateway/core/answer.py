"""What a model answered: its text, why it stopped and what it counted. For the client and for the event alike.

Invariant (K13): the text is what the model wrote, whole; a reason or a count that the model did not tell is unknown, never
a plausible value. Models name their tensors differently; these are the names that are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from weir.gateway.core.errors import Refusal
from weir.gateway.core.wire import COUNT_MAX, Tensors, first_number, first_text, text_among

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


def read_answer(parts: Iterable[Tensors]) -> tuple[str, AnswerReader]:
    """All texts of all messages, and the facts: pieces of a stream joined, answers to several prompts each in a line."""
    reader = AnswerReader()
    text = b"".join(b"\n".join(reader.texts(part)) for part in parts).decode("utf-8", "replace")
    return text, reader
