"""Three snippets to paste, with this stack's own addresses: a Triton client, an OpenAI client, SQL."""

from __future__ import annotations


def snippets(
    gateway_grpc: str, gateway_http: str, lineage_url: str, key_file: str, token_file: str, route: str
) -> list[tuple[str, str, str]]:
    """(title, language, text) of each.

    gateway_grpc: host:port. gateway_http, lineage_url: base URLs. key_file, token_file: files of the demo's key and of
    the APIs' token; the output may be shared, they may not.
    """
    return [
        ("Triton client", "python", _TRITON.format(address=gateway_grpc, route=route)),
        ("OpenAI client", "python", _OPENAI.format(base_url=f"{gateway_http}/v1", key_file=key_file, route=route)),
        ("SQL", "bash", _SQL.format(lineage=lineage_url, token_file=token_file)),
    ]


_TRITON = """import numpy as np, tritonclient.grpc as triton

question = triton.InferInput("text_input", [1], "BYTES")
question.set_data_from_numpy(np.array([b"What does the with statement do?"], dtype=object))
answer = triton.InferenceServerClient("{address}").infer("{route}", [question])
print(answer.as_numpy("text_output")[0].decode())"""

_OPENAI = """import openai

client = openai.OpenAI(base_url="{base_url}", api_key=open("{key_file}").read().strip())
asked = [{{"role": "user", "content": "What does the with statement do?"}}]
print(client.chat.completions.create(model="{route}", messages=asked).choices[0].message.content)"""

_SQL = """SQL="SELECT route, outcome, count() AS calls, round(quantile(0.5)(latency_ms)) AS p50_ms \
FROM v_inference_responses GROUP BY route, outcome"
curl -s {lineage}/v1/sql -H "authorization: Bearer $(cat {token_file})" \\
  -H 'content-type: application/json' -d "{{\\"query\\": \\"$SQL\\"}}\""""
