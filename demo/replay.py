"""Asking many questions with a bounded number under way, in order of their numbers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from demo.answers import Ask, Asker, Outcome


def replay(
    asks: Iterable[Ask],
    asker_of: Callable[[Ask], Asker],
    concurrency: int,
    note: Callable[[Outcome], None],
    stop: threading.Event,
) -> None:
    """Ask each, at most `concurrency` at once, until all are asked or `stop` is set; then wait for those under way.

    note: called with each outcome, one at a time. Raises the first exception of an asker or of `note`, after stopping.
    """
    source = _Locked(iter(asks))
    noting = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for ask in source:
                if stop.is_set() or failures:
                    return
                outcome = asker_of(ask).ask(ask)
                with noting:
                    note(outcome)
        except Exception as error:  # noqa: BLE001  # carried to the caller's thread and raised there
            failures.append(error)

    threads = [threading.Thread(target=work, name=f"asker-{nth}", daemon=True) for nth in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def by_name(askers: Iterable[Asker], name_of: Callable[[Ask], str]) -> Callable[[Ask], Asker]:
    """The asker of an ask, chosen by its `name`."""
    table: Mapping[str, Asker] = {asker.name: asker for asker in askers}
    return lambda ask: table[name_of(ask)]


class _Locked:
    """An iterator that several threads may draw from."""

    def __init__(self, source: Iterator[Ask]) -> None:
        self._source = itertools.chain(source)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Ask]:
        return self

    def __next__(self) -> Ask:
        with self._lock:
            return next(self._source)
