"""`python -m weir.evaluator`: scores answers as they stream by."""

from __future__ import annotations

import asyncio

from weir.evaluator.adapters.anchor_files import load_anchors
from weir.evaluator.adapters.subjects_file import SubjectsFile
from weir.evaluator.app import GROUP, IN_TOPICS, REGISTRY_TOPIC, Evaluation
from weir.evaluator.core.anchors import ActiveAnchors
from weir.evaluator.settings import EvaluatorSettings
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.follow import Follower
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.span_log import SpanLog, with_spans
from weir.runtime.kafka.stream import Stream
from weir.runtime.process import begin, run, together

SERVICE = "evaluator"


async def main(stop: asyncio.Event) -> None:
    """Follow the registry and score the stream until `stop` is set."""
    settings = EvaluatorSettings()
    begin(SERVICE, settings)
    policy = policy_of(settings)
    link = link_from(settings, SERVICE)
    memory = SubjectsFile(settings.data_dir / SERVICE / f"subjects-{settings.instance}.db", settings.subjects_max)
    anchors = ActiveAnchors(load_anchors(settings.anchors_dir), settings.anchor_rate, settings.anchor_passes)
    spans = SpanLog(link, settings.spans_waiting_max)
    evaluation = Evaluation(link, settings.subjects_max, stop, memory, spans.record, anchors)
    follower = Follower(
        bootstrap=settings.kafka_bootstrap, topic=REGISTRY_TOPIC, serde=link.serde, apply=evaluation.apply
    )
    stream = Stream(
        bootstrap=settings.kafka_bootstrap,
        group=GROUP,
        instance=settings.instance,
        data_dir=settings.data_dir / SERVICE / "faust",
        serde=link.serde,
        dead_letters=link.dead_letters(GROUP, settings.reject_limits),
        handlers=dict.fromkeys(IN_TOPICS, evaluation.handle),
    )

    def readiness() -> dict[str, str]:
        parts = {"registry-changes": follower.caught_up.is_set(), "kafka": stream.is_ready}
        return {part: "not reached yet" for part, is_ready in parts.items() if not is_ready}

    async def scoring(stop: asyncio.Event) -> None:
        await link.producer.start(stop)
        await stream.run(stop)

    await together(
        stop,
        serve(application(readiness, policy), stop),
        follower.run(stop),
        with_spans(link, spans, follower.before(scoring, stop), stop),
    )
    memory.close()


if __name__ == "__main__":
    run(main)
