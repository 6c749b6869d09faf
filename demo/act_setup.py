"""Act 1: the example registry is applied, the first question is answered, its trace is found in the store.

The first question comes from a stock Triton client that knows a host and a port, no key: callers on this machine are
the tenant `local` of the embedded stack. All later questions carry the demo's key and so belong to its tenant.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from demo.answers import Answer, Ask
from demo.apis import apply, models, rows
from demo.askers import TritonAsker
from demo.clone_time import clone_time_s, seconds_since_clone
from demo.scene import Scene
from demo.terminal import step
from demo.traffic.records import Question
from harness.waiting import NeverHappened, eventually
from weir.cli.definitions import read_definitions

AUTHOR = "demo"
FIRST_QUESTION = "How do I read a text file line by line in Python?"
"""Not in the traffic files: the first question of someone who tries Weir."""


def first_question() -> Ask:
    """The ask before all others; its number is 0."""
    return Ask(0, Question("first", FIRST_QUESTION, "files"))


def set_up(scene: Scene, clone_time: str) -> Answer:
    """Apply the definitions, ask once, time both; the first answer. Raises NeverHappened past a deadline."""
    manifest = corpus_manifest(scene.stack.corpus_dir)
    scene.evidence.corpus_digest = str(manifest["digest"])
    applied = apply(scene.registry, definitions(scene.settings.repository, manifest), AUTHOR)
    step(scene.out, f"registry: {len(applied)} definitions applied")
    eventually(
        lambda: scene.settings.route in models(scene.gateway),
        within_s=scene.settings.catalog_deadline_s,
        what="the route served",
    )
    answer = _first_answer(scene, clone_time)
    trace_id = _trace_found(scene, answer)
    step(scene.out, f"trace {trace_id} was queryable {scene.evidence.trace_queryable_seconds:.2f} s after the answer")
    return answer


def corpus_manifest(corpus_dir: Path) -> dict[str, Any]:
    """The manifest of the corpus that is served. Raises FileNotFoundError before set-up."""
    return dict(json.loads((corpus_dir / "corpus-current.json").read_text(encoding="utf-8")))


def definitions(repository: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents of examples/registry, with the placeholders for the corpus filled from its manifest."""
    values = {f"corpus_{key}": str(manifest[key]) for key in ("digest", "passages")}
    return [one.value for one in read_definitions([repository / "examples" / "registry"], values)]


def _first_answer(scene: Scene, clone_time: str) -> Answer:
    client = TritonAsker(scene.stack.gateway_grpc, scene.settings.route)
    outcome = client.ask(first_question())
    client.close()
    scene.note(outcome)
    if not isinstance(outcome, Answer):
        raise NeverHappened(f"the first question was refused: {outcome.error}")
    evidence = scene.evidence
    evidence.first_answer_seconds = round(outcome.answered_s - scene.started_s, 2)
    cloned_s = clone_time_s(scene.settings.repository, clone_time)
    since = seconds_since_clone(cloned_s, time.time())
    evidence.clone_to_first_answer_seconds = None if since is None else round(since, 1)
    step(scene.out, f"first question: {outcome.ask.question.text}")
    scene.out.print(f"  {outcome.text}", highlight=False, markup=False)
    since_clone = "" if since is None else f", {since:.0f} s after the clone"
    step(scene.out, f"answered {evidence.first_answer_seconds:.1f} s after the start{since_clone}")
    return outcome


def _trace_found(scene: Scene, answer: Answer) -> str:
    query = f"SELECT trace_id FROM v_inference_responses WHERE client_request_id = '{answer.ask.client_request_id}'"

    def look() -> str | None:
        found = rows(scene.lineage, query)
        if not found:
            return None
        trace = scene.lineage.find(f"/v1/traces/{found[0]['trace_id']}")
        return str(found[0]["trace_id"]) if trace and trace.get("spans") else None

    trace_id = eventually(look, within_s=scene.settings.trace_deadline_s, what="the first answer's trace in the store")
    scene.evidence.trace_queryable_seconds = round(time.monotonic() - answer.answered_s, 2)
    return trace_id
