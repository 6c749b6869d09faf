"""One process's wall clock jumps while it works: time only orders pages, numbers order events."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import replace
from pathlib import Path

from chaos.guests import second_gateway
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack

JUMPS = ("+3600s", "-600s", "+0s")
"""An hour ahead, ten minutes back, and right again. Specified."""


def jumped(stack: RunningStack) -> Row:
    """The clocks of a gateway and its drain jump together, by libfaketime; their monotonic clocks go on."""
    with second_gateway(stack, "clock") as gateway:
        rate = gateway.gateway.log.with_name("faketime")
        rate.write_text("+0s")
        faked = _faked(rate)
        for process in (gateway.drain, gateway.gateway):
            process.kill()
            process.start(**faked)
        gateway.drain.until_ready()
        gateway.gateway.until_ready()
        with calling(lambda: gateway.grpc_address) as calls:
            for jump in JUMPS:
                calls.more(30)
                rate.write_text(jump)
            calls.more(30)
        row = row_of_calls(stack, "clock jumps +1 h, -10 min", len(JUMPS), calls.acknowledged)
        return replace(row, problem=f"{calls.refused} calls failed" if calls.refused else "")


def behind(stack: RunningStack) -> Row:
    """A gateway whose clock was an hour ahead dies; the next one, on the same spool, has the right time.

    By the clock its live segment would look older than what the dead one left, and closed.
    """
    with second_gateway(stack, "clock-behind") as gateway:
        ahead = gateway.gateway.log.with_name("faketime")
        ahead.write_text("+3600s")
        gateway.gateway.kill()
        gateway.gateway.start(**_faked(ahead))
        gateway.gateway.until_ready()
        with calling(lambda: gateway.grpc_address) as calls:
            calls.more(20)
            gateway.gateway.kill()
            gateway.gateway.start()
            gateway.gateway.until_ready()
            calls.more(80)
        return row_of_calls(stack, "clock behind that of the process before", 1, calls.acknowledged)


def _faked(rate: Path) -> dict[str, str]:
    """Variables of a process whose wall clock is off by what the file says; its monotonic clock goes on."""
    return {
        "LD_PRELOAD": str(faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(rate),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def faketime() -> Path:
    """The library of Debian's libfaketime; `make setup-tests` installs it. Raises FileNotFoundError."""
    folders = [Path("/usr/lib") / str(sysconfig.get_config_var("MULTIARCH")) / "faketime"]
    folders += [Path(shutil.which("faketime") or "/").parents[1] / "lib" / "faketime"]
    for folder in folders:
        if (folder / "libfaketime.so.1").exists():
            return folder / "libfaketime.so.1"
    raise FileNotFoundError(f"libfaketime.so.1 is not in {folders[0]}; run: make setup-tests (or apt install faketime)")
