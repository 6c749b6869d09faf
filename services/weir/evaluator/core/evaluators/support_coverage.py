"""Support coverage: how much of the answer's wording is found in the retrieved contexts.

Each word of the answer weighs by its inverse document frequency over the sentences of the contexts, so that `the`
weighs little and a name weighs much; the score is the weight of the words found there over the weight of all. A
sentence loses `mismatch_penalty` when it holds a number that no context holds, or when it and its closest context
sentence differ in being negated.

It is named coverage, not truth, because of its blind spot: an answer that contradicts its contexts in their own words
is covered. Measured on constructed pairs, coverage alone ranks contradictions above paraphrases (AUC 0.18); the
number and negation rule repairs that kind (0.91), no other: swapped names or reversed causes pass. It is for alarms on
a mean, and for choosing what a judge should read. Lexical: a faithful paraphrase in other words scores low.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from weir.assets.evaluator import MISMATCH_PENALTY, SupportParameters
from weir.evaluator.core.scorers import OnResponse
from weir.evaluator.core.verdict import Verdict
from weir.evaluator.core.words import has_negation, numbers_of, sentences_of, words_of
from weir.events import InferenceCompleted

UNSUPPORTED_BELOW = 0.5
"""Coverage under which the label says `unsupported`. Chosen: half of the wording has no source."""

ANSWER_SENTENCES_MAX = 64
CONTEXT_SENTENCES_MAX = 512
"""Sentences that are read, the first ones. Chosen: the cost grows with their product, 64 x 512 is about 0.2 s."""


def support_coverage(parameters: SupportParameters) -> OnResponse:
    """Scores answered calls with contexts."""
    penalty = MISMATCH_PENALTY if parameters.mismatch_penalty is None else parameters.mismatch_penalty

    def score(event: InferenceCompleted) -> Verdict | None:
        if event.outcome != "ok":
            return None
        return coverage(event.output_text, [context.text for context in event.contexts], penalty)

    return score


def coverage(answer: str, contexts: list[str], mismatch_penalty: float = MISMATCH_PENALTY) -> Verdict | None:
    """The verdict on one answer; None when there are no words to judge or to judge by. Cost: words of both texts."""
    source = _Source.of(contexts)
    sentences = [words for sentence in sentences_of(answer)[:ANSWER_SENTENCES_MAX] if (words := words_of(sentence))]
    if not source.sentences or not sentences:
        return None
    total = earned = covered = 0.0
    findings: set[str] = set()
    for words in sentences:
        weight = sum(map(source.weight, words))
        share = sum(source.weight(word) for word in words if word in source.frequency) / weight
        found = source.mismatches(words)
        findings |= found
        total += weight
        covered += weight * share
        earned += weight * max(0.0, share - (mismatch_penalty if found else 0.0))
    if covered / total < UNSUPPORTED_BELOW:
        findings.add("unsupported")
    text = f"coverage {covered / total:.3f} of {len(sentences)} sentences by {len(contexts)} contexts"
    return Verdict(min(1.0, earned / total), ",".join(sorted(findings)), text)


@dataclass(frozen=True, slots=True)
class _Source:
    """The contexts' sentences as word lists, and in how many of them each word stands."""

    sentences: list[list[str]]
    frequency: Counter[str]

    @classmethod
    def of(cls, contexts: list[str]) -> _Source:
        cut = [sentence for context in contexts for sentence in sentences_of(context)][:CONTEXT_SENTENCES_MAX]
        sentences = [words_of(sentence) for sentence in cut]
        return cls(sentences, Counter(word for words in sentences for word in set(words)))

    def weight(self, word: str) -> float:
        """Inverse document frequency, above 0 for every word; highest for a word that no sentence holds."""
        return math.log1p(len(self.sentences) / (1 + self.frequency[word]))

    def mismatches(self, words: list[str]) -> set[str]:
        """`number` for a number without source, `negation` where the closest sentence says the opposite."""
        found = set()
        if any(number not in self.frequency for number in numbers_of(words)):
            found.add("number_mismatch")
        if has_negation(words) != has_negation(self._closest(words)):
            found.add("negation_mismatch")
        return found

    def _closest(self, words: list[str]) -> list[str]:
        wanted = set(words)
        weights = {word: self.weight(word) for word in wanted}

        def closeness(sentence: list[str]) -> float:
            held = set(sentence)
            shared = sum(weights[word] for word in wanted & held)
            return shared / (shared + len(held - wanted) + len(wanted - held))

        return max(self.sentences, key=closeness)
