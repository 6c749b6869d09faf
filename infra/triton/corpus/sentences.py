"""Where a sentence of reference documentation ends.

A full stop ends a sentence only before a capital, a quote or code; not after an abbreviation (`e.g.`), nor after the
number of a list item (`1.`).
"""

from __future__ import annotations

import re

SENTENCE_END = re.compile(r"""(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!\bvs\.)(?<!\bcf\.)(?<!\b\d\.)\s+(?=[A-Z`"'(\[“‘*])""")


def sentences_of(text: str) -> list[str]:
    """The sentences of one paragraph; joined by spaces they are the paragraph, white space apart."""
    return [sentence for sentence in SENTENCE_END.split(text.strip()) if sentence]
