"""What the proofreader reads and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from radraft.core.errors import message
from radraft.reports.assertion import is_grey
from radraft.reports.draft import Draft
from radraft.reports.findings.values import Mention
from radraft.reports.site_languages import BOTH_LANGUAGES, LanguageRule
from radraft.reports.template_rules import NO_TEMPLATE, TemplateRules
from radraft.reports.values import Lang, Laterality, Report, Section, Sentence


class Severity(StrEnum):
    """How much a warning weighs: `block` keeps a report from being signed, `warn` asks for a
    second look, `hint` only offers one."""

    BLOCK = "block"
    WARN = "warn"
    HINT = "hint"


@dataclass(frozen=True)
class Pointer:
    """Words of a sentence, in one language."""

    sentence_id: str
    lang: Lang
    start: int
    """Characters of the sentence's text in that language."""
    end: int


@dataclass(frozen=True)
class Issue:
    """One thing that a check found."""

    code: str
    """Of the message catalogue; also the check's name where warnings are counted."""
    severity: Severity
    sentence_id: str | None = None
    """The sentence to look at; None where the whole report is meant."""
    lang: Lang | None = None
    """The language meant; None where both are, or where it makes no difference."""
    at: tuple[Pointer, ...] = ()
    """The words meant, then those that they contradict."""
    mend: str | None = None
    """The text to put in place of the first pointer's words. Never done unasked."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What the message's sentences name; never patient identity."""

    @property
    def message_zh(self) -> str:
        """The warning in Chinese."""
        return message(self.code, dict(self.details))[0]

    @property
    def message_en(self) -> str:
        """The warning in English."""
        return message(self.code, dict(self.details))[1]

    def as_json(self) -> dict[str, Any]:
        """Return the form in which the command line and the HTTP interface give it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "sentence_id": self.sentence_id,
            "lang": self.lang,
            "message_zh": self.message_zh,
            "message_en": self.message_en,
            "at": [asdict(pointer) for pointer in self.at],
            "mend": self.mend,
        }


@dataclass(frozen=True)
class Prior:
    """An earlier report of the same patient."""

    study_date: date | None
    texts: tuple[tuple[Lang, str], ...]
    """Its whole text by language, asserted by people."""


@dataclass(frozen=True)
class StudyFacts:
    """What is known of the examination beside its report. Empty or None where it is not known: then
    no check that needs it speaks."""

    modality: str = ""
    """DICOM's code: CR, DX, CT, MR, US, ..."""
    body_part: str = ""
    """DICOM's body part examined, upper case: CHEST, HEAD, ..."""
    views: tuple[str, ...] = ()
    """PA, AP, LATERAL, ..."""
    contrast: bool | None = None
    laterality: Laterality | None = None
    """Of the images' own tag."""
    sex: str = ""
    """M, F or empty."""
    age_years: float | None = None
    study_date: date | None = None
    reason: str = ""
    """History and question of the request, in either language."""
    priors: tuple[Prior, ...] | None = None
    """Earlier reports of the patient, newest first; None where nobody looked for any."""
    language_rule: LanguageRule = BOTH_LANGUAGES
    """Of its site: what stands in another language than these is not read."""


@dataclass(frozen=True)
class ReadSentence:
    """A sentence with what it states in each of its languages."""

    sentence: Sentence
    section: Section
    mentions: Mapping[Lang, tuple[Mention, ...]]

    def texts(self) -> tuple[tuple[Lang, str], ...]:
        """Return its texts that are not blank, as they stand, by language."""
        return tuple((w.lang, w.text) for w in self.sentence.wordings if w.text.strip())


@dataclass(frozen=True)
class ReadReport:
    """A report that was read once, for all checks."""

    report: Report
    sentences: tuple[ReadSentence, ...]
    """In reading order."""
    study: StudyFacts
    draft: Draft | None = None
    """The draft that the model's sentences in it are from; None where there is none."""
    prior_given: bool = False
    """Whether the model was shown an earlier examination for that draft."""
    as_shown: Report | None = None
    """The report with the template's text that nobody confirmed, which `report` has not."""
    rules: TemplateRules = NO_TEMPLATE

    @cached_property
    def unconfirmed(self) -> tuple[Sentence, ...]:
        """Its sentences with a template's text that nobody confirmed."""
        shown = () if self.as_shown is None else self.as_shown.sentences
        return tuple(s for s in shown if any(map(is_grey, s.wordings)))

    @cached_property
    def by_section(self) -> Mapping[Section, tuple[ReadSentence, ...]]:
        """Its sentences by section."""
        return {
            section: tuple(s for s in self.sentences if s.section is section) for section in Section
        }


class Check(Protocol):
    """One kind of error. `find` is pure, and costs well under a millisecond a sentence."""

    code: str
    severity: Severity

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield what is wrong, in reading order."""
        ...
