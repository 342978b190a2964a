"""What child processes of the tests of backups run, and the site they work at."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from radraft.core.settings import Settings
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.store import audit, backup, images, key_images, restore
from radraft.store.database import Store, open_store
from radraft.store.signatures import sign
from tests.builders import add_drafted, make_images, person


def still(_text: str, _part: float) -> None:
    """A progress bar that nobody looks at."""


def add_signed(store: Store, number: int) -> str:
    """Take study `number` in with an image, draft it and sign it, as radraft does: objects before
    their rows, and the signature with its event."""
    with store.begin() as session:
        case_id = add_drafted(session, number)
    made = make_images(case_id, seed=number)
    images.save(store.objects, made)
    now = datetime.now(UTC)
    with store.begin() as session:
        key_images.add_key_images(session, made)
        signed = sign(session, case_id, base_revision=1, signer=person("王医生"), now=now)
        told = {"version": str(signed.version)}
        actor = AuditActor("王医生", "u-1")
        audit.append(session, AuditEvent(AuditKind.SIGN, now, actor, case_id=case_id, details=told))
    return case_id


def sign_for_ever(settings: Settings, first: int, told: Connection) -> None:
    """Take in and sign study after study; tells each case once it is sure of it."""
    store = open_store(settings)
    for number in count(first):
        told.send(add_signed(store, number))


def back_up_for_ever(settings: Settings, target: Path, told: Connection) -> None:
    """Make backup after backup; tells how it goes on, and each one's folder once it is made."""

    def move(text: str, _part: float) -> None:
        told.send(("at", text))

    while True:
        made = backup.make(settings, target, move)
        told.send(("made", made.folder.name))


def put_back(settings: Settings, target: Path, told: Connection) -> None:
    """Put the newest backup back; tells how it goes on, and then waits."""

    def move(text: str, _part: float) -> None:
        told.send(("at", text))

    restore.restore(settings, target, None, move)
    told.send(("restored", ""))
    while True:
        told.send(("waits", ""))
        signal.pause()
