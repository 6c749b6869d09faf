"""Evaluator: scores answers as they stream by, with versioned evaluators and a known sampling probability.

Consumes `inference-responses`, `text-features` and `feedback`, follows `registry-changes` for evaluators and sets of
anchors at alias `prod`; produces `evaluation-scores`: of calls, and of human-labelled anchors, on an interleave and
when a `drift-signals` event of the quality alarms asks. State: the calls seen last, so that feedback finds the call it
judges, in a file that is written before a message is acknowledged. Guarantee: at least once; a score's id derives from
what was scored and the digest of the evaluator, so a replay repeats ids and consumers deduplicate by them.
"""
