"""A site that sends its signed reports: studies that are signed for the outbox's tests, receivers,
and a form that is quickly made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.exchange.targets import HostPort, Occasion, Target, TargetKind
from radraft.llm.profiles import load_profile
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.outbox_delivery import OutboxDelivery, Send
from radraft.pipeline.outbox_rendering import Render
from radraft.pipeline.outbox_sending import ReportSender
from radraft.pipeline.service import Service
from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.outgoing_entry import EntryState, NewEntry, OutgoingForm
from radraft.reports.people import Actor
from radraft.store import outbox as stored
from radraft.store.database import Store
from radraft.store.leases import Owner
from tests.builders import add_case, make_draft, make_report, save_draft, signed_in

SIGNED = frozenset({Occasion.FINAL, Occasion.CORRECTED})


def plain(report: OutgoingReport, target: Target) -> bytes:
    """The report's words: enough to see which version came."""
    texts = [sentence.text("zh") for sentence in report.report.sentences]
    head = f"{report.case_id} {report.version} {report.status.value}"
    return "\n".join([head, *texts]).encode()


def message(report: OutgoingReport, target: Target) -> bytes:
    """A message with the report's words; the same report has the same bytes."""
    named = f"{report.case_id}/{report.version}/{report.status.value}"
    control_id = hashlib.sha256(named.encode()).hexdigest()[:20]
    header = f"MSH|^~\\&|RADRAFT||RIS||20261129||ORU^R01|{control_id}|P|2.5.1"
    return f"{header}\rOBX|1|TX|||{plain(report, target).decode()!r}\r".encode()


RENDERERS: dict[OutgoingForm, Render] = {OutgoingForm.TEXT: plain, OutgoingForm.ORU: message}


def folder_target(folder: Path, name: str = "share", **changes: Any) -> Target:
    folder.mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "name": name, "kind": TargetKind.FOLDER, "sites": frozenset({"*"}),
        "forms": (OutgoingForm.TEXT,), "occasions": SIGNED, "folder": folder,
    }  # fmt: skip
    return Target(**values | changes)


def hl7_target(port: int, name: str = "ris", **changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": name, "kind": TargetKind.HL7, "sites": frozenset({"*"}),
        "forms": (OutgoingForm.ORU,), "occasions": SIGNED,
        "host": HostPort("127.0.0.1", port), "timeout_s": 20.0,
    }  # fmt: skip
    return Target(**values | changes)


def fhir_target(url: str, name: str = "his", **changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": name, "kind": TargetKind.FHIR, "sites": frozenset({"*"}),
        "forms": (OutgoingForm.FHIR,), "occasions": SIGNED, "url": url, "timeout_s": 20.0,
    }  # fmt: skip
    return Target(**values | changes)


def service_with(store: Store, settings: Settings, targets: Sequence[Target]) -> Service:
    """A service whose outbox has these receivers."""
    service = Service(store, settings, load_profile("starter"))
    service.outbox.targets = tuple(targets)
    return service


def drafted(store: Store, number: int) -> str:
    """A study with a draft of its own words."""
    with store.begin() as session:
        case_id = add_case(session, number)
        save_draft(session, make_draft(case_id, make_report(case_id)))
    return case_id


def queued(store: Store, number: int, *targets: str) -> str:
    """A study whose report is said to be signed, queued for these receivers."""
    with store.begin() as session:
        case_id = add_case(session, number)
        final, form = OutgoingStatus.FINAL, OutgoingForm.TEXT
        stored.enqueue(session, [NewEntry(t, case_id, 1, 0, final, form) for t in targets])
    return case_id


def sign(service: Service, case_id: str, actor: Actor | None = None) -> None:
    """Sign the report of a case as it stands."""
    actor = actor or signed_in(service.store, "主治")
    working = service.case_view(case_id).working
    service.signing.sign(
        case_id, base_revision=working.revision, base_step=working.steps, actor=actor
    )


def amend(service: Service, case_id: str, actor: Actor | None = None) -> None:
    """Reopen a signed report."""
    actor = actor or signed_in(service.store, "主治")
    working = service.case_view(case_id).working
    service.signing.amend(case_id, actor=actor, base_step=working.steps, reason="更正")


def states(store: Store, target: str | None = None) -> list[str]:
    """Where the entries stand, the oldest first."""
    with store.read() as session:
        found = stored.entries(session, target=target, limit=10_000)
    return [entry.state.value for entry in reversed(found)]


def waits_for(store: Store, state: EntryState, count: int) -> bool:
    """Whether so many entries are in a state."""
    return states(store).count(state.value) >= count


@contextmanager
def delivering(
    store: Store,
    settings: Settings,
    outbox: Outbox,
    *,
    send: Send | None = None,
    owner: Owner | None = None,
    makers: Mapping[OutgoingForm, Render] = RENDERERS,
) -> Iterator[OutboxDelivery]:
    """Deliver what is queued, until the end."""
    sender = ReportSender(store, settings, makers=makers)
    delivery = OutboxDelivery(
        store, outbox, send or sender.send, Metrics(), owner=owner, jitter=lambda: 0.0
    )
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.close()
        sender.close()
