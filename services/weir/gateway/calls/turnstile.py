"""The turnstile: who is known is limited before any work is done for it; who is not known never comes here.

Invariant: authenticate, then limit, then work. A call takes a slot (of all, of its tenant, of its key) and a turn of the
rate before its body is read; its bytes are counted as they come; what it holds is given back once. Limits of a key come
from the keys file, those of a tenant from WEIR_GATEWAY_LIMITS_BY_TENANT, and what neither says from the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf
from types import TracebackType
from typing import Literal, Self

from weir.access.caller_limits import CallerLimits
from weir.access.keys import Caller
from weir.access.slots import LimitReached, Slots
from weir.gateway.adapters.metrics import BYTES_IN_HAND, CALLS_AT_ONCE, LIMITED, STREAMS_AT_ONCE
from weir.gateway.core.bucket import Buckets
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import monotonic_s

BYTES_PER_TOKEN = 4
"""Bytes that count as one token. Chosen: about right for English, dear for other scripts; nothing is decoded here."""

Rate = Literal["calls_per_minute", "tokens_per_minute"]

Rates = tuple[tuple[str, str, int], ...]
"""Whose limit, the name of its bucket, and how much a minute."""

TERMS_MAX = 4_096
"""Callers whose terms are kept. Arbitrary; any value above the keys of an installation would do."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a caller may have, worked out once."""

    of_file: CallerLimits
    """What the keys file holds for its key; other limits mean other terms."""
    key: CallerLimits
    tenant: CallerLimits
    calls: Rates
    tokens: Rates


