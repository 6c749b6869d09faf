"""Telling a person what happens while it happens."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]
"""Called with a line for each thing that happens."""
