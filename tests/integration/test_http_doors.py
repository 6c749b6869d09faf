"""The running stack as a web page, a rebound page and a stranger on this machine meet it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S

pytestmark = pytest.mark.stack

MOVE = '{"version": "1", "author": "a page"}'
PROD = "/v1/assets/prompt/docs-qa/aliases/prod"
DRAINS = ("gateway_drain", "otlp_drain")
HTTP = ("registry", "lineage", "inference", "gateway", "otlp", *DRAINS, "drift", "evaluator", "alerts")


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    """Whoever asks, with the patience of a test."""
    with httpx2.Client(timeout=PATIENCE_S) as client:
        yield client


def test_a_page_of_another_site_moves_no_alias(stack: RunningStack, client: httpx2.Client) -> None:
    before = stack.get(stack.registry_url, "/v1/history")["items"]
    url = f"{stack.registry_url}/v1/apply"
    batch = '{"documents": [], "author": "a page", "dry_run": false}'

    simple = client.post(url, content=batch, headers={"content-type": "text/plain", "origin": "https://evil.example"})
    form = client.post(url, data={"documents": "[]"})
    moved = client.put(stack.registry_url + PROD, content=MOVE, headers={"content-type": "application/json"})

    assert [simple.status_code, form.status_code, moved.status_code] == [403, 415, 401]
    assert stack.get(stack.registry_url, "/v1/history")["items"] == before


@pytest.mark.parametrize("name", HTTP)
def test_no_service_answers_under_a_name_that_is_not_its_own(
    stack: RunningStack, client: httpx2.Client, name: str
) -> None:
    url = f"http://127.0.0.1:{stack.endpoints.ports[name]}"
    for path in ("/healthz", "/metrics", "/v1/sql"):
        assert client.get(url + path, headers={"host": "rebound.example", **stack.authorization}).status_code == 421
    assert client.get(f"{url}/healthz").status_code == 200


def test_sql_is_asked_with_the_token_and_reads_the_views_alone(stack: RunningStack, client: httpx2.Client) -> None:
    url, query = f"{stack.lineage_url}/v1/sql", {"query": "WITH file AS (SELECT 1) SELECT file('/etc/passwd')"}

    closed = client.post(url, json={"query": "SELECT 1"})
    leak = client.post(url, json=query, headers=stack.authorization)

    assert (closed.status_code, leak.status_code) == (401, 400)
    assert "not on the list" in leak.json()["detail"]
    assert stack.sql("SELECT 1, toString(toDateTime(0))") == [[1, "1970-01-01 00:00:00"]]
