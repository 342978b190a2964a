"""Events of the audit on their way to a log server: the audit itself is the outbox, and remembers
up to where it was sent. Nothing is lost while the server is away; after a kill some come twice,
each with its number."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import RadraftError
from radraft.exchange import audit_message
from radraft.exchange.syslog import LogServer
from radraft.store import audit

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.audit_delivery")

AT_ONCE = 200
"""Events of one connection."""
LOOK_S = 2.0
RETRY_S = 30.0
CLOSE_S = 15.0
"""Longest that the end waits for a last attempt."""


def log_server(settings: Settings) -> LogServer | None:
    """Return where the audit is sent; None where the settings name no server.

    SettingsError `audit_syslog_tls_unusable`.
    """
    if not settings.audit_syslog:
        return None
    server = LogServer.named(
        settings.audit_syslog,
        ca=settings.audit_syslog_ca,
        cert=settings.audit_syslog_cert,
        key=settings.audit_syslog_key,
    )
    server.context()
    return server


def deliver(store: Store, to: LogServer, source: str) -> int:
    """Send the next events, and return how many. OSError where the server did not take them."""
    with store.read() as session:
        entries = audit.after(session, audit.sent(session), AT_ONCE)
    if not entries:
        return 0
    to.send(
        [
            (entry.event.at, audit_message.message(entry.event, entry.sequence, entry.head, source))
            for entry in entries
        ]
    )
    with store.begin() as session:
        audit.mark_sent(session, entries[-1].sequence)
    return len(entries)


class Delivery(threading.Thread):
    """Sends what is new until it is closed. Where several do, the server sees numbers twice."""

    def __init__(self, store: Store, to: LogServer, source: str) -> None:
        super().__init__(name="radraft-audit-delivery", daemon=True)
        self._store = store
        self._to = to
        self._source = source
        self._ending = threading.Event()
        self.failing = False
        """Whether the last attempt failed."""

    def close(self) -> None:
        """Try once more, and end; what is left is sent at the next start."""
        self._ending.set()
        if self.is_alive():
            self.join(CLOSE_S)

    def run(self) -> None:
        """Thread body."""
        ending = False
        while not ending:
            ending = self._ending.wait(RETRY_S if self.failing else LOOK_S)
            self._attempt()

    def _attempt(self) -> None:
        try:
            while deliver(self._store, self._to, self._source) and not self._ending.is_set():
                pass
        except (OSError, RadraftError, SQLAlchemyError) as error:
            if not self.failing:
                # The type only: a driver's message may quote values.
                log.error("audit_delivery_failed: %s", type(error).__name__)
            self.failing = True
        else:
            self.failing = False
