"""Webhook: one try of one delivery, signed after Standard Webhooks, sent to an address that was checked.

The name is resolved once, every address is checked, and the connection goes to the checked address, so an answer of the
name server that changes in between changes nothing. No redirects, no proxies, a deadline for the whole try, and only so
much of the answer is read.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from standardwebhooks import Webhook

from weir.alerts.adapters.receivers import Receiver
from weir.alerts.core.address import ForbiddenAddress, Target, checked
from weir.alerts.core.retry import Answer
from weir.alerts.ports import Resolve
from weir.runtime.clock import monotonic_s, now_us

USER_AGENT = "weir-alerts"


class WebhookSender:
    """Sends signed bodies; one per process."""

    def __init__(
        self, resolve: Resolve, timeout_s: float, response_bytes_max: int, tls: ssl.SSLContext | None = None
    ) -> None:
        """timeout_s: for the whole try. response_bytes_max: bytes of an answer that are read. tls: whom to trust; the
        system's usual authorities when None."""
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._response_bytes_max = response_bytes_max
        self._tls = tls or ssl.create_default_context()

    async def send(self, receiver: Receiver, delivery_id: str, body: bytes) -> Answer:
        """What came back of one try; never raises for what the network or the receiver did."""
        start_s = monotonic_s()
        try:
            async with asyncio.timeout(self._timeout_s):
                status, retry_after_s = await self._post(receiver, delivery_id, body)
        except ForbiddenAddress as error:
            return Answer(0, str(error), latency_ms=_since(start_s), is_refused=True)
        except TimeoutError:
            return Answer(0, f"no answer within {self._timeout_s:g} s", latency_ms=_since(start_s))
        except (OSError, httpx2.HTTPError) as error:
            return Answer(0, f"{type(error).__name__}: {error}", latency_ms=_since(start_s))
        error_text = "" if 200 <= status < 300 else f"the receiver answered {status}"
        return Answer(status, error_text, retry_after_s, _since(start_s))

    async def _post(self, receiver: Receiver, delivery_id: str, body: bytes) -> tuple[int, float]:
        target = receiver.target
        addresses = await self._resolve(target.host, target.port)
        address = checked(addresses, allow_private=receiver.allow_private)
        headers = {"host": _host_header(target), **signed_headers(receiver, delivery_id, body, now_us())}
        # A connection of its own for each try: a kept one would be shared by receivers behind the same address.
        limits = httpx2.Limits(max_keepalive_connections=0)
        client = httpx2.AsyncClient(
            verify=self._tls, follow_redirects=False, trust_env=False, limits=limits, timeout=self._timeout_s
        )
        async with (
            client,
            client.stream(
                "POST",
                f"{target.scheme}://{_bracketed(address)}:{target.port}{target.path}",
                content=body,
                headers=headers,
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            await self._read(response)
            return response.status_code, _retry_after_s(response.headers.get("retry-after", ""))

    async def _read(self, response: httpx2.Response) -> None:
        read = 0
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if read >= self._response_bytes_max:
                return


def signed_headers(receiver: Receiver, delivery_id: str, body: bytes, time_us: int) -> dict[str, str]:
    """Headers of a signed body. time_us: of this try; one signature for each of the receiver's secrets."""
    at = datetime.fromtimestamp(time_us // 1_000_000, tz=UTC)
    signatures = [Webhook(secret).sign(delivery_id, at, body.decode()) for secret in receiver.secrets]
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(time_us // 1_000_000),
        "webhook-signature": " ".join(signatures),
    }


def _retry_after_s(text: str) -> float:
    """Seconds a receiver asked to wait: a number or a date; 0 for neither."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - now_us() / 1_000_000)


def _host_header(target: Target) -> str:
    default = 443 if target.scheme == "https" else 80
    return _bracketed(target.host) if target.port == default else f"{_bracketed(target.host)}:{target.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _since(start_s: float) -> float:
    return (monotonic_s() - start_s) * 1_000
