"""The data of `weir bench queries`: calls with their spans, edges, scores and judgements, made inside the engine.

The same number of calls gives the same data, but for its time: the calls are spread over the last two weeks, as the sink
would have inserted them: in the order of their time, block by block.
"""

from __future__ import annotations

from collections.abc import Callable

from weir.lineage.store.store import Store

DAYS = 14
"""Days that the calls are spread over. Chosen: below the retention of every table (text features have none here)."""

TENANTS = 20
"""Tenants, calls spread evenly. Arbitrary: any number from 2 to 1,000 would do."""

PASSAGES = 1_000
"""Passages of the dataset; a call uses three. Chosen: as many as there are in a small manual."""

SPANS_PER_CALL = 10
"""Spans of a call. Chosen: what the services write for a chain with retrieval and evaluators."""

BLOCK_CALLS = 10_000
"""Calls of one insert. Chosen: the sink's own blocks under load hold as many events."""

WORDS = (
    "model", "answer", "index", "passage", "query", "vector", "stream", "token", "prompt", "policy", "route", "tenant", "alarm",
    "signal", "offset", "replica",
)  # fmt: skip
"""Words that texts are drawn from."""

HEX = "lower(hex(MD5(concat('{what}', toString(number)))))"
"""32 hex digits, the same for a number at every run."""

CALL = f"""
    {HEX.format(what="trace")} AS trace_id, left({HEX.format(what="span")}, 16) AS root_span, {HEX.format(what="id")} AS random,
    toInt64({{start_us}} + number * {{step_us}}) AS time_us, leftPad(lower(hex(intDiv(time_us, 1000))), 12, '0') AS clock,
    concat(left(clock, 8), '-', right(clock, 4), '-7', left(random, 3), '-a', substring(random, 4, 3), '-', right(random, 12))
        AS call_id,
    toString(cityHash64(number, 'tenant') % {TENANTS}) AS tenant_number, cityHash64(number, 'route') % 5 AS route_number,
    if(number * 2 < {{calls}}, '1', '2') AS release_version, cityHash64(number, 'late') % 100 AS percentile,
    20 + exp(percentile / 16) + percentile / 100 AS took_ms
"""
"""What the rows of a call have in common; `number` counts the calls. The second release replaces the first half way."""

TEXT = "arrayStringConcat(arrayMap(i -> {words}[1 + cityHash64(number, i, '{what}') % {count}], range({length})), ' ')"


def _text(what: str, length: int) -> str:
    return TEXT.format(words=list(WORDS), what=what, count=len(WORDS), length=length)


ENVELOPE = """concat(left(call_id, 24), left({what_hex}, 12)) AS event_id, 'gateway/bench' AS source, 1 AS boot_epoch,
    number AS seq, concat('tenant-', tenant_number) AS tenant, trace_id, {span} AS span_id, '' AS parent_span_id,
    toInt64(time_us + took_ms * 1000) AS event_time_us, call_id AS request_id"""


def _envelope(what: str, span: str = "root_span") -> str:
    return ENVELOPE.format(what_hex=HEX.format(what=what), span=span)


RESPONSES = f"""
INSERT INTO inference_responses (event_id, source, boot_epoch, seq, tenant, trace_id, span_id, parent_span_id, event_time_us,
    request_id, session_id, protocol, operation, route, model, input_text, user_text, input_bytes, parameters_json, start_time_us,
    latency_ms, outcome, output_text, output_bytes, finish_reason, input_tokens, output_tokens, contexts, references,
    release_digest)
WITH {CALL}, {_text("question", 40)} AS question
SELECT {_envelope("response")}, left(random, 8), 'openai-chat', 'chat', concat('route-', toString(route_number)),
    concat('model-', toString(route_number % 3)), concat('Answer briefly. ', question), question, 400, '{{{{}}}}', time_us,
    took_ms, if(percentile = 0, 'failed', 'ok'), {_text("answer", 60)}, 500, 'stop', 60, 80,
    arrayMap(i -> (concat('manual#', toString((cityHash64(number, 'passage') + 333 * i) % {PASSAGES})), 'manual', 'sha256:manual',
        toFloat32(1 / (1 + i)), {_text("passage", 30)}), range(3)),
    [('chain', concat('chain-', toString(route_number)), release_version, concat('sha256:chain', release_version)),
     ('dataset', 'manual', '1', 'sha256:manual'),
     ('model', concat('model-', toString(route_number % 3)), '1', 'sha256:model')],
    concat('sha256:release', toString(route_number), release_version)
FROM numbers({{first}}, {{count}})
"""

SPANS = f"""
INSERT INTO spans (event_id, source, boot_epoch, seq, tenant, trace_id, span_id, parent_span_id, event_time_us, request_id, route,
    spans)
WITH {CALL}
SELECT {_envelope("spans")}, concat('route-', toString(route_number)),
    arrayMap(i -> (
        if(i = 0, root_span, left(lower(hex(MD5(concat(trace_id, toString(i))))), 16)), if(i = 0, '', root_span),
        ['chat', 'admission', 'retrieve', 'embed', 'generate', 'capture', 'features', 'drift', 'evaluate', 'store'][i + 1],
        if(i = 0, 'server', 'internal'), ['gateway', 'inference', 'drift', 'evaluator', 'lineage'][1 + i % 5],
        toInt64(time_us + i * 1000), toInt64(time_us + i * 1000 + took_ms * 100), if(percentile = 0 AND i = 0, 'error', 'ok'),
        map('gen_ai.operation.name', 'chat', 'gen_ai.request.model', concat('model-', toString(route_number % 3)),
            'weir.request_id', call_id, 'weir.step', toString(i))
    ), range({SPANS_PER_CALL}))
FROM numbers({{first}}, {{count}})
"""

SCORES = f"""
INSERT INTO evaluation_scores (event_id, source, boot_epoch, seq, tenant, trace_id, span_id, parent_span_id, event_time_us,
    request_id, route, evaluator, evaluator_version, score, passed, explanation, inclusion_probability)
WITH {CALL}
SELECT {_envelope("score")}, concat('route-', toString(route_number)), 'groundedness', '1', percentile / 100, percentile > 10,
    'words of the answer that stand in its passages', 0.1
FROM numbers({{first}}, {{count}}) WHERE cityHash64(number, 'scored') % 10 = 0
"""

FEEDBACK = f"""
INSERT INTO feedback (event_id, source, boot_epoch, seq, tenant, trace_id, span_id, parent_span_id, event_time_us, request_id,
    score, label, comment)
WITH {CALL}
SELECT {_envelope("feedback")}, -1, 'thumbs_down', 'not what I asked'
FROM numbers({{first}}, {{count}}) WHERE cityHash64(number, 'judged') % 50 = 0
"""


def fill(store: Store, calls: int, now_us: int, progress: Callable[[int], None]) -> None:
    """Store so many calls and what belongs to them. progress: called after every block with its calls."""
    step_us = DAYS * 86_400_000_000 // (calls + 1)
    for first in range(0, calls, BLOCK_CALLS):
        count = min(BLOCK_CALLS, calls - first)
        place = {"first": first, "count": count, "calls": calls, "start_us": now_us - (calls + 1) * step_us}
        for statement in (RESPONSES, SPANS, SCORES, FEEDBACK):
            store.command(statement.format(**place, step_us=step_us))
        progress(count)
