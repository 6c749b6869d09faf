"""The trace contexts that were seen last, so that what many calls caused can name the calls."""

from __future__ import annotations

from collections import OrderedDict

from prometheus_client import Gauge

from weir.events.trace_context import TraceContext, read_trace

REMEMBERED = Gauge("weir_traces_remembered", "Trace contexts kept, for spans that many calls caused.")
"""At WEIR_TRACES_REMEMBERED_MAX the oldest leave: spans then link to the newer of their calls only."""


class RecentTraces:
    """A bounded memory of contexts by the id of a call or event; the oldest leaves first. In memory alone: a start forgets."""

    def __init__(self, entries_max: int) -> None:
        """entries_max: contexts remembered, about 300 bytes each; at least 1."""
        self._entries_max = entries_max
        self._texts: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def note(self, name: str, traceparent: str, tracestate: str = "") -> None:
        """Remember what is said about a call or event; it is read when it is asked for."""
        if name and traceparent:
            self._texts[name] = traceparent, tracestate
            while len(self._texts) > self._entries_max:
                self._texts.popitem(last=False)

    def of(self, name: str) -> TraceContext | None:
        """The context under a name; None for one that is not remembered, or not valid."""
        return read_trace(*self._texts.get(name, ("", "")))

    def measure(self) -> None:
        """Say in the metrics how many there are."""
        REMEMBERED.set(len(self._texts))
