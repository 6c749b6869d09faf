"""The one place that reads the clock; cores get time as an argument."""

from __future__ import annotations

import time


def now_us() -> int:
    """Wall-clock time, microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


def monotonic_s() -> float:
    """Monotonic time in seconds, for durations and timeouts; unaffected by clock jumps."""
    return time.monotonic()


def cpu_s() -> float:
    """CPU time that this process has used, seconds."""
    return time.process_time()
