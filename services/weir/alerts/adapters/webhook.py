"""Webhook: one try of one delivery, signed after Standard Webhooks, sent to an address that was checked.

The name is resolved once, every address is checked, and the connection goes to the checked address, so an answer of the
name server that changes in between changes nothing. No redirects, no proxies, a deadline for the whole try, and only so
much of the answer is read.

The rule (K10): a peer's answer is data. Whatever the network, the name server or the receiver does (any status, header,
encoding, cut, redirect, certificate) ends as one Answer with a bounded, printable reason; nothing of it is ever raised.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import httpx2
from standardwebhooks import Webhook

from weir.alerts.adapters.receivers import Receiver
from weir.alerts.core.address import ForbiddenAddress, Target, checked_address
from weir.alerts.core.retry import Answer
from weir.alerts.core.retry_after import retry_after_s
from weir.runtime.clock import monotonic_s, now_us
from weir.runtime.telemetry.logs import logger

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, in order of preference. Raises OSError when the name cannot be resolved."""

USER_AGENT = "weir-alerts"

ERROR_CHARS_MAX = 300
"""Characters of a reason that are kept of what a peer said: a sentence, not its page."""


HANDSHAKE_SHARE = 0.45
"""Share of a try's time that TCP may take, and TLS again; below half, so that the two end before the try does."""

BODY_S = 1.0
"""Seconds in which the body of an answer is read. A second: its status is known by then and says all we need."""


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

    async def send(
        self, receiver: Receiver, delivery_id: str, body: bytes, trace_headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """What came back of one try; never raises for what the network or the receiver did. trace_headers: W3C's."""
        start_s = monotonic_s()
        try:
            async with asyncio.timeout(self._timeout_s):
                status, asked_s = await self._post(receiver, delivery_id, body, trace_headers)
        except ForbiddenAddress as error:
            return _failed(str(error), start_s)
        except TimeoutError:
            return _failed(f"no answer within {self._timeout_s:g} s", start_s)
        except (OSError, httpx2.HTTPError) as error:
            return _failed(f"{type(error).__name__}: {error}", start_s)
        except Exception as error:  # noqa: BLE001 - what a peer's bytes make any library raise is a failed try, never our end
            logger().warning(
                "delivery_answer_odd", receiver=receiver.name, delivery=delivery_id, error=_plain(repr(error))
            )
            return _failed(f"the answer cannot be read: {type(error).__name__}: {error}", start_s)
        reason = "" if 200 <= status < 300 else f"the receiver answered {status}"
        return Answer(status, reason, asked_s, _since(start_s))

    async def _post(
        self, receiver: Receiver, delivery_id: str, body: bytes, trace_headers: Sequence[tuple[str, str]]
    ) -> tuple[int, float]:
        target = receiver.target
        addresses = await self._resolve(target.host, target.port)
        address = checked_address(addresses, allow_private=receiver.allow_private)
        headers = {"host": _host_header(target), **signed_headers(receiver, delivery_id, body, now_us())}
        headers |= dict(trace_headers)
        # A connection of its own for each try: a kept one would be shared by receivers behind the same address.
        limits = httpx2.Limits(max_keepalive_connections=0)
        # TCP and TLS each have less than half of the time: the client closes the socket of a handshake that it gave up
        # itself, but not of one that the deadline of the whole try cancels.
        timeout = httpx2.Timeout(self._timeout_s, connect=self._timeout_s * HANDSHAKE_SHARE)
        client = httpx2.AsyncClient(
            verify=self._tls, follow_redirects=False, trust_env=False, limits=limits, timeout=timeout
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
            await self._read(response)  # for the receiver's sake only: the head has said all
            return response.status_code, retry_after_s(response.headers.get("retry-after", ""), now_us())

    async def _read(self, response: httpx2.Response) -> None:
        read = 0
        with suppress(
            OSError, httpx2.HTTPError
        ):  # a cut or endless body takes nothing back; TimeoutError is an OSError
            async with asyncio.timeout(min(BODY_S, self._timeout_s)):
                async for chunk in response.aiter_raw():
                    read += len(chunk)
                    if read >= self._response_bytes_max:
                        return


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host, from the system, in its order of preference. Raises OSError when the name cannot be resolved."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def signed_headers(receiver: Receiver, delivery_id: str, body: bytes, time_us: int) -> dict[str, str]:
    """Headers of a signed body. time_us: of this try; one signature for each of the receiver's secrets, none without."""
    if not receiver.secrets:
        return {"content-type": "application/json", "user-agent": USER_AGENT}
    at = datetime.fromtimestamp(time_us // 1_000_000, tz=UTC)
    signatures = [Webhook(secret).sign(delivery_id, at, body.decode()) for secret in receiver.secrets]
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(time_us // 1_000_000),
        "webhook-signature": " ".join(signatures),
    }


def _failed(reason: str, start_s: float) -> Answer:
    return Answer(0, _plain(reason), latency_ms=_since(start_s))


def _plain(text: str) -> str:
    """Text of a peer as one printable line that every store and terminal can carry."""
    printable = "".join(char if char.isprintable() else " " for char in text[:ERROR_CHARS_MAX])
    return printable.encode("utf-8", "replace").decode()


def _host_header(target: Target) -> str:
    default = 443 if target.scheme == "https" else 80
    return _bracketed(target.host) if target.port == default else f"{_bracketed(target.host)}:{target.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _since(start_s: float) -> float:
    return (monotonic_s() - start_s) * 1_000
