"""Graph: nodes and edges of a chain must make a graph that can be walked (known nodes, named once, no cycle) and that runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from weir.assets.chain_spec import run_findings
from weir.registry.core.checks import Finding, shown


def graph_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with the graph of a chain whose shape is right."""
    names = [node["name"] for node in spec["nodes"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield f"spec.nodes[{index}].name", f"repeats {name!r}; each node needs its own name"
    findings = list(_edge_findings(names, spec["edges"]))
    yield from findings
    if not findings:
        yield from _cycle_findings(spec["edges"])
        yield from run_findings(spec)


def _edge_findings(names: Sequence[str], edges: Sequence[Sequence[str]]) -> Iterator[Finding]:
    for index, edge in enumerate(edges):
        if len(edge) != 2:
            yield f"spec.edges[{index}]", f"is {shown(edge)}; expected two node names, [from, to]"
            continue
        for name in edge:
            if name not in names:
                yield f"spec.edges[{index}]", f"names the unknown node {name!r}; nodes: {', '.join(names)}"


def _cycle_findings(edges: Sequence[Sequence[str]]) -> Iterator[Finding]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for start, end in edges:
        sorter.add(end, start)
    try:
        sorter.prepare()
    except CycleError as error:
        yield "spec.edges", f"go in a circle: {' -> '.join(error.args[1])}"
