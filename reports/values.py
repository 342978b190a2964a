"""The report: sections of sentences, each a statement in one language or both and what it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from radraft.reports.people import Person

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, Lang] = ("zh", "en")
"""In display order."""


def language(name: str) -> Lang:
    """Return the language of that code. ValueError for another."""
    for lang in LANGS:
        if lang == name:
            return lang
    raise ValueError("not a language of reports")


class Section(StrEnum):
    """Sections of a report: findings (影像所见) and impression (诊断意见)."""

    FINDINGS = "findings"
    IMPRESSION = "impression"


class Origin(StrEnum):
    """Who or what wrote a text as it stands."""

    MODEL = "model"
    TEMPLATE = "template"
    TRANSLATION = "translation"
    """A machine translated what stands in the other language."""
    COMPOSED = "composed"
    """Rules made it of what the report's own findings state."""
    PERSON = "person"


class Laterality(StrEnum):
    """Side a statement is about."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


class Certainty(StrEnum):
    """How sure a statement is about its finding."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


_SURENESS = {Certainty.ABSENT: 0, Certainty.UNCERTAIN: 1, Certainty.PRESENT: 2}


def outranks(certainty: Certainty, known: Certainty | None) -> bool:
    """Whether `certainty` counts before `known` of the same finding: present before uncertain
    before absent, and any before None."""
    return known is None or _SURENESS[certainty] > _SURENESS[known]


class ReportState(StrEnum):
    """Lifecycle of a report; `reports/lifecycle.py` holds the transition table."""

    DRAFTED = "drafted"
    WRITING = "writing"
    """A person has written in it (书写)."""
    SUBMITTED = "submitted"
    """Its author handed it over for review (审核)."""
    RETURNED = "returned"
    """A reviewer gave it back to its author with a remark."""
    SIGNED = "signed"
    AMENDED = "amended"
    """A signed report that was reopened: being written, while the signed version stands."""
    AMEND_SUBMITTED = "amend_submitted"
    AMEND_RETURNED = "amend_returned"


class Coverage(StrEnum):
    """Whether a model drafted the report, and if not, why not."""

    DRAFTED = "drafted"
    NOT_COVERED = "not_covered"
    FAILED = "failed"
    NOT_DRAFTED = "not_drafted"
    """A person began the report before any model drafted it."""


@dataclass(frozen=True)
class Evidence:
    """A key image that a sentence rests on."""

    image_id: str
    support: float | None
    """Log-probability of the sentence, Chinese and English together, gained by showing this image
    where all of the study's are blank, in nats; None while it was not measured."""


@dataclass(frozen=True)
class Confirmation:
    """A person's word that a text which he did not write says what he means."""

    by: Person
    at: datetime
    """UTC."""


@dataclass(frozen=True)
class Wording:
    """A sentence's text in one language, and who answers for it."""

    lang: Lang
    text: str
    origin: Origin
    confirmed: Confirmation | None = None
    """None where a person wrote it, and where nobody confirmed it but by a signature, which
    confirms whole languages (`SignedReport.confirmed`)."""


@dataclass(frozen=True)
class TemplateField:
    """Where in a report template a sentence belongs."""

    template_id: str
    path: str
    """Names of the template's nested fields, outermost first, joined by `/`."""


