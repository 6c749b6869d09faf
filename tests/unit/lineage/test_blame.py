"""Blame: the right version in nearly every seeded regression, a wrong one hardly ever, and a poisoned document by its node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from harness.samples.builders import NOON_US, completed, one_of_each
from harness.store.lineage_store import Put
from weir.cli.blame import Counted, blamed, fisher
from weir.cli.commands_blame import nodes_by_asset, row_of, totals_of, versions_of
from weir.detectors.holm import holm
from weir.events import Context, EvaluationScored, Reference, named_id
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import Store

P_MAX = 0.01
"""Corrected p-value from which a version is named."""

ANSWERS, ASSETS, REGRESSIONS = 400, 6, 200
BASE, WORSE = 0.1, 0.35
"""Share of failed answers, and with the version that regressed."""

COUNTS = st.integers(1, 60).flatmap(
    lambda answers: st.tuples(st.integers(0, answers), st.integers(0, answers), st.just(answers))
)


@given(COUNTS, st.data())
def test_the_p_value_is_fishers(counts: tuple[int, int, int], data: st.DataObject) -> None:
    answers_with, failed, answers = counts
    failed_with = data.draw(st.integers(max(0, answers_with + failed - answers), min(answers_with, failed)))
    table = [
        [failed_with, answers_with - failed_with],
        [failed - failed_with, answers - answers_with - failed + failed_with],
    ]

    expected = fisher_exact(table, alternative="greater").pvalue
    assert fisher(failed_with, answers_with, failed, answers) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(st.lists(st.floats(0.0, 1.0), max_size=20))
def test_correction_only_raises_and_keeps_the_order(raw: list[float]) -> None:
    corrected = holm(raw)

    assert all(before <= after <= 1.0 for before, after in zip(raw, corrected, strict=True))
    order = sorted(range(len(raw)), key=lambda i: raw[i])
    assert [corrected[i] for i in order] == sorted(corrected)


def test_counts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="5 of 10 failed, of all 4 of 20"):
        blamed([Counted("prompt", "p", "1", "d", 10, 5)], 20, 4)


def named(random: np.random.Generator, regressed: int | None) -> tuple[str, str] | None:
    """The first version named among assets that each serve two versions at random; None when none is."""
    versions = random.integers(0, 2, size=(ANSWERS, ASSETS))
    bad = np.zeros(ANSWERS, dtype=bool) if regressed is None else versions[:, regressed] == 1
    failed = random.random(ANSWERS) < np.where(bad, WORSE, BASE)
    counted = [
        Counted("prompt", str(asset), str(version), "", int(mine.sum()), int(failed[mine].sum()))
        for asset in range(ASSETS)
        for version in (0, 1)
        for mine in [versions[:, asset] == version]
    ]
    first = blamed(counted, ANSWERS, int(failed.sum()))[0]
    return (first.counted.name, first.counted.version) if first.p <= P_MAX else None


@pytest.mark.capability("X4", is_check=True)
def test_the_right_version_is_named_in_nine_of_ten_seeded_regressions_and_a_wrong_one_in_fewer_than_one_of_twenty() -> (
    None
):
    random = np.random.default_rng(20)
    found = [(named(random, asset), (str(asset), "1")) for asset in random.integers(0, ASSETS, REGRESSIONS)]
    without = [named(random, None) for _ in range(REGRESSIONS)]

    assert sum(name == right for name, right in found) >= 0.9 * REGRESSIONS
    assert sum(name not in (right, None) for name, right in found) < 0.05 * REGRESSIONS
    assert sum(name is not None for name in without) < 0.05 * REGRESSIONS


@pytest.fixture
def sql(store: Store, tmp_path: Path) -> Iterator[OperatorSql]:
    sql = OperatorSql(LineageSettings(data_dir=tmp_path / "data"))
    yield sql
    sql.close()


@pytest.mark.capability("O3", is_check=True)
@pytest.mark.capability("X4")
async def test_the_query_returns_the_node_and_version_of_a_poisoned_document(sql: OperatorSql, put: Put) -> None:
    chain = {"nodes": [
        {"name": "retrieve", "kind": "retrieval", "uses": "dataset/docs@prod"},
        {"name": "compose", "kind": "extraction", "uses": "model/m@prod"},
    ]}  # fmt: skip
    [scored] = [event for event in one_of_each() if isinstance(event, EvaluationScored)]
    for number in range(60):
        digest = "sha256:first" if number < 30 else "sha256:second"
        passages = [f"good#{number % 5}", *(["poisoned"] if number >= 30 and number % 3 == 0 else [])]
        call = completed(
            number,
            request_id=named_id(NOON_US, f"request {number}"),
            references=(Reference(kind="dataset", name="docs", version="1" if number < 30 else "2", digest=digest),),
            contexts=tuple(
                Context(passage_id=one, dataset="docs", dataset_digest=digest, score=0.5, text="") for one in passages
            ),
        )
        put("inference-responses", call)
        score: dict[str, Any] = {
            "event_id": named_id(NOON_US, f"score {number}"),
            "seq": number,
            "request_id": call.request_id,
        }
        put("evaluation-scores", replace(scored, **score, route="docs-qa", passed="poisoned" not in passages))

    asked = ("docs-qa", scored.evaluator, 0)
    [(answers, failed)] = (await sql.ask(totals_of(*asked))).rows
    versions = [Counted(*row) for row in (await sql.ask(versions_of(*asked))).rows]
    first = row_of(blamed(versions, answers, failed)[0], nodes_by_asset(chain))

    assert (answers, failed) == (60, 10)
    assert (first["kind"], first["name"], first["digest"]) == ("passage", "poisoned", "sha256:second")
    assert (first["node"], first["failed_share"], first["failed_share_without"]) == ("retrieve", 1.0, 0.0)
    assert first["p"] <= P_MAX
