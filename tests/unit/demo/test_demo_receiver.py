"""The demo's webhook receiver believes only what the stock library verifies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from demo.receiver import new_secret, receiving

BODY = json.dumps({"version": "4", "alerts": [{"status": "firing"}]})


def _headers(secret: str, body: str, at: datetime) -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", at, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


@pytest.mark.capability("U6")
def test_a_signed_delivery_is_verified_and_kept() -> None:
    secret = new_secret()
    with receiving(secret) as receiver:
        answer = httpx2.post(receiver.url, content=BODY, headers=_headers(secret, BODY, datetime.now(UTC)))
        assert answer.status_code == 204
        assert [delivery.verified for delivery in receiver.deliveries] == [True]
        assert receiver.deliveries[0].alerts == [{"status": "firing"}]


@pytest.mark.parametrize("case", ["other secret", "changed body", "old", "unsigned"])
def test_any_other_delivery_is_kept_as_unverified(case: str) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    headers = {
        "other secret": _headers(new_secret(), BODY, now),
        "changed body": _headers(secret, BODY + " ", now),
        "old": _headers(secret, BODY, now - timedelta(hours=1)),
        "unsigned": {},
    }[case]
    with receiving(secret) as receiver:
        assert httpx2.post(receiver.url, content=BODY, headers=headers).status_code == 401
        assert [delivery.verified for delivery in receiver.deliveries] == [False]
        assert receiver.deliveries[0].alerts == []
