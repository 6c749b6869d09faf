"""Closing the ledger against the store: by the ids that clients were given, or by the numbers that a gateway used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import httpx2

from harness.accounts.ledger import Row
from harness.stack.running_stack import RunningStack
from harness.store.id_lists import at_once, quoted
from harness.waiting import RECOVER_WITHIN_S, is_reached

EVENTS_PER_CALL = 3
"""A call's request, its end, and its spans."""

VIEWS = (
    ("v_inference_requests", ""),
    ("v_inference_responses", ""),
    ("v_spans", " AND service = 'gateway'"),
)


class Asked(Protocol):
    """Whoever answers a query over the published views."""

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a query."""


Life = tuple[str, int]
"""Source and boot epoch of a gateway's life."""


def row_of_calls(stack: RunningStack, fault: str, times: int, ids: Sequence[str], note: str = "") -> Row:
    """Wait until every acknowledged call is stored with all its events, and count. ids: request ids."""
    start_s = time.monotonic()
    expected = len(ids) * EVENTS_PER_CALL
    is_reached(lambda: stored(stack, ids)[1] >= expected)
    recovery_s = time.monotonic() - start_s
    rows, distinct = stored(stack, ids)
    return Row(fault, times, expected, distinct, duplicates=rows - distinct, recovery_s=recovery_s, note=note)


def stored(stack: Asked, ids: Sequence[str]) -> tuple[int, int]:
    """Rows and distinct events of calls over the three views; nothing while the store does not answer."""
    rows = distinct = 0
    for part in at_once(ids):
        for view, also in VIEWS:
            found, unique = _asked(
                stack, f"SELECT count(), uniqExact(request_id) FROM {view} WHERE request_id IN ({quoted(part)}){also}"
            )
            rows, distinct = rows + found, distinct + unique
    return rows, distinct


def request_ids_of(stack: RunningStack, client_ids: Sequence[str]) -> list[str]:
    """Request ids of calls that their clients numbered, once all are known; one that never comes is no id at all."""

    def known() -> list[str]:
        found: list[str] = []
        for part in at_once(client_ids):
            query = f"SELECT request_id FROM v_inference_requests WHERE client_request_id IN ({quoted(part)})"
            found += [str(one) for (one,) in stack.sql(query)]
        return found

    is_reached(lambda: len(set(known())) >= len(client_ids))
    ids = sorted(set(known()))
    return ids + [f"unknown {number}" for number in range(len(client_ids) - len(ids))]


def row_of_numbers(stack: RunningStack, fault: str, times: int, life: Life, used: int, note: str = "") -> Row:
    """A row counted by the numbers a gateway used, which include the events of calls that failed or were refused."""
    start_s = time.monotonic()
    is_reached(lambda: sum(_numbers(stack, life)[1:]) >= used and _accounted(stack, life) >= used)
    recovery_s = time.monotonic() - start_s
    rows, distinct, shed, corrupt = _numbers(stack, life)
    return Row(
        fault,
        times,
        used,
        distinct,
        shed=shed,
        corrupt=corrupt,
        duplicates=rows - distinct,
        recovery_s=recovery_s,
        note=note,
    )


def _numbers(stack: RunningStack, life: Life) -> tuple[int, int, int, int]:
    """Rows, distinct numbers, numbers that were shed, numbers that were corrupt."""
    source, epoch_us = life
    rows, distinct = _asked(
        stack,
        f"SELECT count(), uniqExact(seq) FROM v_numbers WHERE source = '{source}' AND boot_epoch = {epoch_us}",
    )
    of_life = f"numbered_source = '{source}' AND numbered_boot_epoch = {epoch_us}"
    shed, corrupt = _asked(
        stack,
        "SELECT sumIf(last_seq - first_seq + 1, account = 'shed'), sumIf(last_seq - first_seq + 1, account = 'corrupt')"
        f" FROM v_accounts WHERE {of_life}",
    )
    return rows, distinct, shed, corrupt


def _accounted(stack: RunningStack, life: Life) -> int:
    """Numbers below this one have an account of the drain."""
    of_life = f"numbered_source = '{life[0]}' AND numbered_boot_epoch = {life[1]}"
    last, accounts = _asked(stack, f"SELECT max(last_seq), count() FROM v_accounts WHERE {of_life}")
    return last + 1 if accounts else 0


def without_end(stack: RunningStack, tenant: str, *, within_s: float = RECOVER_WITHIN_S) -> int:
    """Calls of a tenant whose request is stored and whose end never comes; waits for the ends that do."""

    def open_calls() -> int:
        requests, ends = (
            _asked(stack, f"SELECT uniqExact(request_id), 0 FROM {view} WHERE tenant = '{tenant}'")[0]
            for view in ("v_inference_requests", "v_inference_responses")
        )
        return requests - ends

    is_reached(lambda: open_calls() <= 0, within_s)
    return max(0, open_calls())


def outcomes(stack: RunningStack, source: str) -> dict[str, int]:
    """How many calls of a gateway ended how, with those that its reconciler ended for it."""
    query = (
        "SELECT outcome, uniqExact(request_id) FROM v_inference_responses"
        f" WHERE source IN ('{source}', '{source}/reconciler') GROUP BY outcome"
    )
    return {str(outcome): int(count) for outcome, count in sorted(stack.sql(query))}


def _asked(stack: Asked, query: str) -> tuple[int, ...]:
    """Numbers of the one row of an answer; zeros while nobody answers."""
    try:
        (row,) = stack.sql(query)
    except httpx2.TransportError:
        return (0, 0)
    return tuple(int(value or 0) for value in row)