@dataclass(frozen=True)
class Sentence:
    """One statement: its wording in one language or both, and what it means. Ids stay the same
    through every edit."""

    id: str
    wordings: tuple[Wording, ...]
    """At most one of a language, in the order of `LANGS`; none where nothing is written yet."""
    finding: str | None = None
    anatomy: str | None = None
    laterality: Laterality | None = None
    certainty: Certainty | None = None
    evidence: tuple[Evidence, ...] = ()
    kept: bool = False
    """A reader kept it as it stands although the image does not support it."""
    template_field: TemplateField | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a language that is there twice, or out of order."""
        languages = [wording.lang for wording in self.wordings]
        if languages != [lang for lang in LANGS if lang in languages]:
            raise ValueError("wordings of a sentence: one of a language, in the order of LANGS")

    @property
    def zh(self) -> str:
        """The Chinese text; empty where there is none."""
        return self.text("zh")

    @property
    def en(self) -> str:
        """The English text; empty where there is none."""
        return self.text("en")

    def text(self, lang: Lang) -> str:
        """Return the text in `lang`; empty where there is none."""
        wording = self.wording(lang)
        return "" if wording is None else wording.text

    def wording(self, lang: Lang) -> Wording | None:
        """Return the wording in `lang`; None where there is none."""
        return next((wording for wording in self.wordings if wording.lang == lang), None)

    def reworded(self, *, zh: str | None = None, en: str | None = None) -> Sentence:
        """Return the sentence with other text in the languages given, of the same origin. An empty
        text takes the language away."""
        texts = {"zh": self.zh if zh is None else zh, "en": self.en if en is None else en}
        before = {lang: self.wording(lang) for lang in LANGS}
        wordings = (
            replace(before[lang] or Wording(lang, "", self.origin), text=texts[lang])
            for lang in LANGS
            if texts[lang]
        )
        return replace(self, wordings=tuple(wordings))

    @property
    def origin(self) -> Origin:
        """Who wrote the sentence: a person where he wrote any of it, else what wrote the text that
        was not translated."""
        origins = [wording.origin for wording in self.wordings]
        if Origin.PERSON in origins or not origins:
            return Origin.PERSON
        return next((one for one in origins if one is not Origin.TRANSLATION), origins[0])

    @property
    def support(self) -> float | None:
        """The most that any one image supports it, in nats; None where that was not measured."""
        measured = [item.support for item in self.evidence if item.support is not None]
        return max(measured, default=None)


def both(zh: str, en: str, origin: Origin) -> tuple[Wording, ...]:
    """Return the wordings of one origin; an empty text makes none."""
    texts: tuple[tuple[Lang, str], ...] = (("zh", zh), ("en", en))
    return tuple(Wording(lang, text, origin) for lang, text in texts if text)


@dataclass(frozen=True)
class Report:
    """A report's content, language-neutral at its core."""

    case_id: str
    findings: tuple[Sentence, ...]
    impression: tuple[Sentence, ...]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All sentences in reading order."""
        return self.findings + self.impression


@dataclass(frozen=True)
class ConfirmedLanguage:
    """A language in which every text of a signed report is confirmed, and by whom: whoever signs
    confirms the texts that he was shown."""

    lang: Lang
    by: Person


class Manner(StrEnum):
    """How a report came to be signed."""

    REVIEWED = "reviewed"
    """One person wrote it and another reviewed it: both names stand under it."""
    ALONE = "alone"
    """By one person who may sign alone at this site."""
    EMERGENCY = "emergency"
    """By one person on emergency duty, with the reason."""


@dataclass(frozen=True)
class Signing:
    """How a version was signed."""

    manner: Manner
    submitted_at: datetime | None
    """UTC: when the author handed it over for review; None where one person signed alone."""
    reason: str
    """Why it was signed alone on emergency duty; empty otherwise."""
    password_confirmed: bool
    """Whether the signer entered his password for this signature."""


class AmendmentKind(StrEnum):
    """How a signed report is changed by its next version."""

    AMENDMENT = "amendment"
    """Its text is corrected (修订)."""
    ADDENDUM = "addendum"
    """Text is added to it and nothing else changes (补充)."""


@dataclass(frozen=True)
class Amendment:
    """Why a signed report was reopened."""

    kind: AmendmentKind
    reason: str
    """Empty where it was reopened before reasons were asked for."""


@dataclass(frozen=True)
class SignedReport:
    """A frozen version. `content_sha` is the canonical hash of every other field as it is stored
    (`codec.signed_to_json`), the schema's number among them."""

    case_id: str
    version: int
    """1 for the first signature; an amendment adds one."""
    report: Report
    draft_sha: str | None
    """`Draft.request_sha` of the draft it began as; None where a person wrote from the skeleton."""
    author: Person
    """Who wrote it (书写); also its signer where there is no reviewer."""
    reviewer: Person | None
    """Who reviewed and signed it (审核)."""
    signed_at: datetime
    """UTC."""
    confirmed: tuple[ConfirmedLanguage, ...]
    """What the signature confirms beside what people wrote or confirmed one by one."""
    supersedes: str | None
    """`content_sha` of the version before, which chains the versions; None for the first."""
    content_sha: str
    signing: Signing | None = None
    """None for a version that was signed before this was recorded."""
    amendment: Amendment | None = None
    """Why it took the place of the version before; None for a first version, and for one of the
    time before this was recorded."""
