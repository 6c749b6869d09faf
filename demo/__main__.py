"""`python -m demo [--exit]`: runs the demo.

Exit code 0 when every claim held; 4, as of `weir up`, where a stack lives in the folder already; 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from demo.settings import DemoSettings
from demo.stack import StackInTheWay
from demo.story import tell
from demo.terminal import console
from weir.cli.interrupts import interruptible
from weir.cli.output import ExitCode, say
from weir.runtime.surroundings import adopt, of_service


def main() -> int:
    """The command line."""
    adopt(of_service(os.environ))  # its stock clients ask loopback alone, which no proxy of the shell may stand before
    started_s = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m demo", description="Weir on real input, with its evidence.")
    parser.add_argument("--exit", action="store_true", help="stop the stack at the end and exit 0 if every claim held")
    options = parser.parse_args()
    try:
        # One interrupt, whichever it is, stops the stack in order; `make` sends its own after that of the terminal.
        with interruptible():
            held = tell(DemoSettings(), console(), started_s=started_s, stays=not options.exit)
    except StackInTheWay as error:
        say(f"demo: {error}")
        return ExitCode.NOT_READY
    return ExitCode.OK if held else ExitCode.UNEXPECTED


if __name__ == "__main__":
    sys.exit(main())
