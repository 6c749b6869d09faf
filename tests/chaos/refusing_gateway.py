"""`python -m chaos.refusing_gateway`: the gateway on a disk that refuses to sync while a file says so.

A real disk cannot be made to fail at a given moment without a kernel of its own; the process's own system call can.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weir.gateway import __main__ as gateway
from weir.runtime.process import run

REFUSES = "WEIR_CHAOS_REFUSES_FILE"
"""Environment variable with the path of the file: while it exists, every sync fails."""


def refuse_while(flag: Path) -> None:
    """From now on fsync and fdatasync raise EIO while `flag` exists."""

    def refusing(real: Callable[[Any], None]) -> Callable[[Any], None]:
        def sync(file: Any) -> None:
            if flag.exists():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(file)

        return sync

    for name in ("fsync", "fdatasync"):
        setattr(os, name, refusing(getattr(os, name)))


if __name__ == "__main__":
    refuse_while(Path(os.environ[REFUSES]))
    run(gateway.main)
