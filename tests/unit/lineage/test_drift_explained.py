"""What explains a drift signal can be asked for, and what was written before those columns is stored as well."""

from __future__ import annotations

import io
import json
import pathlib
import re
from collections.abc import Callable
from dataclasses import replace

import fastavro
import pytest

from harness.samples.builders import NOON_US, REQUEST_ID, one_of_each
from weir.events import SCHEMA_JSON, DriftSignalled, EvaluationScored, encode_body, named_id
from weir.lineage.read.core.sql_gate import checked
from weir.lineage.sink.core.container import container
from weir.lineage.store.store import Store

Put = Callable[..., None]
QUERIES = re.findall(
    r"```sql\n(.*?)```",
    (pathlib.Path(__file__).resolve().parents[3] / "docs" / "drift-howto.md").read_text(),
    re.DOTALL,
)
"""The queries that the page gives to users."""


def signal(number: int = 0, **fields: object) -> DriftSignalled:
    plain = next(one for one in one_of_each() if isinstance(one, DriftSignalled))
    return replace(plain, event_id=named_id(NOON_US, f"signal {number}"), seq=number, **fields)  # type: ignore[arg-type]  # by name


def score(number: int, request_id: str, value: float) -> EvaluationScored:
    plain = next(one for one in one_of_each() if isinstance(one, EvaluationScored))
    event_id = named_id(NOON_US, f"score {number}")
    return replace(plain, event_id=event_id, seq=number, request_id=request_id, score=value)


def test_evidence_is_summed_by_version_over_alarms(store: Store, put: Put) -> None:
    put("drift-signals", signal(1), signal(2), signal(3, state="cleared"))

    rows = store.rows(checked(next(query for query in QUERIES if "v_drift_blame" in query)).text)

    assert [(row["kind"], row["version"], row["nats"], row["calls"]) for row in rows] == [("prompt", "3", 23.0, 24)]


@pytest.mark.capability("O5")
def test_scores_of_the_affected_calls_are_set_beside_the_others(store: Store, put: Put) -> None:
    window = {"since_time_us": NOON_US - 1, "affected_request_ids": (REQUEST_ID,)}
    put("drift-signals", signal(1, state="skewed", detector="skew", **window))
    other = named_id(NOON_US, "another request")
    put("evaluation-scores", score(1, REQUEST_ID, 0.25), score(2, other, 0.75), score(3, other, 1.0))

    [row] = store.rows(checked(next(query for query in QUERIES if "skewed" in query)).text)

    assert (row["affected"], row["affected_score"], row["others"], row["others_score"]) == (1, 0.25, 2, 0.875)


def test_a_signal_written_before_these_columns_is_stored_with_their_defaults(store: Store) -> None:
    schema = json.loads(SCHEMA_JSON["DriftSignalled"])
    names = [field["name"] for field in schema["fields"]]
    schema["fields"] = schema["fields"][: names.index("guarantee")]
    older = written_by(schema, signal(1))
    assert encode_body(signal(1)).startswith(older)

    store.insert_container("drift_signals", container(json.dumps(schema), [older]), "older")

    [row] = store.rows("SELECT state, blame, clusters, skew_p_mmd, author FROM v_drift_signals")
    assert (row["state"], row["blame"], row["clusters"], row["skew_p_mmd"], row["author"]) == ("fired", [], [], 1.0, "")


def written_by(schema: dict[str, object], event: DriftSignalled) -> bytes:
    target = io.BytesIO()
    fastavro.schemaless_writer(target, fastavro.parse_schema(schema), event.as_record())
    return target.getvalue()
