"""`docker` as docs/containers.md types it, for an engine whose compose is the older program: `docker compose` and `up --wait`.

Put on the search path as `docker` by `project.py`; everything else goes to the real program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence

HEALTHY_WITHIN_S = 240.0
"""Seconds in which every container must say that it can work."""

LOOK_S = 1.0


def main(words: Sequence[str]) -> int:
    """Run one command. Returns its exit code."""
    if words[:1] != ["compose"]:
        return subprocess.call([os.environ["STANDIN_DOCKER"], *words])
    command, waits = [word for word in words[1:] if word != "--wait"], "--wait" in words
    own = {**os.environ, "PYTHONPATH": os.environ["STANDIN_COMPOSE_PATH"]}  # its packages, which are no one else's
    code = subprocess.call([os.environ["STANDIN_COMPOSE"], *command], env=own)
    return code or (until_healthy() if waits else 0)


def until_healthy() -> int:
    """Wait until every container is healthy or, where it is to end, has ended well. Returns 1, with the reason, if not."""
    deadline_s = time.monotonic() + HEALTHY_WITHIN_S
    while True:
        states = {name: state for name, state in _states() if state not in ("healthy", "exited 0")}
        if not states:
            return 0
        failed = [f"{name} {state}" for name, state in states.items() if state.startswith("exited")]
        if failed or time.monotonic() > deadline_s:
            print(f"not healthy: {failed or states}", file=sys.stderr)
            return 1
        time.sleep(LOOK_S)


def _states() -> list[tuple[str, str]]:
    docker = os.environ["STANDIN_DOCKER"]
    asked = [docker, "ps", "-aq", "--filter", f"label=com.docker.compose.project={os.environ['COMPOSE_PROJECT_NAME']}"]
    ids = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    inspected = subprocess.run([docker, "inspect", *ids], capture_output=True, text=True, check=True).stdout
    return [(one["Name"].lstrip("/"), _state(one["State"])) for one in json.loads(inspected)]


def _state(state: dict[str, object]) -> str:
    if state["Status"] == "exited":
        return f"exited {state['ExitCode']}"
    health = state.get("Health")
    return str(health["Status"]) if isinstance(health, dict) else str(state["Status"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
