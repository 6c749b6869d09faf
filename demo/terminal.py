"""What the demo prints: steps, a progress bar on a terminal and plain lines otherwise, and the table of claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.claims import Claim

PLAIN_WIDTH = 120
"""Columns of output that goes to a file or a pipe. Chosen: the width of the code."""

PLAIN_LINE_EVERY = 250
"""Answers between two plain progress lines. Chosen: seven lines for the whole demo."""


def console() -> Console:
    """The console of the demo, standard output."""
    probe = Console()
    return probe if probe.is_terminal else Console(width=PLAIN_WIDTH, soft_wrap=True)


def step(out: Console, text: str) -> None:
    """Announce what happens next."""
    out.print(f"[bold cyan]▸[/] {text}", highlight=False)


@contextmanager
def progress(out: Console, title: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress of `total` answers; the block calls what it is given once for each."""
    if not out.is_terminal:
        yield _plain(out, title, total)
        return
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


def claims_table(claims: Sequence[Claim]) -> Table:
    """The claims, each with what was found."""
    table = Table(title="Claims", title_justify="left", show_edge=False)
    table.add_column("", width=4)
    table.add_column("claim")
    table.add_column("found")
    for claim in claims:
        table.add_row("[green]pass[/]" if claim.held else "[bold red]FAIL[/]", claim.sentence, claim.shown)
    return table


def _plain(out: Console, title: str, total: int) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done % PLAIN_LINE_EVERY == 0 or done == total:
            out.print(f"  {title} {done}/{total}", highlight=False)

    return advance
