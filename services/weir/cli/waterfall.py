"""A trace as a waterfall in the terminal: one line a span, indented under its parent, with a bar for its time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weir.runtime.telemetry.span_words import links_of

BAR_CHARS = 40
"""Width of the bars. Chosen: fits 100 columns with the names."""

NAME_CHARS = 36
"""Width of the names: with the bars they fit 100 columns."""

SPANS_SHOWN_MAX = 500
"""Spans drawn at most; the rest is counted. Arbitrary: ten screens; nobody reads more."""


def waterfall(trace: Mapping[str, Any]) -> str:
    """Lines of a trace as lineage gives it: {"trace_id", "spans": [...]}.

    Time and bars are those of the first root. What began after its end, as drift and evaluation do, says how long after.
    """
    spans: Sequence[Mapping[str, Any]] = trace["spans"]
    if not spans:
        return f"trace {trace['trace_id']}: no spans"
    ordered = list(_ordered(spans))
    start, end = int(ordered[0][0]["start_time_us"]), int(ordered[0][0]["end_time_us"])
    head = f"trace {trace['trace_id']}  {(end - start) / 1_000:.1f} ms  {len(spans)} spans"
    lines = [_line(span, depth, start, max(1, end - start)) for span, depth in ordered]
    more = [f"... and {len(lines) - SPANS_SHOWN_MAX} more spans"] if len(lines) > SPANS_SHOWN_MAX else []
    return "\n".join([head, *lines[:SPANS_SHOWN_MAX], *more, *_links(trace)])


def _ordered(spans: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Spans with their depth, parents before children, by start; spans of unknown parents are roots."""
    known = {str(span["span_id"]) for span in spans}
    children: dict[str, list[Mapping[str, Any]]] = {}
    for span in sorted(spans, key=lambda item: (int(item["start_time_us"]), -int(item["end_time_us"]))):
        parent = str(span["parent_span_id"])
        children.setdefault(parent if parent in known and parent != span["span_id"] else "", []).append(span)
    waiting = [(span, 0) for span in reversed(children.get("", []))]
    while waiting:
        span, depth = waiting.pop()
        yield span, depth
        waiting += [(child, depth + 1) for child in reversed(children.get(str(span["span_id"]), []))]


def _links(trace: Mapping[str, Any]) -> list[str]:
    """The other traces that spans of this one name, so that they can be shown too."""
    named = [
        f"{span['name']} links to trace {link.trace_id}"
        for span in trace["spans"]
        for link in links_of(span["attributes"])
        if link.trace_id != trace["trace_id"]
    ]
    return list(dict.fromkeys(named))


def _line(span: Mapping[str, Any], depth: int, start_us: int, total_us: int) -> str:
    begins, ends = int(span["start_time_us"]) - start_us, int(span["end_time_us"]) - start_us
    name = f"{'  ' * depth}{span['name']}"[:NAME_CHARS]
    mark = "!" if span["status"] == "error" else " "
    bar = _after(begins - total_us) if begins > total_us else _bar(begins, ends, total_us)
    return f"{name:{NAME_CHARS}}{mark}|{bar}| {(ends - begins) / 1_000:9.2f} ms  {span['service']}"


def _bar(begins_us: int, ends_us: int, total_us: int) -> str:
    left = min(BAR_CHARS - 1, max(0, begins_us) * BAR_CHARS // total_us)
    width = max(1, min(BAR_CHARS - left, round((ends_us - begins_us) * BAR_CHARS / total_us)))
    return (" " * left + "█" * width).ljust(BAR_CHARS)


def _after(late_us: int) -> str:
    return f"{late_us / 1_000_000:,.3f} s later".rjust(BAR_CHARS)
