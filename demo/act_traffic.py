"""Act 2: steady traffic that must raise no alarm, then shifted traffic that must raise one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from demo.answers import Answer, Ask, Outcome, Refusal
from demo.apis import ApiError
from demo.metrics_page import counter
from demo.receiver import Delivery
from demo.replay import replay
from demo.scene import Scene
from demo.stream_log import FEATURES
from demo.terminal import progress, step
from demo.traffic.records import feedback
from harness.waiting import NeverHappened, eventually


def steady(scene: Scene) -> None:
    """Ask the steady questions, send the feedback, wait until the detector has seen everything."""
    start_s = time.monotonic()
    _ask(scene, scene.plan.steady, scene.settings.concurrency, "steady traffic", threading.Event(), lambda: None)
    seconds = time.monotonic() - start_s
    answered = [answer for answer in scene.ledger.answers if answer.ask.number > 0]
    _note_latency(scene, answered, seconds)
    _send_feedback(scene, answered)
    _until_seen(scene)


def shift(scene: Scene) -> None:
    """Change the traffic; stop when the webhook is there. Fills the drift evidence; NeverHappened when none came."""
    scene.log.read()
    before = len(scene.receiver.deliveries)
    evidence = scene.evidence
    evidence.false_alarms_before_shift = len(scene.log.pages()) + before
    evidence.warn_signals_before_shift = len(scene.log.warnings())
    evidence.shift_at_event = len(scene.log.items) + 1
    step(scene.out, f"the traffic shifts at event {evidence.shift_at_event}: other topics, other languages")
    stop, start_s = threading.Event(), time.monotonic()

    def look() -> Delivery | None:
        return next((one for one in scene.receiver.deliveries[before:] if one.verified), None)

    def check() -> None:
        if look() is not None:
            stop.set()

    _ask(scene, scene.plan.shifted, scene.settings.shifted_concurrency, "shifted traffic", stop, check)
    delivery = eventually(look, within_s=scene.settings.webhook_deadline_s, what="a verified webhook after the shift")
    evidence.shift_to_webhook_seconds = round(delivery.at_s - start_s, 2)
    step(scene.out, f"webhook received and verified {evidence.shift_to_webhook_seconds:.1f} s after the shift")
    _note_firing(scene)


def note_webhooks(scene: Scene) -> None:
    """Count deliveries; verified means that there was one and the stock library believed every one."""
    deliveries = scene.receiver.deliveries
    scene.evidence.webhooks_received = len(deliveries)
    scene.evidence.webhook_signature_verified = bool(deliveries) and all(one.verified for one in deliveries)


def _ask(
    scene: Scene, asks: Sequence[Ask], concurrency: int, title: str, stop: threading.Event, after: Callable[[], None]
) -> None:
    with progress(scene.out, title, len(asks)) as advance:

        def note(outcome: Outcome) -> None:
            scene.note(outcome)
            if isinstance(outcome, Refusal):
                scene.out.print(f"  refused: {outcome.error}", highlight=False, markup=False)
            advance()
            after()

        replay(asks, scene.asker_of, concurrency, note, stop)


def _note_latency(scene: Scene, answered: Sequence[Answer], seconds: float) -> None:
    evidence = scene.evidence
    took_ms = [(answer.answered_s - answer.sent_s) * 1_000 for answer in answered]
    if took_ms:
        p50, p99 = np.percentile(took_ms, (50, 99))
        evidence.answer_p50_ms, evidence.answer_p99_ms = round(float(p50), 1), round(float(p99), 1)
    evidence.steady_calls_per_second = round(len(answered) / seconds, 1)
    step(scene.out, f"{len(answered)} answers in {seconds:.0f} s, {evidence.steady_calls_per_second:.1f} a second")


def _send_feedback(scene: Scene, answered: Sequence[Answer]) -> None:
    known = {answer.ask.question.id: answer.request_id for answer in answered if answer.request_id}
    sent = 0
    for row in feedback():
        if row.question_id in known:
            body = {"request_id": known[row.question_id], "score": row.score, "comment": row.comment}
            try:
                scene.gateway.post("/v1/feedback", body)
                sent += 1
            except ApiError as error:
                scene.out.print(f"  feedback refused: {error}", highlight=False, markup=False)
    scene.evidence.feedback_sent = sent
    step(scene.out, f"{sent} user judgements sent")


def _until_seen(scene: Scene) -> None:
    """Until the log holds features of every steady call, and the drift service has worked through them."""
    expected = sum(1 for answer in scene.ledger.answers if answer.ask.number > 0)

    def look() -> bool:
        scene.log.read()
        return len(scene.log.items) >= expected and _handled_by_drift(scene) >= scene.log.feature_messages

    eventually(
        look,
        within_s=scene.settings.features_deadline_s,
        what=f"features of {expected} calls seen by drift",
        look_s=0.0,
    )
    step(scene.out, f"drift has seen {len(scene.log.items)} events of the stream")


def _handled_by_drift(scene: Scene) -> float:
    """Messages of features that the drift service says it has handled."""
    page = scene.drift.text("/metrics")
    return counter(page, "weir_messages_total", group="drift", topic=FEATURES)


def _note_firing(scene: Scene) -> None:
    """Where in the stream the page fired, by the call that triggered it."""
    already = scene.evidence.false_alarms_before_shift or 0

    def look() -> bool:
        scene.log.read()
        pages = scene.log.pages()
        return len(pages) > 0 and scene.log.position_of(pages[-1]["trigger_request_id"]) is not None

    eventually(look, within_s=scene.settings.webhook_deadline_s, what="the detector's page in the log", look_s=0.0)
    pages = scene.log.pages()
    page = pages[min(already, len(pages) - 1)]
    evidence = scene.evidence
    position = scene.log.position_of(page["trigger_request_id"])
    if position is None or evidence.shift_at_event is None:
        raise NeverHappened(f"the page names the call {page['trigger_request_id']}, which the stream does not hold")
    evidence.drift_fired_at_event = position
    evidence.drift_fired_after_events = position - evidence.shift_at_event + 1
    evidence.drift_part = str(page["part"])
    evidence.drift_reference_events = int(page["reference_events"])
    step(
        scene.out,
        f"drift fired at event {position}, {evidence.drift_fired_after_events} after the shift, part {page['part']}: "
        f"{page['explanation']}",
    )
