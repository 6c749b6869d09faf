"""The demo's claims: all hold over good evidence, and each fails when its own key is bad or was never measured."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from demo.claims import claims_of
from demo.evidence import Evidence, write

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "evidence.md"

GOOD = Evidence(
    accepted=10,
    stored=10,
    lost=0,
    duplicates_visible=0,
    dead_lettered=0,
    sequence_numbers_missing=0,
    refused_calls=0,
    stack_ready_seconds=20.0,
    trace_queryable_seconds=0.5,
    demo_seconds=200.0,
    drift_fired_after_events=12,
    false_alarms_before_shift=0,
    webhook_signature_verified=True,
    generation_asked=4,
    generation_answered=4,
    generation_releases_shared=0,
    corpus_digest="sha256:a",
    lineage_corpus_digest="sha256:a",
    pss_mib=3_000.0,
)

BAD = {
    "stored": 9,
    "lost": 1,
    "duplicates_visible": 1,
    "dead_lettered": 1,
    "sequence_numbers_missing": 1,
    "refused_calls": 1,
    "stack_ready_seconds": 61.0,
    "trace_queryable_seconds": 2.1,
    "demo_seconds": 361.0,
    "drift_fired_after_events": 51,
    "false_alarms_before_shift": 1,
    "webhook_signature_verified": False,
    "generation_answered": 3,
    "generation_releases_shared": 1,
    "lineage_corpus_digest": "sha256:b",
    "pss_mib": 4_097.0,
}


def test_every_claim_holds_over_good_evidence() -> None:
    assert [claim.sentence for claim in claims_of(GOOD) if not claim.held] == []


@pytest.mark.parametrize(("key", "value"), BAD.items())
def test_one_bad_value_fails_exactly_one_claim(key: str, value: object) -> None:
    assert sum(not claim.held for claim in claims_of(replace(GOOD, **{key: value}))) == 1  # type: ignore[arg-type]  # the key decides the type


@pytest.mark.parametrize("key", BAD)
def test_what_was_not_measured_fails(key: str) -> None:
    judged = claims_of(replace(GOOD, **{key: None}))
    assert [claim.shown for claim in judged if not claim.held][0].startswith("not measured")


def test_empty_evidence_holds_no_claim() -> None:
    assert not any(claim.held for claim in claims_of(Evidence()))


def test_every_key_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(documented) == sorted(field.name for field in fields(Evidence))


def test_the_file_is_flat_and_complete(tmp_path: Path) -> None:
    write(GOOD, tmp_path / "demo" / "evidence.json")
    read = json.loads((tmp_path / "demo" / "evidence.json").read_text(encoding="utf-8"))
    assert read == asdict(GOOD)
    assert not any(isinstance(value, dict | list) for value in read.values())
