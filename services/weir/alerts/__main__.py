"""`python -m weir.alerts`: follows the rules, watches signals and scores, and delivers webhooks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

from weir.alerts.adapters import state_store
from weir.alerts.adapters.alert_outbox import RELAY_PAUSE_S, AlertOutbox
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.receivers import receivers_from
from weir.alerts.adapters.webhook import WebhookSender, resolve
from weir.alerts.api.routes import AlertsApi
from weir.alerts.app.app import CALLS_GROUP, GROUP, TOPICS, Alerts, Limits
from weir.alerts.app.call_watch import CallLimits
from weir.alerts.app.deliverer import Deliverer
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.settings import AlertsSettings
from weir.assets.call_condition import SOURCE
from weir.runtime.clock import now_us
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.consumer import Consumer
from weir.runtime.kafka.follow import Follower
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.relay import Relay
from weir.runtime.kafka.span_log import SpanLog, with_spans
from weir.runtime.process import begin, run, together
from weir.runtime.waits import wait_or_stop

SERVICE = "alerts"


async def main(stop: asyncio.Event) -> None:
    """Run every part until `stop` is set."""
    settings = AlertsSettings()
    begin(SERVICE, settings)
    policy = policy_of(settings)
    receivers = receivers_from(settings.receivers_file)
    link = link_from(settings, SERVICE)
    database = Database(settings.data_dir / SERVICE / "alerts.db")
    with database.transaction() as connection:
        state_store.set_up(connection, link.numbering.source, now_us())
    sender = WebhookSender(resolve, settings.timeout_s, settings.response_bytes_max)
    spans = SpanLog(link, settings.spans_waiting_max)
    chance = secrets.SystemRandom().random
    deliverer = Deliverer(database, sender, receivers, settings.policy, chance, spans.record)
    relay = Relay(AlertOutbox(database), link.producer, settings.relay_events_max, RELAY_PAUSE_S)

    def announce() -> None:
        relay.announce()
        deliverer.announce()

    rulebook = Rulebook(settings.rules_alias)
    kinds = {name: receiver.kind for name, receiver in receivers.items()}
    alerts = Alerts(database, rulebook, kinds, limits(settings), announce, spans.record, settings.traces_remembered_max)
    follower = Follower(
        bootstrap=settings.kafka_bootstrap, topic="registry-changes", serde=link.serde, apply=rulebook.apply
    )
    consumer = Consumer(
        bootstrap=settings.kafka_bootstrap,
        group=GROUP,
        topics=TOPICS,
        serde=link.serde,
        dead_letters=link.dead_letters(GROUP, settings.reject_limits),
        handle=alerts.handle,
        batch_messages_max=settings.batch_messages_max,
    )

    calls = Consumer(
        bootstrap=settings.kafka_bootstrap,
        group=CALLS_GROUP,
        topics=(SOURCE,),
        serde=link.serde,
        dead_letters=link.dead_letters(CALLS_GROUP, settings.reject_limits),
        handle=alerts.handle,
        batch_messages_max=settings.batch_messages_max,
    )

    def readiness() -> Mapping[str, str]:
        waits = {"rules": follower.caught_up.is_set(), "consumer": consumer.is_ready, "calls": calls.is_ready}
        return {part: "waiting for Kafka" for part, is_ready in waits.items() if not is_ready}

    api = AlertsApi(alerts, rulebook, database, receivers, announce)
    work = together(
        stop,
        serve(application(readiness, policy, api.routes()), stop),
        follower.run(stop),
        follower.before(consumer.run, stop),  # a signal under no rule would be lost to them
        follower.before(calls.run, stop),
        keep_time(alerts, follower, settings.tick_s, stop),
        relay.run(stop),
        deliverer.run(stop),
    )
    try:
        await with_spans(link, spans, work, stop)
    finally:
        database.close()


def limits(settings: AlertsSettings) -> Limits:
    """The bounds of the application."""
    return Limits(
        timing=settings.timing,
        alerts_max=settings.alerts_max,
        notification_alerts_max=settings.notification_alerts_max,
        waiting_max=settings.waiting_max,
        finished_max=settings.finished_max,
        calls=CallLimits(
            settings.call_series_max, settings.calls_remembered_max, round(settings.unknown_s * 1_000_000)
        ),
        external_url=settings.alerts_url,
        generator_url=f"{settings.registry_url}/v1/assets/rule/",
    )


async def keep_time(alerts: Alerts, follower: Follower, tick_s: float, stop: asyncio.Event) -> None:
    """Let time pass in the application once the rules are known."""
    while not stop.is_set():
        if follower.caught_up.is_set():
            alerts.pass_time(now_us())
        await wait_or_stop(stop, tick_s)


if __name__ == "__main__":
    run(main)
