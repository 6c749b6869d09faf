"""A chain: what a route runs. Its graph says what the gateway does with a call, and nothing else.

Invariant: what a chain's nodes name is what runs. The gateway fills the prompt, applies the policy and calls one model; the
model may look things up in the datasets on its way. So the graph must lead to exactly one node that calls the chain's own
model and end there, and what other nodes use must be what the chain pins. A graph that says more is refused, because
nothing would run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Annotated

from weir.assets.checks import Finding, Name, Text, list_of, name, shown
from weir.assets.references import AssetReference, kind_reference, reference
from weir.assets.shapes import Asset, check_of

ANSWERING = ("generation", "extraction", "embedding")
"""Kinds of the node that calls the chain's model."""

INSIDE = ("embedding", "retrieval", "ranking")
"""Kinds of steps that the model takes on its way to the answer; they are recorded, and timed where the model tells its times."""

NODE_KINDS = tuple(dict.fromkeys((*ANSWERING, *INSIDE)))
"""All kinds of nodes. Another (a tool, a guard, a second call) is something that nothing here runs."""

ChainReference = Annotated[AssetReference, reference]
"""A reference whose key says its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step. uses: what it calls, with its kind."""

    name: Name
    kind: Name
    uses: Annotated[AssetReference, kind_reference] | None = None


Edge = Annotated[tuple[Name, ...], list_of(name, items_min=2)]
"""Names of two nodes, from and to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Asset):
    """A model with what stands around it, and the graph of the steps that a call takes."""

    KIND = "chain"

    model: ChainReference
    prompt: ChainReference | None = None
    datasets: tuple[ChainReference, ...] | None = None
    policy: ChainReference | None = None
    nodes: Annotated[tuple[Node, ...], list_of(check_of(Node), items_min=1)] = ()
    edges: tuple[Edge, ...] = ()
    description: Text | None = None

    def references(self) -> Iterator[tuple[str, AssetReference]]:
        """What it pins, and what its nodes name."""
        for kind, pinned in self._pinned().items():
            if pinned is not None:
                yield f"spec.{kind}", pinned
        for index, one in enumerate(self.datasets or ()):
            yield f"spec.datasets[{index}]", one.of("dataset")
        for index, node in enumerate(self.nodes):
            if node.uses is not None:
                yield f"spec.nodes[{index}].uses", node.uses

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the graph: it must be one that can be walked, and one that runs."""
        names = [node.name for node in self.nodes]
        for index, node in enumerate(names):
            if node in names[:index]:
                yield f"spec.nodes[{index}].name", f"repeats {node!r}; each node needs its own name"
        found = list(_edge_findings(names, self.edges))
        yield from found
        if not found:
            yield from _cycle_findings(self.edges)
            yield from self._run_findings()

    def _pinned(self) -> dict[str, AssetReference | None]:
        """What it names once, by kind."""
        pinned = {"model": self.model, "prompt": self.prompt, "policy": self.policy}
        return {kind: one.of(kind) if one else None for kind, one in pinned.items()}

    def _run_findings(self) -> Iterator[Finding]:
        """What in the graph the gateway would not run."""
        own = self.model.of("model")
        answering = [node.name for node in self.nodes if node.uses == own and node.kind in ANSWERING]
        for index, node in enumerate(self.nodes):
            yield from self._node_findings(node, f"spec.nodes[{index}]", own)
        if not answering:
            expected = (
                f"hold no node of kind {' or '.join(ANSWERING)} that uses {own}, the model that the gateway calls"
            )
            yield "spec.nodes", expected
        elif len(answering) > 1:
            yield (
                "spec.nodes",
                f"call the model {len(answering)} times ({', '.join(answering)}); the gateway calls it once",
            )
        else:
            yield from self._path_findings(answering[0])

    def _node_findings(self, node: Node, path: str, own: AssetReference) -> Iterator[Finding]:
        pinned, uses = self._pinned(), node.uses
        if node.kind not in NODE_KINDS:
            yield f"{path}.kind", f"is {node.kind!r}, which nothing here runs; expected one of: {', '.join(NODE_KINDS)}"
        elif uses is None:
            if node.kind not in INSIDE:
                yield path, f"lacks the key 'uses'; a node of kind {node.kind} names what it calls, here {own}"
        elif uses.kind == "dataset":
            if uses not in [one.of("dataset") for one in self.datasets or ()]:
                yield f"{path}.uses", f"names {uses}, which spec.datasets does not; name it there or take it out"
        elif uses.kind not in pinned:
            yield f"{path}.uses", f"names {uses}; a chain runs a model, a prompt, a policy and datasets alone"
        elif uses != pinned[uses.kind] and not (uses.kind == "model" and node.kind == "embedding"):
            runs = pinned[uses.kind] or f"no {uses.kind}"
            yield f"{path}.uses", f"names {uses}, but what runs is {runs} (spec.{uses.kind})"

    def _path_findings(self, answer: str) -> Iterator[Finding]:
        """Every step must lead to the answer, and none may follow it."""
        before = {answer}
        while more := {start for start, end in self.edges if end in before} - before:
            before |= more
        for index, node in enumerate(self.nodes):
            if node.name not in before:
                yield (
                    f"spec.nodes[{index}]",
                    f"{node.name!r} does not lead to the answer of {answer!r}; nothing would run it",
                )


def _edge_findings(names: Sequence[str], edges: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    for index, edge in enumerate(edges):
        if len(edge) != 2:
            yield f"spec.edges[{index}]", f"is {shown(list(edge))}; expected two node names, [from, to]"
            continue
        for node in edge:
            if node not in names:
                yield f"spec.edges[{index}]", f"names the unknown node {node!r}; nodes: {', '.join(names)}"


def _cycle_findings(edges: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for start, end in edges:
        sorter.add(end, start)
    try:
        sorter.prepare()
    except CycleError as error:
        yield "spec.edges", f"go in a circle: {' -> '.join(error.args[1])}"
