"""The dataset of judged answers, by the very query that the command sends, over the real engine."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.samples.builders import NOON_US, completed, one_of_each
from harness.store.lineage_store import Put
from weir.cli.commands_feedback import case_of, query_of, write_cases
from weir.events import FeedbackReceived, named_id
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import Store

HOUR_US = 3_600_000_000


@pytest.fixture
def sql(store: Store, tmp_path: Path) -> Iterator[OperatorSql]:
    sql = OperatorSql(LineageSettings(data_dir=tmp_path / "data"))
    yield sql
    sql.close()


def judgement(number: int, request: int, score: float, after_us: int) -> FeedbackReceived:
    """What a user says of a call."""
    [found] = [event for event in one_of_each() if isinstance(event, FeedbackReceived)]
    event_id, request_id = named_id(NOON_US, f"judgement {number}"), named_id(NOON_US, f"request {request}")
    return replace(
        found, event_id=event_id, seq=number, request_id=request_id, score=score, event_time_us=NOON_US + after_us
    )


async def cases(sql: OperatorSql, since_us: int = 0, tenant: str = "", route: str = "") -> list[dict[str, Any]]:
    answer = await sql.ask(query_of(since_us, tenant, route))
    return [case_of(list(row)) for row in answer.rows]


async def test_the_newest_judgement_of_each_answer_counts_and_old_ones_are_left_out(sql: OperatorSql, put: Put) -> None:
    ids = [named_id(NOON_US, f"request {number}") for number in range(3)]
    put("inference-responses", *[completed(number, request_id=id_) for number, id_ in enumerate(ids)])
    put("feedback", judgement(0, 0, 1.0, 0), judgement(1, 0, -1.0, HOUR_US), judgement(2, 1, 1.0, HOUR_US))

    found = {case["id"]: case["passed"] for case in await cases(sql)}
    assert found == {ids[0]: False, ids[1]: True}
    assert await cases(sql, since_us=NOON_US + 2 * HOUR_US) == []


async def test_a_case_holds_what_an_anchor_holds(sql: OperatorSql, put: Put) -> None:
    call = completed(0, request_id=named_id(NOON_US, "request 0"))
    put("inference-responses", call)
    put("feedback", judgement(0, 0, -1.0, 0))

    [case] = await cases(sql)

    assert (case["question"], case["answer"], case["passed"]) == (call.user_text, call.output_text, False)
    assert case["contexts"] == [context.text for context in call.contexts]


async def test_names_are_matched_and_never_run(sql: OperatorSql, put: Put) -> None:
    put("inference-responses", completed(0, request_id=named_id(NOON_US, "request 0")))
    put("feedback", judgement(0, 0, -1.0, 0))

    assert len(await cases(sql, tenant=completed(0).tenant, route=completed(0).route)) == 1
    assert await cases(sql, route="x' OR '1' = '1") == []
    assert await cases(sql, tenant="\\") == []


def test_the_file_is_its_owners_alone_and_the_same_cases_have_the_same_digest(tmp_path: Path) -> None:
    case = case_of(["id", "Q?", "A.", '["passage"]', -1.0, "no"])

    digests = {write_cases(tmp_path / name, [case]) for name in ("a.jsonl", "b.jsonl")}

    assert len(digests) == 1
    assert stat.S_IMODE((tmp_path / "a.jsonl").stat().st_mode) == 0o600
