"""The evaluator's copy of the registry: a definition that cannot be used is said aloud and stops nothing."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from harness.samples.builders import DIGEST, completed, envelope
from weir.evaluator.adapters.subjects_file import SubjectsFile
from weir.evaluator.app import Evaluation
from weir.events import RegistryChanged, canonical_json
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.span_log import Recorded
from weir.runtime.settings import SharedSettings

LENGTH = {"type": "length", "routes": ["*"], "sample_rate": 1.0, "salt": "s"}


def moved(name: str, spec: Any, version: str = "1") -> RegistryChanged:
    return RegistryChanged(
        **envelope("registry"),
        revision=1,
        change="alias_moved",
        kind="evaluator",
        name=name,
        version=version,
        digest=DIGEST,
        alias="prod",
        body_json=canonical_json(spec),
        author="me",
    )


@pytest.fixture
async def evaluation(tmp_path: pathlib.Path) -> AsyncIterator[Evaluation]:
    """An evaluation that has heard nothing from the registry; nothing is connected."""
    link = link_from(SharedSettings(data_dir=tmp_path), "evaluator")
    memory = SubjectsFile(tmp_path / "subjects.db", 10)
    yield Evaluation(link, 10, asyncio.Event(), memory, list[Recorded]().append)
    memory.close()
    await link.close()


async def test_active_and_unusable_definitions_are_counted_and_logged(evaluation: Evaluation) -> None:
    with capture_logs() as logs:
        evaluation.apply(moved("good", LENGTH))
        evaluation.apply(moved("bad", {**LENGTH, "type": "judge"}))
        evaluation.apply(completed())

    assert REGISTRY.get_sample_value("weir_evaluator_active") == 1
    assert REGISTRY.get_sample_value("weir_evaluator_unusable") == 1
    assert [(one["event"], one["log_level"]) for one in logs] == [
        ("evaluator_active", "info"),
        ("definition_unusable", "error"),
    ]
    assert "judge" in logs[1]["reason"]


async def test_a_repaired_definition_is_taken_up(evaluation: Evaluation) -> None:
    evaluation.apply(moved("x", {**LENGTH, "type": "judge"}))
    evaluation.apply(moved("x", LENGTH, version="2"))

    assert REGISTRY.get_sample_value("weir_evaluator_active") == 1
    assert REGISTRY.get_sample_value("weir_evaluator_unusable") == 0
