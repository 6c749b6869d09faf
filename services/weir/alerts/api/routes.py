"""The HTTP API of alerts: what is the case, what was sent, sending it again, silences, and tests.

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
from weir.alerts.adapters.metrics import RECEIVERS_OFF
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.adapters.silences import log_of as silence_log_of
from weir.alerts.adapters.silences import silence_record
from weir.alerts.api.body import author_of, object_of, silence_of, tested_of
from weir.alerts.app.app import Alerts, TooManySilences
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.core.calls.reading import Reading
from weir.alerts.core.calls.series import Series, condition_of
from weir.alerts.core.grouping import Notification
from weir.alerts.core.matcher import all_match
from weir.alerts.core.rule import Rule
from weir.alerts.core.silence import Silence
from weir.alerts.core.state import ACTIVE, Alert, Phase
from weir.alerts.core.trial import trial_of_receiver, trial_of_rule
from weir.assets.call_condition import SOURCE
from weir.runtime.clock import now_us
from weir.runtime.http.json_body import BadBody
from weir.runtime.http.server import problem
from weir.runtime.identity import new_id

ROWS_MAX = 1_000
"""Rows of one listing. Arbitrary: as many as lineage lists; any value from 50 to 10,000 would do."""


ADD_RECEIVER = "add it to the receivers file (WEIR_ALERTS_RECEIVERS_FILE) with its url, then: weir restart alerts"
"""What to do where a receiver is not in the file."""


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
            Route("/v1/readings", self.readings),
            Route("/v1/deliveries", self.deliveries),
            Route("/v1/deliveries/{id}", self.delivery),
            Route("/v1/deliveries/{id}/resend", self.resend, methods=["POST"]),
            Route("/v1/receivers", self.receivers),
            Route("/v1/receivers/{name}/enable", self.enable, methods=["POST"]),
            Route("/v1/silences", self.silences),
            Route("/v1/silences", self.silence, methods=["POST"]),
            Route("/v1/silences/{id}", self.silence_log),
            Route("/v1/silences/{id}/expire", self.expire, methods=["POST"]),
            Route("/v1/test", self.test, methods=["POST"]),
        ]

    async def alerts(self, request: Request) -> Response:
        """Alerts, of the phases that ?state= names, once or more, or all."""
        phases = [phase.value for phase in Phase]
        states = [state for state in request.query_params.getlist("state") if state]
        unknown = [state for state in states if state not in phases]
        if unknown:
            return problem(422, "bad request", f"state is {unknown[0]!r}; expected one of: {', '.join(phases)}")
        active = [one for one in self._alerts.silences if one.state(now_us()) == "active"]
        return _listed([_alert(one, active) for one in self._alerts.alerts if not states or one.phase.value in states])

    async def rules(self, _: Request) -> Response:
        """The alias that puts rules in force; those in force, each with its receivers that are not in the receivers file."""
        rules = [rule for _, rule in sorted(self._rulebook.rules.items())]
        rows = [{**asdict(one), "unknown_receivers": one.unknown_receivers(self._receivers)} for one in rules]
        return _listed(rows, alias=self._rulebook.alias)

    async def readings(self, request: Request) -> Response:
        """What rules over calls know of each group now, of one rule or all; a value that is not known is null."""
        name, found = request.query_params.get("rule", ""), self._alerts.readings()
        known = [rule.name for rule in self._rulebook.watching(SOURCE)]
        if name and name not in known:
            return problem(404, "not found", f"no rule over calls {name!r}; there are: {', '.join(known) or 'none'}")
        return _listed([_reading(*one) for one in found if name in ("", one[0].name)])

    async def deliveries(self, request: Request) -> Response:
        """Deliveries, of one state or all."""
        state = request.query_params.get("state", "")
        if state and state not in deliveries.STATES:
            return problem(422, "bad request", f"state is {state!r}; expected one of: {', '.join(deliveries.STATES)}")
        return _listed(
            [asdict(one) for one in deliveries.list_deliveries(self._database.connection, state, ROWS_MAX + 1)]
        )

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
        if refused := self._refused(found[0].receiver):
            return refused
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
                    "kind": one.kind,
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
        if was_off:
            self._alerts.reopen(name, now_us())
        return JSONResponse({"name": name, "was_off": was_off})

    async def silences(self, request: Request) -> Response:
        """Silences, of one state or all, the one that ends last first."""
        state, at_us = request.query_params.get("state", ""), now_us()
        if state not in ("", "pending", "active", "expired"):
            return problem(422, "bad request", f"state is {state!r}; expected one of: pending, active, expired")
        rows = [{"state": one.state(at_us), **silence_record(one)} for one in self._alerts.silences]
        return _listed([row for row in rows if state in ("", row["state"])])

    async def silence(self, request: Request) -> Response:
        """Keep a silence: matchers, owner, comment, duration_s or ends_at_us, and starts_at_us where it is not now."""
        at_us = now_us()
        try:
            made = silence_of(await object_of(request), new_id(), at_us)
            self._alerts.add_silence(made, at_us)
        except BadBody as error:
            return problem(422, "bad request", str(error))
        except TooManySilences as error:
            return problem(409, "too many silences", str(error), "weir alert silence expire ID")
        holding = [one for one in self._alerts.alerts if one.phase in ACTIVE]
        muted = [one.fingerprint for one in holding if made.mutes(one.labels, made.starts_at_us)]
        shown = {"state": made.state(at_us), **silence_record(made), "matching_alerts": len(muted)}
        return JSONResponse(shown, status_code=201)

    async def silence_log(self, request: Request) -> Response:
        """What was done to a silence, and by whom, oldest first."""
        name = request.path_params["id"]
        changes = silence_log_of(self._database.connection, name)
        if not changes:
            return _unknown_silence(name)
        return JSONResponse({"items": [{**asdict(one), "silence": name} for one in changes]})

    async def expire(self, request: Request) -> Response:
        """End a silence now; the body names the author."""
        name, at_us = request.path_params["id"], now_us()
        try:
            ended = self._alerts.expire_silence(name, author_of(await object_of(request)), at_us)
        except BadBody as error:
            return problem(422, "bad request", str(error))
        if ended is None:
            return _unknown_silence(name)
        return JSONResponse({"state": ended.state(at_us), **silence_record(ended)})

    async def test(self, request: Request) -> Response:
        """Send a test to a receiver, or to those of a rule: an alert marked as a test, and its end."""
        try:
            kind, name = tested_of(await object_of(request))
        except BadBody as error:
            return problem(422, "bad request", str(error))
        known = self._receivers if kind == "receiver" else self._rulebook.rules
        if name not in known:
            detail = f"no {kind} {name!r}; there are: {', '.join(sorted(known)) or 'none'}"
            return problem(404, "not found", detail, ADD_RECEIVER if kind == "receiver" else "weir alert rules")
        trial, at_us = new_id(), now_us()
        notifications = (
            trial_of_receiver(name, trial, at_us)
            if kind == "receiver"
            else trial_of_rule(self._rulebook.rules[name], trial, at_us)
        )
        return self._send_test(kind, name, notifications, at_us)

    def _send_test(self, kind: str, name: str, notifications: Sequence[Notification], at_us: int) -> Response:
        if not notifications:
            return problem(409, "nobody to tell", f"{kind} {name!r} names no receivers", "name one in the rule")
        for one in notifications:
            if refused := self._refused(one.receiver):
                return refused
        items = [
            {"id": self._alerts.send(one, at_us), "receiver": one.receiver, "status": one.status}
            for one in notifications
        ]
        return JSONResponse({"items": items}, status_code=202)

    def _refused(self, receiver: str) -> Response | None:
        """Why nothing can be sent to a receiver; None when it can."""
        if receiver not in self._receivers:
            detail = f"receiver {receiver!r} is not in the receivers file; receivers: {_names(self._receivers)}"
            return problem(409, "no such receiver", detail, ADD_RECEIVER)
        if receiver in deliveries.switched_off(self._database.connection):
            hint = f"POST /v1/receivers/{receiver}/enable"
            return problem(409, "receiver switched off", f"receiver {receiver!r} answered 410", hint)
        return None


def _alert(alert: Alert, silences: Sequence[Silence]) -> dict[str, Any]:
    """An alert as it is shown. silences: the active ones."""
    shown = asdict(alert)
    state, _ = shown.pop("phase"), shown.pop("window")
    for inner in ("fields", "facts", "watched", "turn", "former"):
        del shown[inner]
    severity = alert.labels.get("severity", "")
    silenced_by = [one.id for one in silences if all_match(one.matchers, alert.labels)]
    summary = {"state": state, "severity": severity, "silenced_by": silenced_by}
    return {**summary, **shown, "window_events": len(alert.window)}


def _reading(rule: Rule, series: Series, reading: Reading) -> dict[str, Any]:
    """A reading as it is shown."""
    condition = condition_of(rule)
    is_bad = reading.value is not None and condition.holds(reading.value)
    return {
        "rule": rule.name,
        "labels": dict(series.identity),
        "state": "unknown" if reading.value is None else "holds" if is_bad else "does not hold",
        "measure": condition.measure,
        "value": reading.value,
        "op": condition.op,
        "threshold": condition.value,
        "calls": reading.calls,
        "calls_known": reading.known,
        "calls_min": condition.calls_min,
        "window_end_us": reading.end_us,
    }


def _listed(rows: Sequence[Any], **others: str) -> Response:
    return JSONResponse({"items": list(rows[:ROWS_MAX]), "truncated": len(rows) > ROWS_MAX, **others})


def _names(receivers: Mapping[str, Receiver]) -> str:
    return ", ".join(sorted(receivers)) or "none"


def _unknown_delivery(name: str) -> Response:
    return problem(404, "not found", f"no delivery {name!r}", "weir alert deliveries")


def _unknown_silence(name: str) -> Response:
    return problem(404, "not found", f"no silence {name!r}", "weir alert silence list")
