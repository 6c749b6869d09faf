"""The audit with a spool: what its service used, what the drain has read, what the store holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weir.events.log import ProducerEpoch

RANGES_SHOWN_MAX = 100
"""Missing ranges listed per source; the count is whole. As many as the service lists (`lineage.audit.core.audit`)."""


def with_spool(
    audit: Mapping[str, Any], spool: Mapping[str, Any], used: Mapping[ProducerEpoch, int], name: str = "spool"
) -> dict[str, Any]:
    """The store's audit with the spool's numbers added to the producer epochs that are still in it.

    spool: the drain's page; name: under which it is shown. used: numbers used by the running service, by
    (source, boot epoch). A number that was used and never came to the drain is in the spool while there is a backlog;
    with an empty spool it is missing.
    """
    drained = {ProducerEpoch(epoch["source"], epoch["boot_epoch"]): int(epoch["drained"]) for epoch in spool["lives"]}
    sources = [dict(source) for source in audit["sources"]]
    known = {ProducerEpoch(source["source"], source["boot_epoch"]): source for source in sources}
    for key in {*drained, *used} - known.keys():
        known[key] = _blank(key)
        sources.append(known[key])
    for source in sources:
        source.setdefault("in_spool", 0)
    for key, count in used.items():
        _add(known[key], drained.get(key, 0), count, has_backlog=spool["backlog_bytes"] != 0)
    return {**audit, "sources": sources, "totals": _totals(audit["totals"], sources), name: spool}


def _add(source: dict[str, Any], drained: int, used: int, *, has_backlog: bool) -> None:
    waiting = used - max(drained, int(source["next_number"]))
    if waiting <= 0:
        return
    first = used - waiting
    source["accepted"] += waiting
    if has_backlog:
        source["in_spool"] = waiting
        return
    source["missing"] += waiting
    source["missing_ranges"] = [*source["missing_ranges"], (first, used - 1)][:RANGES_SHOWN_MAX]


def _blank(epoch: ProducerEpoch) -> dict[str, Any]:
    counts = dict.fromkeys(
        (
            "accepted", "next_number", "stored", "superseded", "dead_lettered", "shed", "corrupt", "late", "missing",
            "duplicates_visible",
        ), 0,
    )  # fmt: skip
    return {"source": epoch.source, "boot_epoch": epoch.boot_epoch, **counts, "missing_ranges": []}


def _totals(totals: Mapping[str, int], sources: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    added = {name: sum(int(source[name]) for source in sources) for name in ("accepted", "in_spool", "missing")}
    return {**totals, **added}
