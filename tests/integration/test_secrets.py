"""Secrets and texts of users stay where they belong: a key, a webhook's secret and a prompt are in no log."""

from __future__ import annotations

import uuid

import httpx2
import pytest

from harness.stack.running_stack import RunningStack
from weir.runtime.identity import new_id

pytestmark = pytest.mark.stack


def test_no_log_holds_a_key_a_secret_or_a_prompt(stack: RunningStack) -> None:
    canary = f"canary-{uuid.UUID(new_id()).hex}"
    wrong_key = f"weir_0badcafe_{canary}"
    url = f"{stack.gateway_http}/v1/chat/completions"
    body = {"model": "docs-qa", "messages": [{"role": "user", "content": f"What is {canary}?"}]}
    answers = [
        httpx2.post(url, json=body, headers={"authorization": f"Bearer {key}"}, timeout=60).status_code
        for key in (stack.api_key, wrong_key)
    ]
    unusable = {**body, "temperature": canary}
    answers.append(
        httpx2.post(url, json=unusable, headers={"authorization": f"Bearer {stack.api_key}"}, timeout=60).status_code
    )
    stack.until_count("v_inference_responses", f"position(user_text, '{canary}') > 0", 1)

    webhook_secret = (stack.home / "secrets" / "demo-webhook.secret").read_text().strip()
    logs = {path.name: path.read_text(errors="replace") for path in (stack.home / "log").glob("*.log")}

    assert answers == [200, 401, 400]
    assert "gateway.log" in logs
    for secret in (canary, stack.api_key, webhook_secret):
        assert [name for name, text in logs.items() if secret in text] == []


def test_no_event_holds_a_key(stack: RunningStack) -> None:
    for column in ("input_text", "output_text", "user_text", "error_message"):
        assert stack.count("v_inference_responses", f"position({column}, '{stack.api_key}') > 0") == 0
