"""Signed reports that are open on a page, read for the questions that may follow."""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError
from radraft.pipeline.asked_reports import source_at
from radraft.store import signatures

if TYPE_CHECKING:
    from radraft.llm.sentences import SentenceEncoder
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.opened_reports")

WAITING = 64
"""Reports that wait to be read at most. One that finds no room is read at its first question."""
REMEMBERED = 512
"""Versions last opened: a page that asks again and again is prepared once."""
IDLE_S = 30.0


class OpenedReports:
    """Holds the sentence model of this process, and reads with it what is opened.

    Safe to use from several threads. Another process reads a report at its own first question.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._opened: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._waiting: queue.Queue[tuple[str, int]] = queue.Queue(WAITING)
        self._reader: threading.Thread | None = None
        self._encoder: SentenceEncoder | None = None
        self._encoder_missing = False
        self._encoder_lock = threading.Lock()

    def encoder(self) -> SentenceEncoder | None:
        """Return the sentence model; None where it cannot be loaded: rules answer without it."""
        with self._encoder_lock:
            if self._encoder is None and not self._encoder_missing:
                from radraft.llm.sentences import SentenceEncoder

                try:
                    self._encoder = SentenceEncoder.load()
                except (ImportError, OSError, RuntimeError):
                    self._encoder_missing = True
                    log.exception("no sentence model; questions are answered by rules alone")
            return self._encoder

    def opened(self, case_id: str, version: int) -> None:
        """Have a version that somebody has before him read in the background; returns at once."""
        key = case_id, version
        with self._lock:
            if key in self._opened:
                self._opened.move_to_end(key)
                return
            try:
                self._waiting.put_nowait(key)
            except queue.Full:
                return
            self._opened[key] = None
            if len(self._opened) > REMEMBERED:
                self._opened.popitem(last=False)
            if self._reader is None or not self._reader.is_alive():
                self._reader = threading.Thread(
                    target=self._read_waiting, name="radraft-opened-reports", daemon=True
                )
                self._reader.start()

    def _read_waiting(self) -> None:
        while True:
            try:
                key = self._waiting.get(timeout=IDLE_S)
            except queue.Empty:
                with self._lock:
                    if self._waiting.empty():
                        self._reader = None
                        return
                continue
            try:
                self._read(*key)
            except (RadraftError, SQLAlchemyError, OSError, RuntimeError, ValueError) as error:
                # The type only: a message may quote the report. Its first question tries again.
                log.warning("a report was not read ahead: %s", type(error).__name__)
            finally:
                self._waiting.task_done()

    def _read(self, case_id: str, version: int) -> None:
        from radraft.llm.asking.preparing import prepare

        with self._store.read() as session:
            signed = next(
                (one for one in signatures.versions(session, case_id) if one.version == version),
                None,
            )
            source = None if signed is None else source_at(session, signed)
        if source is not None:
            prepare(source, self.encoder())
