"""Chain specs: the graph of a chain says what the gateway does with a call, and nothing else.

Invariant: what a chain's nodes name is what runs. The gateway fills the prompt, applies the policy and calls one model; the
model may look things up in the datasets on its way. So the graph must lead to exactly one node that calls the chain's own
model and end there, and what other nodes use must be what the chain pins. A graph that says more is refused, because
nothing would run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Finding = tuple[str, str]
"""Path and message."""

ANSWERING = ("generation", "extraction", "embedding")
"""Kinds of the node that calls the chain's model."""

INSIDE = ("embedding", "retrieval", "ranking")
"""Kinds of steps that the model takes on its way to the answer; they are recorded, and timed where the model tells its times."""

KINDS = tuple(dict.fromkeys((*ANSWERING, *INSIDE)))
"""All kinds of nodes. Another (a tool, a guard, a second call) is something that nothing here runs."""

PINNED = {"model": "model", "prompt": "prompt", "policy": "policy"}
"""Asset kinds that a chain names once, by the key of the chain that names them."""


def run_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """What in a chain's graph the gateway would not run. The graph's shape was checked before."""
    nodes = spec["nodes"]
    own = f"model/{spec['model']}"
    answering = [node["name"] for node in nodes if node.get("uses") == own and node["kind"] in ANSWERING]
    for index, node in enumerate(nodes):
        yield from _node_findings(spec, node, f"spec.nodes[{index}]", own)
    if not answering:
        yield (
            "spec.nodes",
            f"hold no node of kind {' or '.join(ANSWERING)} that uses {own}, the model that the gateway calls",
        )
    elif len(answering) > 1:
        yield "spec.nodes", f"call the model {len(answering)} times ({', '.join(answering)}); the gateway calls it once"
    else:
        yield from _path_findings(nodes, spec["edges"], answering[0])


def _node_findings(spec: Mapping[str, Any], node: Mapping[str, Any], path: str, own: str) -> Iterator[Finding]:
    kind, uses = node["kind"], node.get("uses")
    if kind not in KINDS:
        yield f"{path}.kind", f"is {kind!r}, which nothing here runs; expected one of: {', '.join(KINDS)}"
        return
    if uses is None:
        if kind not in INSIDE:
            yield path, f"lacks the key 'uses'; a node of kind {kind} names what it calls, here {own}"
        return
    what, _, reference = uses.partition("/")
    if what == "dataset" and reference not in spec.get("datasets", ()):
        yield f"{path}.uses", f"names {uses}, which spec.datasets does not; name it there or take it out"
    elif what in PINNED and reference != spec.get(PINNED[what]) and not (what == "model" and kind == "embedding"):
        runs = spec.get(PINNED[what])
        yield (
            f"{path}.uses",
            f"names {uses}, but what runs is {f'{what}/{runs}' if runs else f'no {what}'} (spec.{what})",
        )
    elif what not in (*PINNED, "dataset"):
        yield f"{path}.uses", f"names {uses}; a chain runs a model, a prompt, a policy and datasets alone"


def _path_findings(
    nodes: Sequence[Mapping[str, Any]], edges: Sequence[Sequence[str]], answer: str
) -> Iterator[Finding]:
    """Every step must lead to the answer, and none may follow it."""
    before = {answer}
    while more := {start for start, end in edges if end in before} - before:
        before |= more
    for index, node in enumerate(nodes):
        if node["name"] not in before:
            yield (
                f"spec.nodes[{index}]",
                f"{node['name']!r} does not lead to the answer of {answer!r}; nothing would run it",
            )
