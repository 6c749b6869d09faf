"""The Grafana boards: read whole by Grafana's own model, and about metrics, columns and runbooks that exist.

Grafana itself was not run; `tests/unit/lineage/test_grafana_queries.py` runs the queries of the board over ClickHouse.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from harness.docs.metric_names import declared

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOARDS = sorted((ROOT / "infra" / "grafana").glob("*.json"))
PANELS_MAX = 8
"""Panels of one board: a person on call looks at no more at night."""

plugins.register_default_plugins()


def read(path: pathlib.Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def unknown_to_grafana(given: object, kept: object, path: str = "board") -> Iterator[str]:
    """What Grafana's model dropped or changed of a board."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from unknown_to_grafana(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        for index, value in enumerate(given):
            yield from unknown_to_grafana(value, kept[index] if isinstance(kept, list) else None, f"{path}[{index}]")
    elif given != kept:
        yield f"{path} is {given!r}"


def kept_of(board: dict[str, Any]) -> object:
    return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))


def test_there_is_a_board_for_each_of_the_two_sources() -> None:
    assert [path.name for path in BOARDS] == ["calls-clickhouse.json", "calls-prometheus.json"]
    assert len({read(path)["uid"] for path in BOARDS}) == len(BOARDS)


@pytest.mark.capability("O16")
@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafanas_own_model_knows_all_of_a_board(path: pathlib.Path) -> None:
    board = read(path)

    assert list(unknown_to_grafana(board, kept_of(board))) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [({"schemaVersions": 39}, "board.schemaVersions"), ({"panels": [{"type": "timeseries", "tilte": "x"}]}, ".tilte")],
)
def test_a_key_that_grafana_does_not_know_is_found(change: dict[str, Any], found: str) -> None:
    board = {**read(BOARDS[0]), **change}

    (unknown,) = unknown_to_grafana(board, kept_of(board))
    assert unknown.endswith(found)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_are_few_and_beside_each_other(path: pathlib.Path) -> None:
    panels = read(path)["panels"]

    assert len(panels) <= PANELS_MAX
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(one["x"] + one["w"] <= 24 for one in places)
    assert not [(one, other) for one, other in combinations(places, 2) if _overlap(one, other)]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_panel_sends_its_reader_to_a_runbook_that_exists(path: pathlib.Path) -> None:
    named = re.findall(r"docs/runbooks/[\w-]+\.md", path.read_text())

    assert named
    assert [one for one in named if not (ROOT / one).is_file()] == []


def test_the_queries_over_prometheus_can_be_read_and_name_metrics_that_exist() -> None:
    targets = [target for panel in read(BOARDS[1])["panels"] for target in panel["targets"]]
    queries = [target["expr"].replace("$__rate_interval", "5m").replace("$route", ".*") for target in targets]

    for query in queries:
        assert promql_parser.parse(query) is not None
        assert set(re.findall(r"weir_[a-z_]+", query)) <= declared(), query


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not below
