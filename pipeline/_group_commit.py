"""Group commit: threads that commit at the same time share one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import StorageError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 256
"""Most items of one commit."""


@dataclass
class _Ticket(Generic[Item, Result]):
    item: Item
    results: list[Result]
    error: Exception | None = None
    done: bool = False


class GroupCommit(Generic[Item, Result]):
    """Calls `commit` with the items of all threads that came while the last call ran.

    A thread alone pays for one commit and waits for nobody; none is handed to another thread.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._commit = commit
        self._pending: list[_Ticket[Item, Result]] = []
        self._mutex = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, item: Item) -> Result:
        """Return what `commit` gave for `item`, which is durable then; or the error of its whole
        call."""
        ticket: _Ticket[Item, Result] = _Ticket(item, [])
        with self._mutex:
            self._pending.append(ticket)
        while not ticket.done:
            with self._turn:
                # The thread that had the turn before may have committed this one too.
                if not ticket.done:
                    self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.results[0]

    def _lead(self) -> None:
        with self._mutex:
            batch, self._pending = self._pending[:MOST], self._pending[MOST:]
        broken: Exception | None = RuntimeError("the commit broke off")
        results: Sequence[Result] = ()
        try:
            results = self._commit([ticket.item for ticket in batch])
            broken = None
        except (OSError, SQLAlchemyError, StorageError) as error:
            broken = error
        finally:
            for number, ticket in enumerate(batch):
                ticket.error = broken
                ticket.results = list(results[number : number + 1])
                ticket.done = True
