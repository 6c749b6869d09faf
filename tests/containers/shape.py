"""The steps on the production shape: the commands of the page, calls at both listeners, and the audit after each of them."""

from __future__ import annotations

import re
from typing import Any

from containers.project import Project
from containers.telling import StepFailed
from harness.store.audit_faults import faults_of
from harness.waiting import eventually

CALLS = 100
"""Calls at each listener, each time."""

CLOSED_WITHIN_S = 120.0
"""Seconds in which every answered call must be stored with all its events."""

SERVED_WITHIN_S = 30.0
"""Seconds in which the gateway must serve a route that was applied; it takes one."""

VIEWS = ("v_inference_requests", "v_inference_responses")


class Shape:
    """One life of the compose project. Each step returns what it found, and raises StepFailed or AssertionError."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._answered: list[str] = []

    def secrets(self) -> str:
        """`weir secrets init`."""
        return f"{len(self._page('weir secrets init').splitlines())} files"

    def build(self) -> str:
        """Every image of ours."""
        self._page("docker compose build")
        sizes = self._project.shell("docker images --format '{{.Repository}} {{.Size}}' | grep ^weir_ | sort")
        return ", ".join(line.removeprefix("weir_") for line in sizes.strip().splitlines())

    def up(self) -> str:
        """Everything started and healthy."""
        self._page("docker compose up")
        return "every container healthy"

    def apply(self) -> str:
        """The example registry."""
        self._page("docker compose exec -T triton")
        applied = self._page("docker compose run --rm -T -v")
        return f"{len(applied.strip().splitlines())} lines"

    def first_call(self) -> str:
        """The page's call and its audit."""

        def is_answered() -> bool:
            try:
                return "choices" in self._page("curl")
            except StepFailed:  # the gateway has not heard of the route yet
                return False

        eventually(is_answered, within_s=SERVED_WITHIN_S, what="an answer to the page's call")
        self._page("docker compose run --rm -T cli audit")
        return "answered; the audit ends with 0"

    def calls(self) -> str:
        """Calls with stock clients, and the books."""
        return self._ask(CALLS, (self._project.checkout / "secrets" / "first.key").read_text().strip())

    def new_key(self) -> str:
        """A key that is made while the gateway runs works: it sees the file that was replaced."""
        line = "WEIR_GATEWAY_KEYS_FILE=secrets/gateway/keys.json weir keys create ci --tenant acme"
        return self._ask(1, self._project.shell(f"{line} --scope infer --scope models").strip())

    def command_line(self) -> str:
        """Commands that need more than an address: each service is asked, the log is read, a replay is computed."""
        commands = (
            "asset list", "drift status", "alert list", "dlq list", "config show",
            "lineage impact dataset python-docs", "drift replay --from earliest",
        )  # fmt: skip
        for command in commands:
            self._project.weir(*command.split())
        return f"{len(commands)} commands end with 0"

    def anew(self) -> str:
        """Every container replaced by a new one; what is kept is in the volumes alone."""
        self._project.shell("docker compose up -d --force-recreate --wait")
        return self._books()

    def down(self) -> str:
        """Nothing is left."""
        self._project.shell("docker compose down -v")
        left = self._project.shell("docker ps -aq").strip()
        if left:
            raise StepFailed(f"containers are left: {left}")
        return "no container left"

    def _page(self, beginning: str) -> str:
        """Run the one line of the page that begins so."""
        (line,) = (line for line in self._project.lines() if line.startswith(beginning))
        return self._project.shell(re.sub(r"\s+# .*$", "", line))

    def _ask(self, count: int, key: str) -> str:
        self._answered += self._project.ask(count, key)
        return self._books()

    def _books(self) -> str:
        """Wait until every answered call is stored and the audit misses nothing; nothing may be there twice."""
        audit: dict[str, Any] = {}

        def is_closed() -> bool:
            if self._stored()[0] < len(self._answered):
                return False
            try:
                audit.update(self._project.weir("audit", "gaps"))
            except StepFailed:  # a number is on its way; at the end of the patience it is missing
                return False
            return True

        eventually(is_closed, within_s=CLOSED_WITHIN_S, what=f"closed books over {len(self._answered)} calls")
        stored, duplicates = self._stored()
        if wrong := faults_of(audit) + ([f"rows of calls there twice: {duplicates}"] if duplicates else []):
            raise StepFailed(f"the books do not close: {'; '.join(wrong)}")
        totals = audit["totals"]
        calls = f"{len(self._answered)} calls answered, {stored} stored, failed 0, duplicates 0"
        return f"{calls}; {totals['accepted']} numbers accepted, {totals['stored']} stored, missing {totals['missing']}"

    def _stored(self) -> tuple[int, int]:
        """Calls with all their events, and rows beyond one for each."""
        kept = [
            [str(one) for (one,) in self._project.weir("sql", f"SELECT request_id FROM {view}")["rows"]]
            for view in VIEWS
        ]
        stored = set(self._answered).intersection(*kept)
        return len(stored), sum(len(ids) - len(set(ids)) for ids in kept)
