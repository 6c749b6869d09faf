"""`weir bench queries`: its data is what it says, its questions find something, its figures are one document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.samples.builders import NOON_US
from weir.cli.commands_bench import bench_queries
from weir.cli.output import CliError, ExitCode
from weir.cli.query_bench import QUESTIONS, sample
from weir.cli.query_bench_data import SPANS_PER_CALL, fill
from weir.lineage.store.counters import Counters
from weir.lineage.store.store import Store

CALLS = 1_000
"""The fewest that the command takes."""


@pytest.mark.slow
def test_every_question_is_about_something_that_the_data_holds(store: Store) -> None:
    blocks: list[int] = []

    fill(store, CALLS, NOON_US, blocks.append)

    counts = "SELECT count() AS n FROM "
    for view, expected in (
        ("v_inference_responses", 1),
        ("v_spans", SPANS_PER_CALL),
        ("v_lineage", 6),
        ("v_impact", 6),
    ):
        assert store.rows(counts + view) == [{"n": CALLS * expected}], view
    assert sum(blocks) == CALLS
    counters = Counters(store)
    for call in sample(store, 3):
        for name, ask in QUESTIONS.items():
            assert ask(store, counters, call), name


@pytest.mark.slow
def test_the_figures_are_one_document_and_another_size_in_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in ("made", "found again"):
        bench_queries(CALLS, 3, tmp_path, json=True)

        document = json.loads(capsys.readouterr().out)
        assert [row["question"] for row in document["questions"]] == ["select 1", *QUESTIONS]
        assert all(row["ratio"] > 0 and row["growth"] > 0 for row in document["questions"])

    (tmp_path / f"{CALLS}-calls").rename(tmp_path / f"{2 * CALLS}-calls")
    with pytest.raises(CliError, match="holds 1000 calls, not 2000") as refused:
        bench_queries(2 * CALLS, 3, tmp_path)
    assert refused.value.code is ExitCode.INVALID
