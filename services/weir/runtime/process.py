"""Running a service: signals set one stop event, the first task that ends takes the others with it.

`run(main)` is what a service's `__main__` calls. A clean stop exits 0; a bad setting exits 6 with one line; a crash
exits 1 with its traceback, and the supervisor starts the process again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn

import uvloop

from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings
from weir.runtime.surroundings import UMASK, adopt, of_service
from weir.runtime.telemetry import otlp
from weir.runtime.telemetry.logs import configure_logs

YOUNG_OBJECTS = 5_000
"""Objects that are made before the collector looks among them for cycles. With Python's own 700 a tenth of the drain's time went
there, measured; from 2,000 to 10,000 there was no difference. A look at so many takes a fraction of a millisecond."""

EXIT_BAD_SETTING = 6
"""Exit code for validation errors, as documented for the command line."""


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `main(stop)` until it returns; SIGTERM and SIGINT set `stop`. Exits the process."""
    os.umask(UMASK)
    adopt(of_service(os.environ))
    spare_collector()
    try:
        uvloop.run(_with_signals(main))
    except BadSetting as error:
        print(f"weir: {error}", file=sys.stderr)  # noqa: T201  # the one line a person sees when a start is refused
        sys.exit(EXIT_BAD_SETTING)
    finally:
        otlp.stop()
    sys.exit(0)


def spare_collector() -> None:
    """Look for cycles less often, and no more in what is loaded by now and lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def begin(service: str, settings: SharedSettings) -> None:
    """Set up logs and the export of telemetry; the first that a service does. Raises BadSetting for what cannot be exported."""
    configure_logs(service, settings.log_level)
    otlp.start(service, settings.instance)


async def together(stop: asyncio.Event, *parts: Awaitable[None]) -> None:
    """Run the parts of a service side by side; when one ends or fails, stop the others and raise its error."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
    await asyncio.gather(*tasks)


def end_at_once(code: int) -> NoReturn:
    """End the process without its threads: one hangs in a library, and the interpreter would wait for it. As safe as a crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def _with_signals(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)
