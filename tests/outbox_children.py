"""Processes of ours that deliver reports, to be killed."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.process import BaseProcess

from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.exchange.targets import Target
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.outbox_delivery import OutboxDelivery
from radraft.pipeline.outbox_sending import ReportSender
from radraft.store.database import open_store
from radraft.store.leases import Owner
from tests.children import context

TERM_S = 2.0
"""Of the leases: long enough that a process is not taken for gone where the machine is busy."""


def deliver(settings: Settings, targets: Sequence[Target]) -> None:
    """Deliver for ever, as a server does that sends what others signed."""
    store = open_store(settings)
    sender = ReportSender(store, settings)
    outbox, owner = Outbox(store, targets), Owner(term_s=TERM_S)
    OutboxDelivery(store, outbox, sender.send, Metrics(), owner=owner).run()


class Sender:
    """A process that delivers."""

    def __init__(self, settings: Settings, targets: Sequence[Target]) -> None:
        self._told = (settings, targets)
        self._child: BaseProcess | None = None
        self.kills = 0

    def start(self) -> None:
        """Start it; it is not waited for."""
        assert self._child is None
        self._child = context.Process(target=deliver, args=self._told)
        self._child.start()

    def kill(self) -> None:
        """End it by SIGKILL, where it runs."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
            assert self._child.exitcode == -9
            self._child = None
            self.kills += 1
