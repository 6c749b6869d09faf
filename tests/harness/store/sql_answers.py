"""What the answers of a sink's API say: rows, or that the sink or the engine behind it is busy and may be asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2

from harness.waiting import PATIENCE_S, QUERY_LOOK_S, eventually
from weir.lineage.store.store import CODE

BUSY_CODES = {159, 160, 241, 394}
"""Codes of the engine for a query that another look may answer: too slow, estimated too slow, no memory now, cancelled."""


def answered(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """The first answer that is one; a busy store is asked again. Raises NeverHappened; what `ask` raises."""

    def look() -> httpx2.Response | None:
        answer = ask()
        return None if is_unanswered(answer) else answer

    return eventually(look, within_s=PATIENCE_S, what="an answer of the store", look_s=QUERY_LOOK_S)


def rows_in(answer: httpx2.Response) -> list[list[Any]]:
    """Rows of the answer of /v1/sql. Raises AssertionError with its text where it holds none."""
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def is_unanswered(answer: httpx2.Response) -> bool:
    """Whether the sink was busy, or the server behind it away or busy. A statement that is refused or wrong is answered, by an
    error.
    """
    if answer.status_code != 400:
        return answer.status_code == 503
    code = CODE.search(answer.json()["detail"])
    return code is not None and int(code[1]) in BUSY_CODES
