"""What every act of the demo works with: settings, addresses, clients, and the evidence gathered so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rich.console import Console

from demo.answers import Ask, Outcome
from demo.apis import Api
from demo.askers import OpenAiAsker, TritonAsker
from demo.evidence import Evidence
from demo.ledger import Ledger
from demo.plan import Plan, client_of, plan_of
from demo.receiver import Receiver
from demo.settings import DemoSettings
from demo.stack import Endpoints
from demo.stream_log import StreamLog
from demo.traffic.records import feedback, questions


@dataclass(frozen=True, slots=True)
class Scene:
    """One run. `evidence` and `ledger` are filled by the acts; `started_s` is monotonic."""

    settings: DemoSettings
    out: Console
    stack: Endpoints
    receiver: Receiver
    evidence: Evidence
    ledger: Ledger
    plan: Plan
    judged: Collection[str]
    registry: Api
    lineage: Api
    gateway: Api
    drift: Api
    log: StreamLog
    askers: dict[str, TritonAsker | OpenAiAsker]
    started_s: float

    def asker_of(self, ask: Ask) -> TritonAsker | OpenAiAsker:
        """The client that asks this question."""
        return self.askers[client_of(ask, self.judged)]

    def note(self, outcome: Outcome) -> None:
        """Write an outcome into the ledger."""
        self.ledger.note(outcome)


@contextmanager
def scene_of(
    settings: DemoSettings, out: Console, stack: Endpoints, receiver: Receiver, evidence: Evidence, started_s: float
) -> Iterator[Scene]:
    """The scene over a running stack; its connections are closed at the end of the block."""
    judged = frozenset(row.question_id for row in feedback())
    with ExitStack() as closing:
        urls = (stack.registry_url, stack.lineage_url, stack.gateway_http, stack.drift_url)
        apis = [Api(url, stack.key_header if url == stack.gateway_http else stack.token_header) for url in urls]
        askers = _askers(settings, stack)
        log = StreamLog(stack.kafka_bootstrap, stack.registry_url, f"{stack.tenant}/{settings.route}")
        for closable in (*apis, *askers.values(), log):
            closing.callback(closable.close)
        yield Scene(
            settings=settings,
            out=out,
            stack=stack,
            receiver=receiver,
            evidence=evidence,
            ledger=Ledger(),
            plan=_plan(settings, judged),
            judged=judged,
            registry=apis[0],
            lineage=apis[1],
            gateway=apis[2],
            drift=apis[3],
            log=log,
            askers=askers,
            started_s=started_s,
        )


def _askers(settings: DemoSettings, stack: Endpoints) -> dict[str, TritonAsker | OpenAiAsker]:
    made: list[TritonAsker | OpenAiAsker] = [
        TritonAsker(stack.gateway_grpc, settings.route, stack.api_key),
        OpenAiAsker(stack.gateway_http, settings.route, stack.api_key, stream=False),
        OpenAiAsker(stack.gateway_http, settings.route, stack.api_key, stream=True),
    ]
    return {asker.name: asker for asker in made}


def _plan(settings: DemoSettings, judged: Collection[str]) -> Plan:
    return plan_of(
        (questions("written"), questions("composed")),
        questions("shifted"),
        judged,
        steady_questions=settings.steady_questions,
        shifted_questions_max=settings.shifted_questions_max,
        seed=settings.order_seed,
    )
