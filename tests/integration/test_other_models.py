"""Models of other people on a real Triton: their tensor names and habits, through both listeners, with true events (K13)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
import tritonclient.grpc as triton

from harness.calls.asking import openai_client
from harness.stack.paced_model import PacedModel
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack.layout import repository

pytestmark = pytest.mark.stack
FOLDER = Path(__file__).parents[1] / "other_models"
HELLO = "Grüße 👍"
VLLM_WORDS = "".join(f" w{number}" for number in range(16))


@pytest.fixture(scope="module")
def gateway(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondGateway]:
    folder = tmp_path_factory.mktemp("others")
    subprocess.run(
        [
            str(repository() / ".venv" / "bin" / "weir"),
            "apply",
            "-f",
            str(FOLDER / "registry.yaml"),
            "--author",
            "tests",
        ],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )
    with (
        PacedModel(stack, folder / "model", models=FOLDER) as model,
        SecondGateway(
            stack,
            folder / "gateway",
            "others",
            WEIR_INFERENCE_ADDRESS=model.inference_address,
            WEIR_GATEWAY_KEYS_FILE=stack.endpoints.keys_file,
        ) as running,
    ):
        headers = {"authorization": f"Bearer {stack.api_key}"}
        eventually(
            lambda: (
                "own-tensors"
                in httpx2.get(f"{running.gateway.url}/v1/models", headers=headers, timeout=PATIENCE_S).text
            ),
            within_s=PATIENCE_S,
            what="the routes at the second gateway",
        )
        yield running


@pytest.fixture
def client(stack: RunningStack, gateway: SecondGateway) -> Iterator[openai.OpenAI]:
    with openai_client(gateway.gateway.url, stack.api_key) as made:
        yield made


def event(stack: RunningStack, request_id: str) -> Any:
    return stack.request(request_id)


def asked(client: openai.OpenAI, model: str, text: str, **options: Any) -> tuple[str, Any]:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": text}], **options
    )
    return raw.headers["weir-request-id"], raw.parse()


def streamed(client: openai.OpenAI, model: str, text: str) -> tuple[str, list[Any]]:
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    request_id, stream = asked(client, model, text, **options)
    return request_id, list(stream)


def test_characters_cut_between_pieces_are_whole_for_the_client_and_in_the_event(
    stack: RunningStack, client: openai.OpenAI
) -> None:
    request_id, chunks = streamed(client, "byte-pieces", HELLO)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == HELLO
    assert event(stack, request_id)["output_text"] == HELLO


@pytest.mark.capability("U8")
def test_a_text_of_another_name_is_the_answer(stack: RunningStack, client: openai.OpenAI) -> None:
    request_id, answer = asked(client, "other-name", "What is the answer?")

    assert answer.choices[0].message.content == "forty-two"
    assert (answer.choices[0].finish_reason, answer.usage) == (None, None)
    assert event(stack, request_id)["output_text"] == "forty-two"


def test_a_cut_answer_of_vllm_says_length_and_its_tokens(stack: RunningStack, client: openai.OpenAI) -> None:
    whole_id, whole = asked(client, "vllm-names", "Why is the sky blue?")
    stream_id, chunks = streamed(client, "vllm-names", "Why is the sky blue?")

    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (VLLM_WORDS, "length")
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (5, 16)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (5, 16)
    for request_id in (whole_id, stream_id):
        stored = event(stack, request_id)
        assert (stored["finish_reason"], stored["input_tokens"], stored["output_tokens"]) == ("length", 5, 16)


def test_parameters_of_tensorrt_llm_are_tensors_and_others_are_refused(client: openai.OpenAI) -> None:
    assert asked(client, "own-tensors", "x", max_tokens=9)[1].choices[0].message.content == "at most 9"
    with pytest.raises(openai.BadRequestError) as raised:
        asked(client, "own-tensors", "x", max_tokens=9, seed=7)
    assert raised.value.param == "seed"
    with pytest.raises(openai.BadRequestError, match="max_tokens"):
        asked(client, "own-tensors", "x")


@pytest.mark.capability("U8")
def test_every_answer_of_a_batch_is_in_the_event(stack: RunningStack, gateway: SecondGateway) -> None:
    texts = [b"first", b"second", b"third"]
    tensor = triton.InferInput("text_input", [3], "BYTES")
    tensor.set_data_from_numpy(np.array(texts, dtype=np.object_))
    with triton.InferenceServerClient(gateway.grpc_address) as asking:
        answer = asking.infer("many-answers", [tensor], request_id="a-batch")

    assert answer.as_numpy("text_output").tolist() == texts
    stack.until_count("v_inference_responses", "client_request_id = 'a-batch'", 1)
    [[output, given]] = stack.sql(
        "SELECT output_text, input_text FROM v_inference_responses WHERE client_request_id = 'a-batch'"
    )
    assert output == given == "first\nsecond\nthird"
