"""`python -m containers.callers COUNT`: calls at both listeners, by stock clients with a key; run in the engine's network."""

from __future__ import annotations

import json
import os
import sys
import time

import grpc
import openai

from harness.calls.asking import ask_over_openai, ask_over_triton, openai_client

GRPC, HTTP = "127.0.0.1:8001", "http://127.0.0.1:8080"
QUESTION = "What is a generator?"
KNOWN_WITHIN_S = 30.0
"""Seconds in which the gateway must know a route and a key that were made just now."""


def main(count: int, key: str) -> dict[str, list[str]]:
    """Ask `count` times at each listener, once it knows the route and the key."""
    client = openai_client(HTTP, key)
    _until_known(client)
    answered, failed = list[str](), list[str]()
    for _ in range(count):
        try:
            answered.append(ask_over_openai(client, QUESTION).request_id)
            answered.append(ask_over_triton(GRPC, QUESTION, authorization=f"Bearer {key}").request_id)
        except (openai.APIError, grpc.RpcError) as error:
            failed.append(str(error))
    return {"answered": answered, "failed": failed}


def _until_known(client: openai.OpenAI) -> None:
    deadline_s = time.monotonic() + KNOWN_WITHIN_S
    while True:
        try:
            if any(model.id == "docs-qa" for model in client.models.list()):
                return
        except openai.AuthenticationError:
            pass  # the keys file is read again within a second
        if time.monotonic() > deadline_s:
            raise SystemExit("the gateway does not know the route docs-qa or the key")
        time.sleep(0.2)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), os.environ["WEIR_API_KEY"])))  # what its caller reads
