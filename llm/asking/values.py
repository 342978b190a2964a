"""What is asked of, and what comes back: frozen values between the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from radraft.reports.values import Lang


class Kind(StrEnum):
    """What is asked for."""

    PRESENCE = "presence"
    SIDE = "side"
    PLACE = "place"
    SIZE = "size"
    NUMBER = "number"
    CHANGE = "change"
    CERTAINTY = "certainty"
    CAUSE = "cause"
    ADVICE = "advice"
    QUALITY = "quality"
    METADATA = "metadata"
    DEFINITION = "definition"
    SERIES = "series"
    IMAGE = "image"
    DECISION = "decision"
    ORDER = "order"
    OUTSIDE = "outside"


class Outcome(StrEnum):
    """What an answer does with its question."""

    ANSWERED = "answered"
    CORRECTED = "corrected premise"
    UNCERTAIN = "uncertain"
    NOT_MENTIONED = "not mentioned"
    CANNOT_ANSWER = "cannot answer"
    REFUSED = "refused"


class Polarity(StrEnum):
    """What is said of the thing asked after."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


class MetadataField(StrEnum):
    """What is known of a report beside its sentences."""

    TECHNIQUE = "technique"
    QUALITY = "quality"
    HISTORY = "history"
    ORDERED_BY = "ordered_by"
    AUTHOR = "author"
    REVIEWER = "reviewer"
    PERFORMED_AT = "performed_at"
    SIGNED_AT = "signed_at"
    CRITICAL_ALERT = "critical_alert"


@dataclass(frozen=True)
class SourceSentence:
    """A sentence that may be quoted."""

    id: str
    zh: str = field(repr=False)
    en: str = field(repr=False)

    def text(self, lang: Lang) -> str:
        """Return it in `lang`, else in the other language."""
        return (self.zh or self.en) if lang == "zh" else (self.en or self.zh)


@dataclass(frozen=True)
class Source:
    """A signed report as far as this person may see it."""

    id: str
    performed: datetime
    sentences: tuple[SourceSentence, ...]
    """In reading order, addenda last."""
    metadata: tuple[tuple[MetadataField, str], ...] = field(default=(), repr=False)
    about: str = ""
    """What was examined, in words."""

    def known(self, name: MetadataField) -> str | None:
        """Return a metadata field's text; None where nothing is known of it."""
        return dict(self.metadata).get(name)


@dataclass(frozen=True)
class Quote:
    """An exact quotation."""

    source: str
    """Id of its report."""
    part: str
    """Id of its sentence, or a `MetadataField`."""
    text: str = field(repr=False)
    date: str
    """Day of the examination, ISO 8601."""
    prior: bool = False


@dataclass(frozen=True)
class SizeAt:
    """A size that one report gives of what is asked after."""

    date: str
    size: str
    source: str
    sentence: str


@dataclass(frozen=True)
class Finding:
    """What was found, before it is put into words."""

    outcome: Outcome
    quotes: tuple[Quote, ...] = ()
    related: tuple[Quote, ...] = ()
    nearest: tuple[Quote, ...] = ()
    """Where nothing answers and nothing is related: what lies nearest, however far."""
    polarity: Polarity | None = None
    sizes: tuple[SizeAt, ...] = ()
    kind: Kind = Kind.PRESENCE
    """What the question was taken to ask for."""


def in_order(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return reports by the time of their examination, oldest first."""
    return tuple(sorted(sources, key=lambda source: source.performed))
