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


def test_no_text_of_any_view_holds_a_key_or_a_secret(stack: RunningStack) -> None:
    canary = f"canary-{uuid.UUID(new_id()).hex}"
    wrong_key = f"weir_0badcafe_{canary}"
    body = {"model": "docs-qa", "messages": [{"role": "user", "content": f"What is {canary}?"}]}
    for key in (wrong_key, stack.api_key):
        url, headers = f"{stack.gateway_http}/v1/chat/completions", {"authorization": f"Bearer {key}"}
        httpx2.post(url, json=body, headers=headers, timeout=60)
    stack.until_count("v_inference_responses", f"position(user_text, '{canary}') > 0", 1)
    webhook_secret = (stack.home / "secrets" / "demo-webhook.secret").read_text().strip()

    columns = texts_of(stack)

    assert {view for view, _ in columns} >= {"v_inference_requests", "v_inference_responses", "v_alerts", "v_spans"}
    assert ("v_inference_responses", "user_text") in holding(stack, columns, f"What is {canary}?"), "the search finds"
    for secret in (stack.api_key, wrong_key, webhook_secret):
        assert holding(stack, columns, secret) == []


def texts_of(stack: RunningStack) -> list[tuple[str, str]]:
    """View and name of every column that is a text, or is made of texts."""
    rows = stack.sql("SELECT table, name FROM system.columns WHERE table LIKE 'v\\_%' AND type LIKE '%String%'")
    return [(str(view), str(name)) for view, name in rows]


def holding(stack: RunningStack, columns: list[tuple[str, str]], text: str) -> list[tuple[str, str]]:
    """The columns that hold a text."""
    found = []
    for view in sorted({view for view, _ in columns}):
        names = [name for of, name in columns if of == view]
        counts = ", ".join(f"countIf(position(toString({name}), '{text}') > 0)" for name in names)
        (row,) = stack.sql(f"SELECT {counts} FROM {view}")
        found += [(view, name) for name, count in zip(names, row, strict=True) if int(count)]
    return found
