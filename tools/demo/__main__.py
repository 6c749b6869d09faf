"""`python -m tools.demo [--exit]`: runs the demo. Exit code 0 when every claim held, 1 otherwise."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from tools.demo.settings import DemoSettings
from tools.demo.story import tell
from tools.demo.terminal import console

from weir.runtime.surroundings import adopt, of_service


def main() -> int:
    """The command line."""
    adopt(of_service(os.environ))  # its stock clients ask loopback alone, which no proxy of the shell may stand before
    started_s = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the stack is stopped in order either way
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description="Weir on real input, with its evidence.")
    parser.add_argument("--exit", action="store_true", help="stop the stack at the end and exit 0 if every claim held")
    options = parser.parse_args()
    return 0 if tell(DemoSettings(), console(), started_s=started_s, stays=not options.exit) else 1


if __name__ == "__main__":
    sys.exit(main())
