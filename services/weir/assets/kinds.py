"""Kinds: the words for what the registry keeps, and the type of each. A new kind is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from weir.assets.chain import Chain
from weir.assets.dataset import Dataset
from weir.assets.evaluator import Evaluator
from weir.assets.model import Model
from weir.assets.policy import Policy
from weir.assets.prompt import Prompt
from weir.assets.rule import Rule
from weir.assets.shapes import Asset

KINDS: Mapping[str, type[Asset]] = {
    one.KIND: one
    for one in (
        Prompt,
        Chain,
        Model,
        Dataset,
        Policy,
        Evaluator,
        Rule,
    )
}
"""Asset kinds, in the order they are listed to people."""
