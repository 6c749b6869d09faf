"""Fatal signals: they end this process, as they would without the engine in it, and the supervisor starts it again.

The embedded engine brings handlers of its own. They hold the thread that failed for ever, mark the engine as shutting
down (every statement then answers code 236), and leave the process alive: not dead enough to be started again, and no
longer able to store anything. Seen with an assertion of librdkafka that failed while a fenced consumer was closed.
"""

from __future__ import annotations

import faulthandler
import signal

FATAL = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def end_the_process() -> None:
    """Give fatal signals back their own meaning, with a traceback of every thread on standard error before the end.

    Call it in the main thread, after the engine was opened: opening it is what takes the signals.
    """
    for number in FATAL:
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable()
