"""K13: every field of an OpenAI body is used, neutral, or refused by name; no message is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai.types.chat.completion_create_params as chat_contract
import openai.types.completion_create_params as completion_contract
import openai.types.embedding_create_params as embedding_contract
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access.refusals import Refusal
from weir.assets.template import FILLED, unfillable
from weir.gateway.core.conversation import Message, prompt_of
from weir.gateway.core.openai_fields import Field
from weir.gateway.core.openai_request import (
    CHAT,
    COMPLETION,
    EMBEDDINGS,
    read_chat,
    read_completion,
    read_embeddings,
)

ASKED = {"model": "docs-qa", "messages": [{"role": "user", "content": "hello"}]}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ROLES = st.sampled_from(["system", "developer", "user", "assistant"])


def refused(body: Mapping[str, Any], read: Any = read_chat) -> str:
    """The field that is refused by name."""
    with pytest.raises(Refusal) as raised:
        read(body)
    assert raised.value.error_type == "invalid_request"
    assert len(raised.value.message) > 10
    return raised.value.field


CONTRACTS = [
    (chat_contract.CompletionCreateParamsBase, CHAT, read_chat, ASKED, {"stream"}),
    (
        completion_contract.CompletionCreateParamsBase,
        COMPLETION,
        read_completion,
        {"model": "m", "prompt": "p"},
        {"stream"},
    ),
    (
        embedding_contract.EmbeddingCreateParams,
        EMBEDDINGS,
        lambda body: read_embeddings(body, 9),
        {"model": "m", "input": "x"},
        set(),
    ),
]


@pytest.mark.capability("U2")
@pytest.mark.parametrize(
    ("contract", "table", "read", "body", "more"), CONTRACTS, ids=["chat", "completions", "embeddings"]
)
def test_every_field_of_the_stock_client_has_a_consumer_or_is_refused_by_name(
    contract: Any, table: Mapping[str, Field], read: Any, body: dict[str, Any], more: set[str]
) -> None:
    for name in {*contract.__annotations__, *more}:
        assert read({**body, name: body.get(name)}) == read(body), f"null is absent: {name}"
        if name in table:
            assert table[name].consumer
            assert refused({**body, name: object()}, read).startswith(name)
        else:
            assert refused({**body, name: 1}, read) == name
    assert set(table) <= {*contract.__annotations__, *more}, "no field that the contract does not have"


NEUTRAL = [
    ("n", 1), ("logprobs", False), ("top_logprobs", 0), ("tools", []), ("tool_choice", "none"), ("tool_choice", "auto"),
    ("logit_bias", {}), ("store", False), ("parallel_tool_calls", True), ("response_format", {"type": "text"}),
    ("modalities", ["text"]), ("service_tier", "auto"), ("functions", []), ("function_call", "none"), ("stream_options", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), NEUTRAL)
def test_what_asks_for_nothing_special_is_taken(name: str, value: Any) -> None:
    assert read_chat({**ASKED, name: value}) == read_chat(ASKED)


WRONG = [
    ("n", 2), ("n", True), ("n", "1"), ("logprobs", True), ("top_logprobs", 2), ("tools", [{"type": "function"}]),
    ("tool_choice", "required"), ("logit_bias", {"1": 5}), ("store", True), ("response_format", {"type": "json_object"}),
    ("model", ""), ("model", 7), ("model", "x" * 257), ("messages", []), ("messages", "hi"), ("messages", {"role": "user"}),
    ("stream", "yes"), ("stream", 1),
    ("temperature", "hot"), ("temperature", 99), ("temperature", -0.1), ("temperature", True), ("temperature", [1]),
    ("top_p", 1.1), ("top_p", float("nan")), ("max_tokens", 0), ("max_tokens", 1.5), ("max_tokens", 2**31), ("max_tokens", "9"),
    ("max_completion_tokens", -1), ("seed", True), ("seed", 1.0), ("seed", 2**63), ("seed", "7"), ("stop", {"a": 1}),
    ("stop", []), ("stop", [""]), ("stop", ["a"] * 5), ("stop", [1]), ("stop", 1), ("presence_penalty", 3),
    ("frequency_penalty", "x"), ("user", 7), ("user", "x" * 513), ("metadata", {"a": 1}), ("metadata", {"": "x"}),
    ("metadata", {str(n): "x" for n in range(17)}), ("stream_options", []), ("stream_options", {"include_usage": 1}),
    ("stream_options", {"include_usage": True}), ("stream_options", {"other": 1}), ("top_k", 5), ("x" * 999, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: Any) -> None:
    assert name.startswith(refused({**ASKED, name: value}).split(".")[0])


def test_two_limits_that_differ_are_refused_and_equal_ones_are_one() -> None:
    assert refused({**ASKED, "max_tokens": 5, "max_completion_tokens": 6}) == "max_completion_tokens"
    assert read_chat({**ASKED, "max_tokens": 5, "max_completion_tokens": 5}).sampling == {"max_tokens": 5}
    assert read_chat({**ASKED, "max_completion_tokens": 5}).sampling == {"max_tokens": 5}


def test_labels_go_to_the_trace() -> None:
    read = read_chat(
        {**ASKED, "user": "u", "metadata": {"app": "x"}, "safety_identifier": "s", "prompt_cache_key": "p"}
    )

    assert read.labels == {"user.id": "u", "openai.metadata.app": "x", "openai.safety_identifier": "s",
                           "openai.prompt_cache_key": "p"}  # fmt: skip


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
MESSAGES = [
    ([{"role": "robot", "content": "x"}], "messages[0].role"),
    ([{"role": "tool", "content": "x"}, {"role": "user", "content": "y"}], "messages[0].role"),
    (["hi"], "messages[0]"),
    ([{"role": "user"}], "messages[0].content"),
    ([{"role": "user", "content": None}], "messages[0].content"),
    ([{"role": "user", "content": []}], "messages[0].content"),
    ([{"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE]}], "messages[0].content[1]"),
    ([{"role": "user", "content": ["a"]}], "messages[0].content[0]"),
    ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
    ([{"role": "user", "content": [{"type": "text", "text": "a", "more": 1}]}], "messages[0].content[0].more"),
    ([{"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}, {"role": "user"}], "messages[0].tool_calls"),
    ([{"role": "assistant", "content": None}, {"role": "user", "content": "x"}], "messages[0].content"),
    ([{"role": "user", "content": "x", "name": "ada"}], "messages[0].name"),
    ([{"role": "user", "content": "x"}, {"role": "assistant", "content": "Well,"}], "messages[1]"),
    ([{"role": "user", "content": "x"}, {"role": "system", "content": "y"}], "messages[1]"),
    ([{"role": "system", "content": "x"}], "messages[0]"),
    ([{"role": "user", "content": "x"}] * 513, "messages"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "field"), MESSAGES)
def test_a_message_that_would_not_reach_the_model_is_named(messages: list[Any], field: str) -> None:
    assert refused({"model": "m", "messages": messages}) == field


def test_an_image_part_is_called_what_it_is() -> None:
    with pytest.raises(Refusal, match="image_url"):
        read_chat({"model": "m", "messages": [{"role": "user", "content": [IMAGE]}]})


def test_an_answer_of_before_may_be_sent_back_as_the_stock_client_holds_it() -> None:
    before: dict[str, Any] = {"role": "assistant", "content": "two", "refusal": None, "annotations": [], "audio": None,
              "function_call": None, "tool_calls": None}  # fmt: skip
    read = read_chat({"model": "m", "messages": [{"role": "user", "content": "one"}, before, *ASKED["messages"]]})

    assert [message.text for message in read.messages] == ["one", "two", "hello"]


@pytest.mark.parametrize("parts", [1, 4, 9])
def test_as_many_messages_as_documented_are_taken_with_content_parts(parts: int) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "x"}] * parts}

    assert len(read_chat({"model": "m", "messages": [message] * 512}).messages) == 512


def test_a_body_nested_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]

    with pytest.raises(Refusal, match="nested"):
        read_chat({**ASKED, "metadata": {"a": deep}})


TEMPLATES = {
    "asks": "Q: {{ question }}",
    "talks": "{{ history }} {{ question }}",
    "obeys": "{{ system }}|{{ history }}|{{ question }}",
    "listens": "{{system}} {{question}}",
    "mute": "hello",
}


@given(
    st.lists(st.builds(Message, ROLES, TEXTS.map(lambda text: f"<{text}>")), max_size=6),
    st.sampled_from([None, *TEMPLATES]),
)
def test_every_message_is_in_the_prompt_or_the_request_is_refused(earlier: list[Message], name: str | None) -> None:
    messages = [*earlier, Message("user", "<the question>")]
    template = None if name is None else TEMPLATES[name]
    try:
        prompt = prompt_of(template, messages)
    except Refusal:
        assert name not in ("obeys", "talks")
        return

    for message in messages:
        assert prompt.count(message.text) >= sum(other.text == message.text for other in messages)


@pytest.mark.parametrize(
    ("name", "roles", "field"),
    [
        (None, ["system", "user"], "messages[0]"),
        ("asks", ["user", "assistant", "user"], "messages[0]"),
        ("listens", ["system", "assistant", "user"], "messages[1]"),
        ("mute", ["user"], "messages[0]"),
    ],
)
def test_the_first_message_without_a_place_is_named(name: str | None, roles: list[str], field: str) -> None:
    with pytest.raises(Refusal) as raised:
        prompt_of(None if name is None else TEMPLATES[name], [Message(role, "x") for role in roles])

    assert raised.value.field == field


def test_a_template_gets_the_conversation_by_its_variables() -> None:
    messages = [
        Message("system", "Be brief."),
        Message("user", "I am Ada."),
        Message("assistant", "Hi."),
        Message("user", "Who?"),
    ]

    assert prompt_of(TEMPLATES["obeys"], messages) == "Be brief.|user: I am Ada.\nassistant: Hi.|Who?"
    assert prompt_of(TEMPLATES["talks"], messages) == "system: Be brief.\nuser: I am Ada.\nassistant: Hi. Who?"


@given(st.lists(st.sampled_from([*FILLED, "tone", "Question"]), max_size=4, unique=True))
def test_the_registry_takes_into_use_what_can_be_filled(names: list[str]) -> None:
    template = " ".join(f"{{{{ {name} }}}}" for name in names)
    try:
        prompt_of(template, [Message("user", "Who?")])
    except Refusal:
        assert unfillable(template)
    else:
        assert not unfillable(template)


def test_user_text_is_never_read_as_a_template() -> None:
    assert prompt_of(TEMPLATES["asks"], [Message("user", "{{ system }}")]) == "Q: {{ system }}"


@pytest.mark.parametrize("given_", ["p", ["p"]])
def test_one_prompt_is_completed(given_: Any) -> None:
    assert read_completion({"model": "m", "prompt": given_}).prompt == "p"


@pytest.mark.parametrize(
    ("change", "field"),
    [({"prompt": None}, "prompt"), ({"prompt": ""}, "prompt"), ({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"),
     ({"echo": True}, "echo"), ({"suffix": "x"}, "suffix"), ({"best_of": 2}, "best_of"), ({"logprobs": 0}, "logprobs")],
)  # fmt: skip
def test_a_completion_that_cannot_be_made_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    assert refused({"model": "m", "prompt": "p", **change}, read_completion) == field


@pytest.mark.parametrize("given_", [[], [1, 2], "", ["a", ""], [["a"]], {"a": 1}, 7])
def test_input_to_embed_must_be_text(given_: object) -> None:
    assert refused({"model": "minilm", "input": given_}, lambda body: read_embeddings(body, 10)) == "input"


def test_too_many_texts_are_counted() -> None:
    with pytest.raises(Refusal, match="holds 11 texts; at most 10"):
        read_embeddings({"model": "minilm", "input": ["a"] * 11}, 10)
