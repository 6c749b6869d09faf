"""The Prometheus rules speak about metrics that exist, and send whoever is called to a runbook that exists."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import promql_parser
import pytest
import yaml

from harness.docs.metric_names import declared

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUPS = yaml.safe_load((ROOT / "infra" / "prometheus" / "rules.yaml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]


@pytest.mark.capability("O16")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_names_metrics_that_exist_and_a_runbook_that_exists(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"weir_[a-z_]+", rule["expr"]))

    assert named
    assert named <= declared()
    assert promql_parser.parse(rule["expr"]) is not None
    assert (ROOT / rule["annotations"]["runbook"]).is_file()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_runbook_speaks_of_the_alert_that_sends_its_reader(rule: dict[str, Any]) -> None:
    page = (ROOT / rule["annotations"]["runbook"]).read_text()

    assert f"`{rule['alert']}`" in page
    assert any(f"`{metric}`" in page for metric in re.findall(r"weir_[a-z_]+", rule["expr"]))


def test_a_runbook_names_alerts_and_metrics_that_exist() -> None:
    alerts = {rule["alert"] for rule in RULES}
    for page in sorted((ROOT / "docs" / "runbooks").glob("*.md")):
        text = page.read_text()
        assert set(re.findall(r"`(Weir[A-Z]\w+)`", text)) <= alerts, page.name
        assert set(re.findall(r"`(weir_[a-z_]+)", text)) <= declared(), page.name


def test_a_metric_that_does_not_exist_is_found() -> None:
    assert "weir_lineage_audit_numbers" in declared()
    assert "weir_no_such_metric" not in declared()


def test_a_rule_that_prometheus_cannot_read_is_found() -> None:
    with pytest.raises(ValueError, match="vector matching only allowed between vectors"):
        promql_parser.parse("increase(a[5m]) > 0.01 * on (rule) increase(b[5m])")
