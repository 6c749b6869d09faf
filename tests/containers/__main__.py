"""`python -m containers` (make container-test): from an empty engine to closed books, and the same after every container anew.

Exit code 0 only when all of it held. About ten minutes on two cores and 7 GB of disk, given back at the end.
"""

from __future__ import annotations

import signal
import sys

from containers.engine import Engine
from containers.images import make_base, make_wheels, packages_served
from containers.project import Project
from containers.shape import Shape
from containers.telling import StepFailed, Teller
from weir.cli.stack.layout import repository

FOLDER = repository() / ".weir" / "containers"
STEPS = 16


def main() -> int:
    """Run every step. Returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, what it started is stopped
    teller = Teller(STEPS, FOLDER / "log.txt")
    engine = Engine(FOLDER, teller)
    project = Project(engine, FOLDER, teller)
    shape = Shape(project)
    try:
        teller.step("programs of the engine", engine.fetch)
        teller.step("copy of the checkout", project.copy)
        teller.step("wheels at the locked versions", lambda: make_wheels(project.checkout, FOLDER / "wheels", teller))
        teller.step("engine", engine.start)
        teller.step("base image", lambda: make_base(engine, FOLDER, teller))
        teller.step("secrets, as the page says", shape.secrets)
        with packages_served(engine, FOLDER / "wheels"):
            teller.step("images, as the page says", shape.build)
        teller.step("up, as the page says", shape.up)
        teller.step("weir apply, as the page says", shape.apply)
        teller.step("a call with curl and an audit, as the page says", shape.first_call)
        teller.step("calls at both listeners, and the audit", shape.calls)
        teller.step("a new key, read by the running gateway", shape.new_key)
        teller.step("the command line in its container", shape.command_line)
        teller.step("every container made anew: the books", shape.anew)
        teller.step("calls after that, and the audit", shape.calls)
        teller.step("down", shape.down)
    except (StepFailed, AssertionError) as error:
        print(f"{project.last_words()}\nNOT HELD: {error}", file=sys.stderr)
        return 1
    finally:
        engine.stop()
    print("the production shape held", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
