"""The maintained parser (sqlglot), within a count of steps that follows from the length of what it reads.

Invariant: a parse ends after at most `STEPS_FREE + STEPS_PER_TOKEN * tokens` steps, whatever the statement nests. The parser
tries a word such as `tuple(` as a type first and then reads it again as a call: nested, that doubles with each level.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.clickhouse import ClickHouse
from sqlglot.parsers.clickhouse import ClickHouseParser

from weir.lineage.core.sql_strings import SqlRefused

STEPS_PER_TOKEN = 4
"""Steps for each token: moves of the parser from one token to another, forward and back. Measured: analysts' statements take
at most 1.6, a list of `tuple(1, 2)` as long as a statement may be takes 1.6 too."""

STEPS_FREE = 2_000
"""Steps that every statement has besides. Chosen: `tuple(` seven times inside itself; they take some 10 ms."""

STEPS = "weir_steps_left"
"""Where a reading keeps what is left of its steps: a setting of its dialect, which the parser of a part shares."""


class _Counted(ClickHouseParser):
    """A parser that counts its steps, and stops. Raises SqlRefused."""

    def _advance(self, times: int = 1) -> None:
        left = self.dialect.settings[STEPS]
        if not left:
            raise SqlRefused(
                f"the statement takes more than {STEPS_PER_TOKEN} steps for each of its words and {STEPS_FREE} besides to read;"
                " nest fewer calls of functions that are named as types are, such as tuple( or date("
            )
        self.dialect.settings[STEPS] = left - 1
        super()._advance(times)


def parse(text: str) -> list[exp.Expr]:
    """The statements of a text. Raises SqlRefused past the count of steps, and what the parser raises."""
    dialect: Any = ClickHouse()
    dialect.parser_class = _Counted
    dialect.INDEX_OFFSET = 0  # else each subscript reads again what it stands behind; places are not looked at here
    tokens = dialect.tokenize(text)
    dialect.settings[STEPS] = STEPS_FREE + STEPS_PER_TOKEN * len(tokens)
    return [one for one in dialect.parser().parse(tokens, text) if one is not None]
