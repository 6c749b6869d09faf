"""Slots: how much of one bounded thing is held, in all, by each tenant and by each key.

Law: what is held is never negative and never above a limit; and one tenant alone never takes the last slot. A tenant may
hold at most SHARE times as many slots as are free (the dynamic threshold of shared switch buffers): alone it gets two
thirds, beside another greedy one each gets two fifths, and there is always room for one more tenant. "Try again" is said only
where a wait can help: what would not fit if nothing else were held is too large.
"""

from __future__ import annotations

from weir.access.refusals import Refusal, cut

SHARE = 2
"""Slots that a tenant may hold for each free one. Chosen: at 1 a lone tenant would use half, at 4 newcomers wait longer."""


RETRY_AFTER_S = 1.0
"""Seconds until who was refused may try again: a slot is free as soon as a call ends, most end within a second, and it is the
smallest number that the HTTP header can say."""


class LimitReached(Refusal):
    """A refusal because of a limit; `limit` names it as the metric does."""

    def __init__(self, error_type: str, message: str, *, limit: str, retry_after_s: float | None) -> None:
        super().__init__(error_type, message, retry_after_s=retry_after_s)
        self.limit = limit


class Slots:
    """Counts of one thing."""

    def __init__(self, name: str, things: str, limit: int) -> None:
        """name: of the limit, for example calls_at_once. things: what is counted, in words. limit: of all together."""
        self.name = name
        self.held = 0
        self._things = things
        self._limit = limit
        self._by_tenant: dict[str, int] = {}
        self._by_key: dict[str, int] = {}

    def take(
        self,
        tenant: str,
        key_id: str,
        amount: int = 1,
        *,
        already: int = 0,
        tenant_max: int | None = None,
        key_max: int | None = None,
    ) -> None:
        """Hold `amount` more. Raises LimitReached, holding nothing more, when a limit is in the way.

        already: what the same request holds so far; where the request as a whole can never fit it is payload_too_large.
        """
        full = self._full(tenant, key_id, amount, tenant_max, key_max)
        if full is not None:
            raise self._too_large(already, amount, tenant_max, key_max) or full
        self.held += amount
        self._by_tenant[tenant] = self._by_tenant.get(tenant, 0) + amount
        self._by_key[key_id] = self._by_key.get(key_id, 0) + amount

    def give_back(self, tenant: str, key_id: str, amount: int = 1) -> None:
        """Hold `amount` less."""
        self.held -= amount
        _less(self._by_tenant, tenant, amount)
        _less(self._by_key, key_id, amount)

    def _full(
        self, tenant: str, key_id: str, amount: int, tenant_max: int | None, key_max: int | None
    ) -> LimitReached | None:
        """The limit that is in the way now, if one is."""
        if self.held + amount > self._limit:
            return self._later("overloaded", "max", f"{self.held} {self._things} in all, the limit is {self._limit}")
        mine = self._by_tenant.get(tenant, 0) + amount
        if tenant_max is not None and mine > tenant_max:
            return self._later("rate_limited", "tenant", f"tenant {cut(tenant)} may have {tenant_max} {self._things}")
        if mine > SHARE * (self._limit - self.held):
            text = f"tenant {cut(tenant)} has {mine - amount} {self._things} and {self._limit - self.held} are free"
            return self._later("rate_limited", "share", f"{text}; one tenant may have {SHARE} for each free one")
        if key_max is not None and self._by_key.get(key_id, 0) + amount > key_max:
            return self._later("rate_limited", "key", f"key {cut(key_id)} may have {key_max} {self._things}")
        return None

    def _too_large(self, already: int, amount: int, tenant_max: int | None, key_max: int | None) -> LimitReached | None:
        """The limit that would be in the way if nothing else were held, if one is."""
        whole = already + amount
        for whose, most in (("key", key_max), ("tenant", tenant_max), ("max", self._limit)):
            if most is not None and whole > most:
                return self._never(whose, whole, most)
        return self._never("share", whole, self._limit) if self.held == already else None

    def _later(self, error_type: str, whose: str, text: str) -> LimitReached:
        limit = f"{self.name}_{whose}"
        message = f"{text} ({limit}); try again shortly"
        return LimitReached(error_type, message, limit=limit, retry_after_s=RETRY_AFTER_S)

    def _never(self, whose: str, whole: int, most: int) -> LimitReached:
        limit = f"{self.name}_{whose}"
        message = f"this request alone comes to {whole} {self._things}, {limit} is {most}; send less"
        return LimitReached("payload_too_large", message, limit=limit, retry_after_s=None)


def _less(counts: dict[str, int], name: str, amount: int) -> None:
    left = counts[name] - amount
    if left:
        counts[name] = left
    else:
        del counts[name]  # who holds nothing takes no memory
