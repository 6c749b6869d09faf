"""Filling: a chain's prompt must be one that the gateway can fill, or every chat of its route would be refused.

A prompt that no chain names may have any variables: its client renders it (`weir-prompt`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from weir.assets.chain import Chain
from weir.assets.prompt import Prompt
from weir.assets.references import PROD, AssetReference
from weir.assets.shapes import InvalidAsset, restore
from weir.assets.template import unfillable
from weir.registry.core.documents import Definition
from weir.registry.core.inventory import Inventory
from weir.registry.core.problems import INVALID, Problem

BodyOf = Callable[[str, str], str]
"""The body of a prompt's version, as JSON: of its name and label."""


def filling_problems(
    definitions: Sequence[Definition], after: Inventory, served: Mapping[str, str], body_of: BodyOf
) -> Iterator[Problem]:
    """What the definitions bring into use and nobody could fill.

    after: the inventory with them. served: bodies of the stored chains at PROD, by name.
    """
    again = {one.name for one in definitions if one.kind == "chain" and PROD in one.aliases}
    stored = {name: prompt_named(body) for name, body in sorted(served.items()) if name not in again}
    for one in definitions:
        if one.kind == "chain" and (prompt := prompt_named(one.body_json)):
            version = after.asset("prompt", prompt.name).find(prompt.selector)
            if version is not None and (fault := _fault(body_of(prompt.name, version))):
                yield one.problem("spec.prompt", f"names {prompt}, whose version {version} {fault}", INVALID)
        elif one.kind == "prompt" and (fault := _fault(one.body_json)):
            for chain, prompt in stored.items():
                if prompt and prompt.name == one.name and prompt.selector in one.aliases:
                    message = f"moves {prompt.selector!r}, which chain {chain!r} runs, to a version that {fault}"
                    yield one.problem("aliases", message, INVALID)


def prompt_named(chain_json: str) -> AssetReference | None:
    """The prompt in a chain's body; None for none, and for a body that cannot be read: nothing runs it."""
    try:
        return restore(Chain, chain_json).prompt
    except InvalidAsset:
        return None


def _fault(prompt_json: str) -> str:
    try:
        return unfillable(restore(Prompt, prompt_json).template)
    except InvalidAsset as error:
        return f"cannot be read: {error}"
