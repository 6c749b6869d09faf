"""Interrupts: Ctrl-C, SIGTERM and a closed terminal end a command in one way, which lets it put things in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it the first of the signals raises KeyboardInterrupt; later ones are ignored, so that the end is orderly."""
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def interrupt(_: int, __: FrameType | None) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:  # nohup weir up: the caller wants to outlive its terminal
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
