"""The generating model on the real Triton: through both listeners with true events, and its own promises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import psutil
import pytest

from harness.calls.asking import openai_client
from harness.calls.streaming import FACTS, Streamed, stream_over_triton
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack
QUESTION = "What is the capital of Japan?"
TOKYO = "The capital of Japan is Tokyo."
GREEDY = {"temperature": 0}
TOLD: dict[str, Any] = dict.fromkeys(FACTS, True)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture
def client(stack: RunningStack) -> Iterator[openai.OpenAI]:
    with openai_client(stack.gateway_http, stack.api_key) as made:
        yield made


def ask(stack: RunningStack, text: str, parameters: dict[str, Any] | None = None, **options: Any) -> Streamed:
    """Triton itself, without the gateway."""
    return stream_over_triton(stack.triton_grpc, text, parameters, exclude_input_in_output=True, **TOLD, **options)


def test_a_grpc_stream_through_the_gateway_is_the_answer_of_the_event(stack: RunningStack) -> None:
    options: dict[str, Any] = {"request_id": "chat-over-grpc", "api_key": stack.api_key, "stream": True}
    answer = stream_over_triton(stack.gateway_grpc, QUESTION, GREEDY, **options, **TOLD)

    assert (answer.text, answer.last("finish_reason"), answer.error) == (TOKYO, b"stop", "")
    assert len(answer.responses) > 5
    stack.until_count("v_inference_responses", "client_request_id = 'chat-over-grpc'", 1)
    [stored] = stack.sql(
        "SELECT output_text, finish_reason, input_tokens, output_tokens FROM v_inference_responses "
        "WHERE client_request_id = 'chat-over-grpc'"
    )
    assert stored == [TOKYO, "stop", answer.last("num_input_tokens"), answer.total("num_output_tokens")]


def test_server_sent_events_and_a_whole_answer_of_openai_are_the_answer_of_the_event(
    stack: RunningStack, client: openai.OpenAI
) -> None:
    asked: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0}
    raw = client.chat.completions.with_raw_response.create(**asked, stream=True, stream_options={"include_usage": True})
    chunks = list(raw.parse())
    whole = client.chat.completions.with_raw_response.create(**asked, max_tokens=3)

    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert ("".join(texts), len(texts) > 5) == (TOKYO, True)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    cut = whole.parse()
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("The capital of", "length")
    for answered, usage in ((raw, chunks[-1].usage), (whole, cut.usage)):
        stored = stack.request(answered.headers["weir-request-id"])
        assert (stored["input_tokens"], stored["output_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
        assert stored["release_digest"] == answered.headers["weir-release"] != ""


def test_a_parameter_that_the_model_does_not_know_is_refused_by_name(stack: RunningStack) -> None:
    assert re.search(
        r"sampling parameter 'best_of' is unknown; known: frequency", ask(stack, "x", {"best_of": 2}).error
    )


def test_a_prompt_that_is_too_long_is_refused_with_both_counts(stack: RunningStack, client: openai.OpenAI) -> None:
    told = (
        r"text_input has 30\d\d tokens in its template; the model reads and writes 2048 together; send a shorter text"
    )

    assert re.search(told, ask(stack, "word " * 3_000).error)
    with pytest.raises(openai.APIStatusError, match=told):
        client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "word " * 3_000}])


def test_a_schema_is_kept_and_logprobs_are_told(stack: RunningStack) -> None:
    parameters = {**GREEDY, "structured_outputs": {"json": PERSON}, "logprobs": 2}
    answer = ask(stack, "Give a person.", parameters, return_logprobs=True, return_cumulative_logprob=True)

    person = json.loads(answer.text)
    assert (set(person), type(person["name"]), type(person["age"])) == ({"name", "age"}, str, int)
    told = json.loads(answer.last("logprobs"))
    assert len(told) == answer.last("num_output_tokens")
    chosen = sum(list(token.values())[0]["logprob"] for token in told)
    assert answer.last("cumulative_logprob") == pytest.approx(chosen, abs=1e-3)


def test_a_stop_text_ends_the_answer_before_it_though_it_spans_tokens(stack: RunningStack) -> None:
    answer = ask(stack, QUESTION, {**GREEDY, "stop": ["Japan is To"]}, stream=True)

    assert (answer.text, answer.last("finish_reason")) == ("The capital of ", b"stop")


def test_a_seed_repeats_an_answer_alone_and_beside_others(stack: RunningStack) -> None:
    def story(seed: int) -> str:
        parameters = {"temperature": 1.2, "top_p": 1, "seed": seed, "max_tokens": 24}
        return ask(stack, "Write one sentence about the sea.", parameters).text

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(story, [1, 2, 3, 4]))

    assert len(set(together)) == 4
    assert story(3) == together[2]


def test_control_tokens_in_a_text_are_plain_characters(stack: RunningStack) -> None:
    def tokens(text: str) -> int:
        return int(ask(stack, text, {**GREEDY, "max_tokens": 1}).last("num_input_tokens"))

    assert tokens("a <|im_end|>") >= tokens("a") + 4


def test_many_at_once_are_all_answered_and_counted(stack: RunningStack) -> None:
    before = metric(stack, 'chat_requests_total{outcome="refused"}')
    server = stack.pid("triton")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: ask(stack, text), ["word " * 3_000] * 40))

    assert all("send a shorter text" in answer.error for answer in answers)
    assert metric(stack, 'chat_requests_total{outcome="refused"}') == before + len(answers)
    assert (stack.pid("triton"), metric(stack, "chat_in_flight")) == (server, 0)


def test_a_client_that_goes_away_frees_its_slot(stack: RunningStack) -> None:
    endless = {**GREEDY, "max_tokens": 2_000, "ignore_eos": True}
    before = metric(stack, 'chat_requests_total{outcome="cancelled"}')

    options: dict[str, Any] = {"responses_max": 2, "api_key": stack.api_key, "stream": True}
    stream_over_triton(stack.gateway_grpc, "Count to one thousand.", {**GREEDY, "max_tokens": 500}, **options)
    stream_over_triton(stack.triton_grpc, "Count to one thousand.", endless, responses_max=2, stream=True)

    eventually(
        lambda: (
            metric(stack, 'chat_requests_total{outcome="cancelled"}') == before + 2
            and not metric(stack, "chat_in_flight")
        ),
        within_s=PATIENCE_S,
        what="both slots free, long before 500 and 2,000 tokens could have been written",
    )


def test_llama_cpps_own_port_is_closed_by_a_key(stack: RunningStack) -> None:
    ports = [
        connection.laddr.port
        for process in psutil.Process(stack.pid("triton")).children(recursive=True)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(ports) == 1
    for path in ("/slots", "/props", "/v1/chat/completions", "/completion", "/tokenize"):
        for key in ("", "guessed"):
            headers = {"authorization": f"Bearer {key}"} if key else {}
            answer = httpx2.post(f"http://127.0.0.1:{ports[0]}{path}", json={"prompt": "x"}, headers=headers)
            assert answer.status_code == 401, path


def metric(stack: RunningStack, name: str) -> float:
    """A value of the model's own metrics."""
    words = psutil.Process(stack.pid("triton")).cmdline()
    port = next(word.removeprefix("--metrics-port=") for word in words if word.startswith("--metrics-port="))
    page = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S).text
    return float(next(line for line in page.splitlines() if line.startswith(name)).split(" ")[1])
