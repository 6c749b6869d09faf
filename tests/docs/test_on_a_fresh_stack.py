"""What README and docs tell their reader to type is typed: every block in its order on a fresh stack, then every command
that a sentence names. `tests/contract/test_docs.py` holds that no block is left out without a word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.docs.named_commands import is_whole
from harness.docs.pages import RUN, Block, every_block, pages, quoted, read
from harness.docs.reader import Reader, reading

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

BLOCKS = [block for block in every_block() if block.language in RUN and not block.not_run]
OF_USERS = [page for page in pages() if page == "README.md" or page.startswith("docs/") and "/adr/" not in page]

STARTED_ALREADY = ("weir up",)
"""Typed by the README's first block; a second one is refused, which tests/unit/cli/test_stack_truth.py shows."""

NAMES_ALONE = ("weir dlq replay", "weir alert test", "weir sql")
"""Sentences about a command, which wants more words when it is typed."""

SMALLER = {"weir bench queries --calls 400000 --rounds 31": "weir bench queries --calls 4000 --rounds 3"}
"""A measurement of minutes is typed at a smaller size: at its own it took 65 s of the run, and its limit on a busy machine."""

LAST = ("weir restart kafka", "weir down")
"""Nothing can be asked after them, so they are typed at the end."""


def commands() -> list[str]:
    """The commands of sentences, each once: `weir` with all its words, and what `curl` asks."""
    found = [one for page in OF_USERS for one in quoted(read(page)) if is_whole(one) or one.startswith("curl ")]
    first = [one for one in dict.fromkeys(found) if one not in (*LAST, *STARTED_ALREADY, *NAMES_ALONE)]
    return [*first, *(one for one in LAST if one in found)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reading(tmp_path_factory.mktemp("reader")) as one:
        yield one


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_does_what_it_says(reader: Reader, block: Block) -> None:
    if block.page != "README.md":
        reader.until_seen()

    said = reader.run(block)

    assert said.strip() or block.language == "sql", f"{block.place} printed nothing"


@pytest.mark.parametrize("command", commands())
def test_a_command_in_a_sentence_can_be_typed(reader: Reader, command: str) -> None:
    if command not in LAST:
        reader.until_ready()

    reader.typed(reader.filled(SMALLER.get(command, command)), command)
