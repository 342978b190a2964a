"""A signed report, and what is known of it, as a source of answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from radraft.llm.asking.values import MetadataField, Source, SourceSentence
from radraft.reports.assertion import asserted_report
from radraft.reports.export.printed import local_minute
from radraft.reports.values import SignedReport


@dataclass(frozen=True)
class Known:
    """What is known of a report beside its text."""

    performed: datetime | None = None
    """None: not known; the signing stands for it."""
    about: str = ""
    """What was examined, in words."""
    metadata: tuple[tuple[MetadataField, str], ...] = field(default=(), repr=False)
    time_zone: str = ""
    """Whose clock times of signing are told by; empty: UTC, and they say so."""
    report_id: str | None = None
    """How quotations name it; None: its case."""


def source_of(signed: SignedReport, known: Known) -> Source:
    """Return what may be quoted of a signed version: what people asserted, its people and times."""
    given = dict(known.metadata)
    given.setdefault(MetadataField.AUTHOR, signed.author.name)
    if signed.reviewer is not None:
        given.setdefault(MetadataField.REVIEWER, signed.reviewer.name)
    given.setdefault(MetadataField.SIGNED_AT, local_minute(signed.signed_at, known.time_zone))
    return Source(
        known.report_id or signed.case_id,
        known.performed or signed.signed_at,
        tuple(SourceSentence(s.id, s.zh, s.en) for s in asserted_report(signed).sentences),
        tuple(given.items()),
        known.about,
    )
