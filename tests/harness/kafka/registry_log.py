"""The registry's log as readers meet it: read again, in any order, with repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from weir.events import RegistryChanged


def numbered(changes: Sequence[RegistryChanged], life: int) -> list[RegistryChanged]:
    """The changes as the registry numbers them, in their order, in one life of its database."""
    return [replace(change, boot_epoch=life, revision=number) for number, change in enumerate(changes, 1)]


@st.composite
def rereadings(draw: st.DrawFn, log: Sequence[RegistryChanged]) -> list[RegistryChanged]:
    """A part of the log, which is every change of some, in any order, each once or more."""
    kept = draw(st.lists(st.sampled_from(log), min_size=1, max_size=2 * len(log)))
    return draw(st.permutations([*log, *kept]))
