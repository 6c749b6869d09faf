"""The gateway's HTTP listener, judged by the stock OpenAI client."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator

import openai
import pytest

from harness.calls.asking import ask_over_openai, openai_client
from harness.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
QUESTION = "What does the with statement do?"


@pytest.fixture
def client(stack: RunningStack) -> Iterator[openai.OpenAI]:
    with openai_client(stack.gateway_http, stack.api_key) as made:
        yield made


@pytest.mark.capability("U2", is_check=True, clause="chat")
def test_a_chat_completion_is_answered_and_says_its_request(client: openai.OpenAI) -> None:
    asked = ask_over_openai(client, QUESTION)

    assert len(asked.request_id) == 36
    assert len(asked.text) > 20


@pytest.mark.capability("U2", is_check=True, clause="stream")
def test_a_streamed_completion_is_the_same_text_in_pieces(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model="docs-qa",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]

    assert len(texts) > 3
    assert "".join(texts) == ask_over_openai(client, QUESTION).text
    assert [reason for reason in reasons if reason] == ["stop"]
    assert chunks[-1].usage is not None


@pytest.mark.capability("U2", is_check=True, clause="embeddings")
def test_embeddings_are_normalised_vectors(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="minilm", input=["for loops", "while loops"], encoding_format="float")
    base64_answer = client.embeddings.create(model="minilm", input=["for loops", "while loops"])

    assert [len(item.embedding) for item in answer.data] == [384, 384]
    assert sum(x * x for x in answer.data[0].embedding) == pytest.approx(1.0, abs=1e-3)
    assert base64_answer.data[1].embedding == pytest.approx(answer.data[1].embedding, abs=1e-6)


@pytest.mark.capability("U2", is_check=True, clause="models")
@pytest.mark.capability("D4")
def test_models_are_listed_with_their_cards(client: openai.OpenAI) -> None:
    assert {"docs-qa", "minilm"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("docs-qa").id == "docs-qa"


@pytest.mark.parametrize("key", ["", "weir_00000000_" + "x" * 43, "sk-EMPTY"], ids=["missing", "unknown", "other form"])
def test_a_missing_or_wrong_key_is_refused(stack: RunningStack, key: str) -> None:
    headers = {"Authorization": ""} if not key else None
    with (
        openai_client(stack.gateway_http, key or "none", default_headers=headers) as refused,
        pytest.raises(openai.AuthenticationError),
    ):
        ask_over_openai(refused, QUESTION)


def test_a_key_without_the_scope_is_refused_by_name(stack: RunningStack) -> None:
    with (
        openai_client(stack.gateway_http, stack.key_with_scopes("models")) as limited,
        pytest.raises(openai.PermissionDeniedError, match="infer"),
    ):
        ask_over_openai(limited, QUESTION)


@pytest.mark.parametrize(
    ("model", "headers", "word"),
    [("no-such-model", {}, "no-such-model"), ("docs-qa", {"weir_prompt": "nothing@prod"}, "nothing"),
     ("docs-qa", {"weir_prompt": "docs-qa-prompt@nowhere"}, "nowhere")],
)  # fmt: skip
def test_an_unknown_model_prompt_or_alias_is_named(
    client: openai.OpenAI, model: str, headers: dict[str, str], word: str
) -> None:
    with pytest.raises(openai.NotFoundError, match=word):
        ask_over_openai(client, QUESTION, model=model, **headers)


@pytest.mark.capability("D5")
def test_the_prompt_chosen_by_alias_is_on_the_answer(stack: RunningStack, client: openai.OpenAI) -> None:
    asked = ask_over_openai(client, QUESTION, weir_prompt="docs-qa-prompt@prod")

    trace = stack.request(asked.request_id)
    kinds = {reference["kind"] for reference in trace["references"]}

    assert {"prompt", "chain", "model", "dataset", "policy", "index"} <= kinds


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (json.dumps({"model": "docs-qa"}).encode(), 400),
     (b'{"a":' * 200 + b"1" + b"}" * 200, 400), (b'{"model":"docs-qa","messages":"' + b"x" * 20_000_000 + b'"}', 413)],
    ids=["malformed", "not an object", "no messages", "too deep", "too large"],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_refused_with_a_reason(stack: RunningStack, body: bytes, status: int) -> None:
    place = urllib.parse.urlsplit(stack.gateway_http)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    headers = {"Authorization": f"Bearer {stack.api_key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", body, headers)
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # the server answered and closed before it read the whole body
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()

    assert response.status == status
    assert len(answer["error"]["message"]) > 10


@pytest.mark.capability("O15")
def test_feedback_joins_the_answer_it_judges(stack: RunningStack, client: openai.OpenAI) -> None:
    asked = ask_over_openai(client, QUESTION)

    answer = client.post(
        "/feedback", cast_to=object, body={"request_id": asked.request_id, "score": -1, "comment": "no"}
    )

    assert answer is not None
    stack.until_count("v_feedback", f"request_id = '{asked.request_id}' AND score = -1", 1)
