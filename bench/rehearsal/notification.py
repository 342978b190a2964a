"""The simulated reader tells of critical values before he signs, as a reader must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.reports.alerts import AlertMove, AlertStep, Channel

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.reports.people import Actor

WARD = AlertStep(AlertMove.NOTIFY, recipient="Simulated ward", channel=Channel.SYSTEM)


def notify(service: Service, case_id: str, actor: Actor) -> None:
    """Notify the ward of each alert that holds the signature of a case."""
    for record in service.critical.of_case(case_id):
        if record.alert.holds_signature:
            service.critical.move(
                record.alert.alert_id, WARD, actor=actor, base_revision=record.alert.revision
            )
