"""The HTTP API of alerts: what is the case, what was sent, and sending it again.

Every route demands the token. Lists are `{"items": [...], "truncated": bool}`, newest first, at most ROWS_MAX rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from weir.alerts.adapters import deliveries
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.app import Alerts
from weir.alerts.core.state import Alert, Phase
from weir.alerts.metrics import RECEIVERS_OFF
from weir.alerts.rulebook import Rulebook
from weir.runtime.clock import now_us
from weir.runtime.http import problem

ROWS_MAX = 1_000
"""Rows of one listing. Chosen."""


class AlertsApi:
    """Handlers of /v1."""

    def __init__(
        self,
        alerts: Alerts,
        rulebook: Rulebook,
        database: Database,
        receivers: Mapping[str, Receiver],
        on_queued: Callable[[], None],
    ) -> None:
        """on_queued: called when a delivery waits again."""
        self._alerts = alerts
        self._rulebook = rulebook
        self._database = database
        self._receivers = receivers
        self._on_queued = on_queued

    def routes(self) -> list[BaseRoute]:
        """The routes of /v1."""
        return [
            Route("/v1/alerts", self.alerts),
            Route("/v1/rules", self.rules),
            Route("/v1/deliveries", self.deliveries),
            Route("/v1/deliveries/{id}", self.delivery),
            Route("/v1/deliveries/{id}/resend", self.resend, methods=["POST"]),
            Route("/v1/receivers", self.receivers),
            Route("/v1/receivers/{name}/enable", self.enable, methods=["POST"]),
        ]

    async def alerts(self, request: Request) -> Response:
        """Alerts, of one phase or all."""
        phases = [phase.value for phase in Phase]
        state = request.query_params.get("state", "")
        if state and state not in phases:
            return problem(422, "bad request", f"state is {state!r}; expected one of: {', '.join(phases)}")
        return _listed([_alert(one) for one in self._alerts.alerts if state in ("", one.phase.value)])

    async def rules(self, _: Request) -> Response:
        """The rules in force."""
        return _listed([asdict(rule) for rule in self._rulebook.rules.values()])

    async def deliveries(self, request: Request) -> Response:
        """Deliveries, of one state or all."""
        state = request.query_params.get("state", "")
        if state and state not in deliveries.STATES:
            return problem(422, "bad request", f"state is {state!r}; expected one of: {', '.join(deliveries.STATES)}")
        return _listed([asdict(one) for one in deliveries.listed(self._database.connection, state, ROWS_MAX + 1)])

    async def delivery(self, request: Request) -> Response:
        """One delivery with the log of its attempts and its body."""
        name = request.path_params["id"]
        found = deliveries.find(self._database.connection, name)
        if found is None:
            return _unknown_delivery(name)
        log = [asdict(one) for one in deliveries.attempts_of(self._database.connection, name)]
        return JSONResponse({**asdict(found[0]), "attempt_log": log, "body": found[1].decode()})

    async def resend(self, request: Request) -> Response:
        """Queue a finished delivery again, under its webhook-id."""
        name = request.path_params["id"]
        found = deliveries.find(self._database.connection, name)
        if found is None:
            return _unknown_delivery(name)
        if found[0].receiver not in self._receivers:
            detail = (
                f"receiver {found[0].receiver!r} is not in the receivers file; receivers: {_names(self._receivers)}"
            )
            return problem(409, "no such receiver", detail, "add it to WEIR_ALERTS_RECEIVERS_FILE and restart alerts")
        if found[0].receiver in deliveries.switched_off(self._database.connection):
            hint = f"POST /v1/receivers/{found[0].receiver}/enable"
            return problem(409, "receiver switched off", f"receiver {found[0].receiver!r} answered 410", hint)
        with self._database.transaction() as connection:
            is_queued = deliveries.resend(connection, name, now_us())
        self._on_queued()
        return JSONResponse({"id": name, "queued": is_queued}, status_code=202)

    async def receivers(self, _: Request) -> Response:
        """The receivers, without their paths and secrets."""
        off = deliveries.switched_off(self._database.connection)
        return _listed(
            [
                {
                    "name": one.name,
                    "host": one.target.host,
                    "allow_private": one.allow_private,
                    "off_since_us": off.get(one.name, 0),
                    "waiting": deliveries.waiting_count(self._database.connection, one.name),
                }
                for one in self._receivers.values()
            ]
        )

    async def enable(self, request: Request) -> Response:
        """Send again to a receiver that was switched off."""
        name = request.path_params["name"]
        if name not in self._receivers:
            return problem(404, "not found", f"no receiver {name!r}; receivers: {_names(self._receivers)}")
        with self._database.transaction() as connection:
            was_off = deliveries.switch_on(connection, name)
        RECEIVERS_OFF.set(len(deliveries.switched_off(self._database.connection)))
        return JSONResponse({"name": name, "was_off": was_off})


def _alert(alert: Alert) -> dict[str, Any]:
    shown = asdict(alert)
    state, _ = shown.pop("phase"), shown.pop("window")
    return {"state": state, **shown, "window_events": len(alert.window)}


def _listed(rows: Sequence[Any]) -> Response:
    return JSONResponse({"items": list(rows[:ROWS_MAX]), "truncated": len(rows) > ROWS_MAX})


def _names(receivers: Mapping[str, Receiver]) -> str:
    return ", ".join(sorted(receivers)) or "none"


def _unknown_delivery(name: str) -> Response:
    return problem(404, "not found", f"no delivery {name!r}", "list them with GET /v1/deliveries")
