"""The names of the metrics that the code declares."""

from __future__ import annotations

import re

from harness.docs.pages import ROOT

KINDS = re.compile(r'(?:Counter|Gauge|Histogram)\(\s*"(weir_[a-z_]+)"')


def declared() -> set[str]:
    """Metrics of the code, with the names that a histogram's parts have."""
    names: set[str] = set()
    for path in (ROOT / "services" / "weir").rglob("*.py"):
        names.update(KINDS.findall(path.read_text()))
    return names | {f"{name}{part}" for name in names for part in ("_bucket", "_count", "_sum")}
