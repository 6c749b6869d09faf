"""Act 5: one answer seen from every side: trace, lineage, impact of its corpus, scores; and snippets to go on with."""

from __future__ import annotations

from typing import Any

from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from demo.answers import Answer
from demo.apis import rows
from demo.scene import Scene
from demo.snippets import snippets
from demo.terminal import step
from harness.waiting import NeverHappened
from weir.cli.waterfall import waterfall

TEXT_SHOWN_CHARS = 90
"""Characters of a passage in the table. Chosen: with the other columns it fills one line of 120."""

KEY_FILE = ".weir/secrets/demo.key"
"""Where the demo's key is, from the root of the checkout."""

TOKEN_FILE = ".weir/secrets/http.token"
"""Where the token of the HTTP APIs is, from the root of the checkout."""

SCORES = (
    "SELECT evaluator, count() AS scores, round(avg(score), 3) AS mean_score, countIf(passed = false) AS failed "
    "FROM v_evaluation_scores GROUP BY evaluator ORDER BY evaluator"
)


def show(scene: Scene) -> None:
    """Print one answer's trace, lineage and impact, the scores and the snippets; fill the evidence behind them."""
    answer = _shown_answer(scene)
    _trace(scene, answer)
    _lineage(scene, answer)
    _impact(scene)
    _scores(scene)
    for title, language, text in _snippets(scene):
        step(scene.out, f"paste-ready: {title}")
        scene.out.print(Syntax(text, language, background_color="default", word_wrap=True))


def _shown_answer(scene: Scene) -> Answer:
    """The first steady answer whose client showed Weir's id."""
    found = (answer for answer in scene.ledger.answers if answer.request_id and not answer.ask.question.shift)
    answer = next(found, None)
    if answer is None:
        raise NeverHappened("no answer came with a weir-request-id; the openai client should have shown one")
    return answer


def _trace(scene: Scene, answer: Answer) -> None:
    call = scene.lineage.get(f"/v1/requests/{answer.request_id}")
    trace = scene.lineage.get(f"/v1/traces/{call['trace_id']}")
    step(scene.out, f"trace of request {answer.request_id}: {answer.ask.question.text}")
    scene.out.print(Text(waterfall(trace)))


def _lineage(scene: Scene, answer: Answer) -> None:
    lineage = scene.lineage.get(f"/v1/lineage/{answer.request_id}")
    contexts: list[dict[str, Any]] = list(lineage["contexts"])
    digests = {str(context["dataset_digest"]) for context in contexts}
    scene.evidence.lineage_corpus_digest = digests.pop() if len(digests) == 1 else None
    scene.evidence.lineage_passages = len(contexts)
    step(scene.out, "its lineage, down to passage and corpus digest")
    scene.out.print(_references(list(lineage["references"])))
    scene.out.print(_passages(contexts))


def _impact(scene: Scene) -> None:
    digest = scene.evidence.lineage_corpus_digest
    impact = scene.lineage.get("/v1/impact/index/python-docs", digest=str(digest))
    scene.evidence.impact_answers = int(impact["requests"])
    step(scene.out, f"impact of corpus {str(digest)[:19]}: {impact['requests']} answers were built on it")


def _scores(scene: Scene) -> None:
    found = rows(scene.lineage, SCORES)
    scene.evidence.evaluation_scores = sum(int(row["scores"]) for row in found)
    table = Table(title="Evaluation scores", title_justify="left", show_edge=False)
    for column in ("evaluator", "scores", "mean_score", "failed"):
        table.add_column(column)
    for row in found:
        table.add_row(*(str(row[column]) for column in ("evaluator", "scores", "mean_score", "failed")))
    scene.out.print(table)


def _references(references: list[dict[str, Any]]) -> Table:
    table = Table(show_edge=False)
    for column in ("kind", "name", "version", "digest"):
        table.add_column(column)
    for reference in references:
        table.add_row(*(str(reference[column])[:19] for column in ("kind", "name", "version", "digest")))
    return table


def _passages(contexts: list[dict[str, Any]]) -> Table:
    table = Table(show_edge=False)
    for column in ("passage", "score", "corpus digest", "text"):
        table.add_column(column, overflow="fold")
    for context in contexts:
        text = str(context.get("text", "")).replace("\n", " ")[:TEXT_SHOWN_CHARS]
        digest = str(context["dataset_digest"])[:19]
        table.add_row(str(context["passage_id"]), f"{float(context['score']):.3f}", digest, text)
    return table


def _snippets(scene: Scene) -> list[tuple[str, str, str]]:
    stack = scene.stack
    route = scene.settings.route
    return snippets(stack.gateway_grpc, stack.gateway_http, stack.lineage_url, KEY_FILE, TOKEN_FILE, route)
