"""Keeps why readers take drafted sentences out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.store import cases, drafts, rejections, reports

if TYPE_CHECKING:
    from radraft.reports.people import Actor
    from radraft.reports.rejection import RejectReason
    from radraft.store.database import Store


class Rejections:
    """What readers say of the drafted sentences of one store's reports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reject(self, case_id: str, sentence_id: str, reason: RejectReason, *, actor: Actor) -> None:
        """Keep why the actor takes a drafted sentence out; the text itself is changed by his save.

        NotFound `case_not_found`, `sentence_not_drafted` for one that no draft of the case has;
        ReportError as a save by `actor` would raise it.
        """
        with self._store.begin() as session:
            cases.lock(session, case_id)
            reports.editable(session, case_id, actor)
            source = drafts.source(session, case_id)
            drafted = () if source is None else source.draft.report.sentences
            if sentence_id not in {sentence.id for sentence in drafted}:
                raise NotFound("sentence_not_drafted")
            rejections.add(
                session, case_id, sentence_id, reason, by=actor.who, now=datetime.now(UTC)
            )
