"""Act 3: the same questions to two chains over one corpus, one that quotes and one that writes, and one to the model alone.

Two models, two releases. What the small model writes is shown as it comes: it is often wrong, and that is what the evaluators,
the lineage and the releases of the other acts are for.
"""

from __future__ import annotations

from demo.answers import Answer, Ask, Outcome
from demo.apis import rows
from demo.askers import OpenAiAsker
from demo.scene import Scene
from demo.terminal import step
from demo.traffic.records import Question
from harness.waiting import eventually

EXTRACTING, GENERATING, MODEL = "docs-qa", "docs-chat", "chat"
"""Routes of the example registry: the chain that quotes, the chain that writes, and the model that it writes with."""

QUESTIONS = ("What does a for loop do?", "How do I join paths?", "How do I shuffle a list?")
"""Asked of both chains. Chosen: the right passage is found for each."""

SMALL_TALK = "What is the capital of Japan?"
"""Asked of the model alone."""

RELEASES = (
    "SELECT route, groupUniqArray(release_digest) AS releases, count() AS answers FROM v_inference_responses "
    f"WHERE route IN ('{EXTRACTING}', '{GENERATING}', '{MODEL}') AND outcome = 'ok' GROUP BY route"
)


def generate(scene: Scene) -> None:
    """Ask, show both answers to each question, and compare their releases. Raises NeverHappened past a deadline."""
    step(scene.out, "two chains over one corpus: docs-qa quotes, docs-chat lets a very small language model write")
    number, answered = scene.plan.last_number, list[Outcome]()
    for text in QUESTIONS:
        for route in (EXTRACTING, GENERATING):
            number += 1
            answered.append(_ask(scene, number, text, route))
    answered.append(_ask(scene, number + 1, SMALL_TALK, MODEL))
    written = [outcome for outcome in answered if not _is_quoted(outcome)]
    scene.evidence.generation_asked = len(written)
    scene.evidence.generation_answered = sum(isinstance(outcome, Answer) for outcome in written)
    _compare_releases(scene)


def _ask(scene: Scene, number: int, text: str, route: str) -> Outcome:
    ask = Ask(number, Question(f"generate-{route}", text, "generation"))
    client = OpenAiAsker(scene.stack.gateway_http, route, scene.stack.api_key, stream=True)
    outcome = client.ask(ask)
    client.close()
    scene.note(outcome)
    said = outcome.text if isinstance(outcome, Answer) else f"refused: {outcome.error}"
    scene.out.print(f"  {route}: {text}", highlight=False, markup=False)
    scene.out.print(f"    {said}", highlight=False, markup=False)
    return outcome


def _is_quoted(outcome: Outcome) -> bool:
    return outcome.ask.question.id == f"generate-{EXTRACTING}"


def _compare_releases(scene: Scene) -> None:
    """How many releases of the generating chain are also the quoting one's, once the store holds all answers."""
    wanted = {GENERATING: len(QUESTIONS), MODEL: 1}

    def look() -> dict[str, set[str]] | None:
        found = {row["route"]: row for row in rows(scene.lineage, RELEASES)}
        if any(int(found.get(route, {}).get("answers", 0)) < count for route, count in wanted.items()):
            return None
        return {route: set(row["releases"]) for route, row in found.items()}

    releases = eventually(
        look, within_s=scene.settings.stored_deadline_s, what="the answers of the generating models in the store"
    )
    shared = releases[EXTRACTING] & releases[GENERATING]
    scene.evidence.generation_releases = len(releases[GENERATING])
    scene.evidence.generation_releases_shared = len(shared)
    step(scene.out, f"docs-chat answered under release {min(releases[GENERATING])[:19]}, docs-qa under another")
