"""The command that makes a dataset of what users judged."""

from __future__ import annotations

import hashlib
import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from weir.cli import client
from weir.cli.moments import microseconds
from weir.cli.output import CliError, ExitCode, Json, emit
from weir.lineage.core.sql_strings import quoted

GOOD_FROM = 0.0
"""Score from which a judgement is a good one, -1 (bad) to 1 (good): the middle of the scale."""


def feedback_export(
    file: Annotated[Path, typer.Argument(help="File to write: one judged answer a line.")],
    since: Annotated[str, typer.Option(help="Judgements from then on: ISO 8601 in UTC, or an age.")] = "7d",
    tenant: Annotated[str, typer.Option(help="Only of this tenant.")] = "",
    route: Annotated[str, typer.Option(help="Only of this route.")] = "",
    json: Json = False,
) -> None:
    """Write judged answers as a dataset, and print its digest: question, passages, answer, and whether it was found good.

    The newest judgement of an answer counts. The lines are those of an evaluation dataset (`weir drift skew-reference`) and of
    anchors (docs/drift.md); they hold what users wrote, so the file is readable by its owner alone.
    """
    since_us = microseconds("--since", since)
    answer = client.sql(query_of(since_us, tenant, route))
    if answer["truncated"]:
        raise CliError(ExitCode.INVALID, f"more than {len(answer['rows'])} judged answers", "narrow --since or --route")
    digest = write_cases(file, [case_of(row) for row in answer["rows"]])
    emit(
        {"file": str(file), "items": len(answer["rows"]), "digest": digest},
        f"{len(answer['rows'])} judged answers in {file}; content digest {digest}",
        json,
    )


def query_of(since_us: int, tenant: str, route: str) -> str:
    """The statement that finds the judged answers. Empty tenant, route: any."""
    where = [f"judged.event_time_us >= {since_us}"]
    where += [f"called.{name} = {quoted(value)}" for name, value in (("tenant", tenant), ("route", route)) if value]
    return (
        "SELECT called.request_id AS id, any(called.user_text) AS question, any(called.output_text) AS answer,"
        " any(toJSONString(arrayMap(one -> one.text, called.contexts))) AS contexts,"
        " argMax(judged.score, judged.event_time_us) AS score, argMax(judged.comment, judged.event_time_us) AS comment"
        " FROM v_feedback AS judged JOIN v_inference_responses AS called ON judged.request_id = called.request_id"
        f" WHERE {' AND '.join(where)} GROUP BY called.request_id ORDER BY id"
    )


def case_of(row: list[Any]) -> dict[str, Any]:
    """A row of the statement as an item of a dataset."""
    request_id, question, answer, contexts, score, comment = row
    return {
        "id": request_id,
        "question": question,
        "contexts": json_module.loads(contexts),
        "answer": answer,
        "passed": float(score) >= GOOD_FROM,
        "score": float(score),
        "comment": comment,
    }


def write_cases(file: Path, cases: Sequence[dict[str, Any]]) -> str:
    """Write items, one a line, for their owner alone; the digest of the content."""
    text = "".join(f"{json_module.dumps(case, ensure_ascii=False)}\n" for case in cases)
    file.touch(mode=0o600)
    file.write_text(text)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