class Turnstile:
    """Slots and rates of the gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.calls = Slots("calls_at_once", "calls in flight", settings.calls_at_once_max)
        self.streams = Slots("streams_at_once", "streams open", settings.streams_at_once_max)
        self.lookups = Slots("lookups_at_once", "questions about models in flight", settings.lookups_at_once_max)
        self.bytes = Slots("bytes_in_hand", "bytes in flight", settings.bytes_in_hand_max)
        self._of_key = settings.limits_of_key
        self._of_tenant = settings.limits_of_tenant
        self._by_tenant = settings.parsed_limits_by_tenant()
        self._terms: dict[tuple[str, str], Terms] = {}
        self._buckets = Buckets()
        CALLS_AT_ONCE.set_function(lambda: self.calls.held)
        STREAMS_AT_ONCE.set_function(lambda: self.streams.held)
        BYTES_IN_HAND.set_function(lambda: self.bytes.held)

    def enter_call(self, caller: Caller) -> Slot:
        """A slot for one inference call, and its turn of the rate. Raises LimitReached."""
        terms = self._terms_of(caller)
        self._turn("calls_per_minute", terms.calls, 1)
        return self._entered(self.calls, caller, terms.key.calls_at_once, terms.tenant.calls_at_once)

    def enter_stream(self, caller: Caller) -> Slot:
        """A slot for one gRPC stream; its requests take theirs as they come. Raises LimitReached."""
        terms = self._terms_of(caller)
        return self._entered(self.streams, caller, terms.key.streams_at_once, terms.tenant.streams_at_once)

    def enter_lookup(self, caller: Caller) -> Slot:
        """A slot for a question about a model or the server, apart from calls. Raises LimitReached."""
        return self._entered(self.lookups, caller, None, None)

    def hold_bytes(self, caller: Caller, amount: int, already: int) -> None:
        """Count bytes as held. already: what the same call holds so far. Raises LimitReached."""
        terms = self._terms_of(caller)
        _take(self.bytes, caller, amount, terms.key.bytes_in_hand, terms.tenant.bytes_in_hand, already)

    def charge_tokens(self, caller: Caller, size_bytes: int) -> None:
        """Charge for bytes that are about to go upstream. Raises LimitReached when the minute's tokens are used up."""
        self._turn("tokens_per_minute", self._terms_of(caller).tokens, -(-size_bytes // BYTES_PER_TOKEN))

    def settle_tokens(self, caller: Caller, size_bytes: int) -> None:
        """Charge for bytes that were answered: what is over the limit is owed, for a minute at most."""
        for _, name, amount in self._terms_of(caller).tokens:
            self._buckets.owe(name, amount, -(-size_bytes // BYTES_PER_TOKEN), monotonic_s())

    def _entered(self, slots: Slots, caller: Caller, key_max: int | None, tenant_max: int | None) -> Slot:
        _take(slots, caller, 1, key_max, tenant_max)
        return Slot(self, slots, caller)

    def _turn(self, rate: Rate, rates: Rates, cost: int) -> None:
        now_s = monotonic_s()
        for whose, name, amount in rates:
            wait_s = self._buckets.wait_s(name, amount, cost, now_s)
            if wait_s:
                limit = f"{rate}_{whose}"
                LIMITED.labels(limit).inc()
                raise _slow_down(limit, name.partition(" ")[2], amount, cost, wait_s)
        for _, name, _ in rates:  # only now: who is refused pays nothing
            self._buckets.spend(name, cost)

    def _terms_of(self, caller: Caller) -> Terms:
        who = caller.tenant, caller.key_id
        terms = self._terms.get(who)
        if terms is None or terms.of_file is not caller.limits:
            if len(self._terms) >= TERMS_MAX:
                self._terms.clear()
            terms = self._terms[who] = self._worked_out(caller)
        return terms

    def _worked_out(self, caller: Caller) -> Terms:
        key, tenant = caller.limits.over(self._of_key), self._by_tenant.get(caller.tenant, self._of_tenant)
        calls = _rates(caller, "calls_per_minute", key.calls_per_minute, tenant.calls_per_minute)
        tokens = _rates(caller, "tokens_per_minute", key.tokens_per_minute, tenant.tokens_per_minute)
        return Terms(caller.limits, key, tenant, calls, tokens)

    def give_back(self, slots: Slots, caller: Caller, size_bytes: int) -> None:
        """What a caller held is free again: one of `slots`, and so many bytes."""
        slots.give_back(caller.tenant, caller.key_id)
        if size_bytes:
            self.bytes.give_back(caller.tenant, caller.key_id, size_bytes)


class Slot:
    """What one call or stream holds; given back once, however often it is left."""

    def __init__(self, turnstile: Turnstile, slots: Slots, caller: Caller) -> None:
        self.caller = caller
        self._turnstile = turnstile
        self._slots = slots
        self._bytes = 0
        self._is_held = True

    def hold_bytes(self, amount: int) -> None:
        """Hold so many bytes more, until the slot is left; after that nothing. Raises LimitReached."""
        if not self._is_held:
            return
        self._turnstile.hold_bytes(self.caller, amount, self._bytes)
        self._bytes += amount

    def leave(self) -> None:
        """Give everything back."""
        if self._is_held:
            self._is_held = False
            self._turnstile.give_back(self._slots, self.caller, self._bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


def _rates(caller: Caller, rate: Rate, of_key: int | None, of_tenant: int | None) -> Rates:
    """The limits of one rate that are set, the key's first."""
    limits = ("key", caller.key_id, of_key), ("tenant", caller.tenant, of_tenant)
    return tuple((whose, f"{rate} {whose} {name}", amount) for whose, name, amount in limits if amount is not None)


def _take(
    slots: Slots, caller: Caller, amount: int, key_max: int | None, tenant_max: int | None, already: int = 0
) -> None:
    try:
        slots.take(caller.tenant, caller.key_id, amount, already=already, key_max=key_max, tenant_max=tenant_max)
    except LimitReached as reached:
        LIMITED.labels(reached.limit).inc()
        raise


def _slow_down(limit: str, name: str, amount: int, cost: int, wait_s: float) -> LimitReached:
    what = limit.rpartition("_")[0].replace("_", " ")
    if isinf(wait_s):
        text = f"this request counts {cost} of the {amount} {what} that {name} may have ({limit}); send less"
        return LimitReached("payload_too_large", text, limit=limit, retry_after_s=None)
    text = f"{name} may have {amount} {what} ({limit}); slow down"
    return LimitReached("rate_limited", text, limit=limit, retry_after_s=wait_s)
