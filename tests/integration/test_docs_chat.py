"""The generating chain on the real stack: one passage, one written sentence, a release of its own."""

from __future__ import annotations

from typing import Any

import pytest

from harness.calls.asking import ask_over_openai, openai_client
from harness.calls.streaming import stream_over_triton
from harness.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
QUESTION = "How do I shuffle a list?"
SHUFFLE = b"random.shuffle#0"


def test_a_stream_ends_with_the_passage_that_the_sentence_was_written_from(stack: RunningStack) -> None:
    answer = stream_over_triton(stack.gateway_grpc, QUESTION, model="docs-chat", api_key=stack.api_key, stream=True)

    assert answer.error == ""
    assert len(answer.responses) > 5
    assert "shuffle" in answer.text
    assert [set(one) for one in answer.responses[:-1]] == [{"text_output"}] * (len(answer.responses) - 1)
    assert (answer.last("passage_ids"), answer.last("finish_reason")) == (SHUFFLE, b"stop")
    assert answer.last("passage_texts").startswith(b"random.shuffle: Shuffle list x in place")
    assert answer.last("corpus_digest").decode() == stack.corpus_digest
    assert answer.last("input_tokens") > 40
    assert 5 < answer.last("output_tokens") <= 110


def test_two_chains_answer_over_one_corpus_with_two_models_and_two_releases(stack: RunningStack) -> None:
    with openai_client(stack.gateway_http, stack.api_key) as client:
        quoted, written = (ask_over_openai(client, QUESTION, model=route) for route in ("docs-qa", "docs-chat"))
    calls = [stack.request(asked.request_id) for asked in (quoted, written)]
    lineages = [stack.get(stack.lineage_url, f"/v1/lineage/{asked.request_id}") for asked in (quoted, written)]

    assert [call["output_text"] for call in calls] == [quoted.text, written.text]
    assert len({call["release_digest"] for call in calls}) == 2
    assert [named(lineage, "model") for lineage in lineages] == [["docs-qa"], ["docs-chat"]]
    assert [named(lineage, "chain") for lineage in lineages] == [["docs-qa"], ["docs-chat"]]
    assert [context["passage_id"] for context in lineages[1]["contexts"]] == [SHUFFLE.decode()]
    assert {context["dataset_digest"] for one in lineages for context in one["contexts"]} == {stack.corpus_digest}
    trace = stack.trace(calls[1]["trace_id"])
    assert {"embed", "retrieve", "rank", "generate"} <= {span["name"] for span in trace["spans"]}


def test_a_question_that_the_corpus_does_not_cover_generates_nothing(stack: RunningStack) -> None:
    answer = stream_over_triton(
        stack.triton_grpc, "Wie backe ich einen Kuchen ohne Ei?", model="docs-chat", stream=True
    )

    assert answer.text == "The Python documentation in this corpus does not cover that question."
    assert (answer.last("output_tokens"), len(answer.responses)) == (0, 1)
    assert "passage_ids" not in answer.responses[0]


def test_a_parameter_without_use_is_refused_by_name(stack: RunningStack) -> None:
    answer = stream_over_triton(stack.triton_grpc, QUESTION, {"logprobs": 1}, model="docs-chat")

    assert answer.error.endswith(
        "sampling parameter logprobs has no use in this chain; ask the model `chat` itself, or leave it out"
    )


def named(lineage: dict[str, Any], kind: str) -> list[str]:
    """Names of the assets of a kind that an answer was built from."""
    return [reference["name"] for reference in lineage["references"] if reference["kind"] == kind]
