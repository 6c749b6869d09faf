"""Labels: what makes two alerts the same one, and which alerts share a notification.

The fingerprint is Alertmanager's: FNV-1a, 64 bits, over the sorted labels, so that both systems name an alert alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from weir.alerts.core.rule import Rule, word
from weir.assets.rule import IDENTITY

FNV_OFFSET = 14_695_981_039_346_656_037
FNV_PRIME = 1_099_511_628_211
"""Constants of FNV-1a with 64 bits, specified."""

SEPARATOR = b"\xff"
"""Byte after each name and value, specified by Prometheus."""

BY_PART = frozenset({"quality"})
"""Detectors whose parts are series of their own (an evaluator, a way in which calls end); the parts of others share an
alarm, and `part` is then no label."""


def identity_of(source: str, record: Mapping[str, object]) -> dict[str, str]:
    """The identifying fields of an event of `source`."""
    is_by_part = record.get("detector") in BY_PART
    return {name: word(record[name]) for name in IDENTITY[source] if name != "part" or is_by_part}


def labels_of(rule: Rule, identity: Mapping[str, str]) -> dict[str, str]:
    """The labels of a rule's alert over one series. A label of the rule does not replace one of these."""
    return {**rule.labels, **identity, "alertname": rule.name, "severity": rule.severity}


def fingerprint(labels: Mapping[str, str]) -> str:
    """Hash of a label set, 16 hex digits; the order of the labels means nothing."""
    state = FNV_OFFSET
    for name in sorted(labels):
        for byte in name.encode() + SEPARATOR + labels[name].encode() + SEPARATOR:
            state = ((state ^ byte) * FNV_PRIME) % (1 << 64)
    return f"{state:016x}"


def group_labels(rule: Rule, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels by which a rule's alerts share a notification; a label that is missing is empty."""
    return {"alertname": rule.name, **{name: labels.get(name, "") for name in rule.group_by}}


def group_key(labels: Mapping[str, str]) -> str:
    """Key of a notification group, as Alertmanager writes it."""
    inner = ", ".join(f"{name}={json.dumps(labels[name], ensure_ascii=False)}" for name in sorted(labels))
    return "{}:{" + inner + "}"
