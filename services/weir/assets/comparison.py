"""Comparison: the operators that a rule may write."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
