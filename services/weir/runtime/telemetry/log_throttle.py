"""Log throttle: of one library message that comes again and again, the first few a window are written, the rest counted.

Why: aiokafka reconnects without a pause while its broker is away and says so in two lines each time, hundreds of times a
second (measured: 20,000 lines in 35 s from one service). What else a process has to say drowns in that, and so does a
disk where nobody rotates the log.

How: a message is its logger and its unformatted text, so "node 1" and "node 2" are alike. A window begins with the first
such line after the last one ended; the first line of the next window says how many were left out. Lines that are left out
are counted in `weir_log_lines_dropped_total`. Our own events do not pass here: they go through structlog.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from weir.runtime.telemetry.metrics import LOG_LINES_DROPPED

WINDOW_S = 10.0
"""Seconds of a window (chosen: somebody who follows the log sees that it goes on)."""

LINES_A_WINDOW = 5
"""Lines of one message that a window may write (chosen: enough to see what varies in them)."""

MESSAGES_MAX = 256
"""Messages remembered. When another comes, the one not seen for longest is forgotten: it would begin anew."""

Message = tuple[str, str]
"""Name of the logger, unformatted text."""


@dataclass(frozen=True, slots=True)
class Window:
    """`lines` so far since `began_s`, written or not."""

    began_s: float
    lines: int = 0

    @property
    def dropped(self) -> int:
        """How many of the lines were not written."""
        return max(0, self.lines - LINES_A_WINDOW)


def count_line(window: Window | None, now_s: float) -> tuple[Window, int]:
    """The window after a line at `now_s`, and how many lines the window that this one follows has left out."""
    if window is None or not 0.0 <= now_s - window.began_s < WINDOW_S:
        return Window(now_s, 1), window.dropped if window else 0
    return Window(window.began_s, window.lines + 1), 0


class LogThrottle(logging.Filter):
    """For a handler: passes a record unless its message has had its lines; time is the record's own."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[Message, Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write `record`; one that ends a silence says of how many lines."""
        message = record.name, str(record.msg)
        window, left_out = count_line(self._windows.pop(message, None), record.created)
        if len(self._windows) >= MESSAGES_MAX:
            del self._windows[next(iter(self._windows))]  # in order of their last line, since each is put in anew
        self._windows[message] = window
        if left_out:
            record.msg = f"{record.msg} ({left_out} lines like this were left out before)"
        if window.dropped:
            LOG_LINES_DROPPED.labels(record.name).inc()
        return not window.dropped
