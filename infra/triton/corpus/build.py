"""The corpus on the command line: list its topics, or print its digest. Needs no package but the standard library.

    python infra/triton/corpus/build.py --list      topic or object, tab, first line of its first passage
    python infra/triton/corpus/build.py --digest    content digest and number of passages

The index needs torch: prepare.py builds it, in the models' environment.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Iterable, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from corpus.passages import Passage, digest_of, passages

FIRST_LINE_CHARS = 100
"""Characters of a passage shown beside its topic. Chosen: one terminal line."""


def main(arguments: Sequence[str]) -> None:
    """Print what was asked for on standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--list", action="store_true", help="topics with the first line of each")
    wanted.add_argument("--digest", action="store_true", help="content digest and number of passages")
    options = parser.parse_args(arguments)
    found = passages()
    if options.digest:
        print(f"{digest_of(found)}\t{len(found)}")
        return
    print("\n".join(listing(found)))


def listing(found: Iterable[Passage]) -> list[str]:
    """One line a topic: its id without the passage number, tab, the beginning of its first passage."""
    first: dict[str, str] = {}
    for passage in found:
        first.setdefault(passage.id.rsplit("#", 1)[0], passage.text[:FIRST_LINE_CHARS])
    return [f"{topic}\t{text}" for topic, text in first.items()]


if __name__ == "__main__":
    main(sys.argv[1:])
