"""Whose a past report is, and what it is beside what its study has already: rules alone."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rapidfuzz import fuzz

from radraft.reports.archive.values import (
    ArchivedReport,
    KeptAs,
    KeptText,
    PastReport,
    PastStatus,
    RefusalReason,
)
from radraft.studies import priors
from radraft.studies.priors import Person

NEAR = 95.0
"""Share of a text, in percent, that must be the same for two to be nearly one
(rapidfuzz's indel ratio)."""
DAYS_APART = 1
"""Days between a study's time here and there that are none: clocks and zones differ, and some
tables have the day it was asked for."""
_CONFLICTS = frozenset(
    {
        priors.Reason.NUMBER_DIFFERS,
        priors.Reason.NAME_DIFFERS,
        priors.Reason.BIRTH_DIFFERS,
        priors.Reason.SEX_DIFFERS,
    }
)
_AGREE = frozenset(
    {
        *(priors.Reason.NUMBER_SAME_SITE, priors.Reason.NUMBER_SAME),
        *(priors.Reason.NAME_SAME, priors.Reason.NAME_SOUND, priors.Reason.NAME_ORDER),
        *(priors.Reason.NAME_HOMOPHONE, priors.Reason.NAME_ONE_OFF),
        *(priors.Reason.BIRTH_SAME, priors.Reason.BIRTH_SWAPPED, priors.Reason.BIRTH_YEAR_OFF),
        *(priors.Reason.BIRTH_TYPO, priors.Reason.BIRTH_YEAR),
    }
)
_WEIGHTY = re.compile(
    r"\d+(?:\.\d+)?|[左右双两上中下无未不非阴阳]|(?<![a-z])(?:left|right|both|bilateral|no|not|without|"
    r"upper|lower|middle)(?![a-z])"
)
"""What turns a report into another one where it is there or not."""


@dataclass(frozen=True)
class ArchiveStudy:
    """A study that a past report may be of."""

    case_id: str
    person: Person = field(repr=False)
    study_uid: str = field(repr=False)
    accession: str = field(repr=False)
    study_time: datetime | None
    former: tuple[Person, ...] = field(default=(), repr=False)
    """By what else the patient was known before he was corrected or merged."""

    @property
    def people(self) -> tuple[Person, ...]:
        """Return the patient by all that he was called."""
        return (self.person, *self.former)


def joined(
    report: PastReport,
    studies: Sequence[ArchiveStudy],
    site: str,
    *,
    accession_alone: bool = False,
) -> ArchiveStudy | RefusalReason:
    """Return which of `studies`, all that have the report's accession number or Study Instance UID,
    it is of; or why that cannot be said.

    `accession_alone`: also where nothing but the accession number says so; in places that number
    anew each year, that is another patient's study."""
    if not studies:
        return RefusalReason.UNMATCHED
    if report.study_uid:
        named = [study for study in studies if study.study_uid == report.study_uid]
        other = [study for study in named if not _may_be(study.accession, report.accession)]
        if other or not named:
            return RefusalReason.IDENTIFIERS_DISAGREE
        studies = named
    who = Person(site, report.patient_number, report.patient_name, report.birth_date, report.sex)
    same_person = [study for study in studies if _is_one_of(who, study.people)]
    if not same_person:
        return RefusalReason.WRONG_PATIENT
    same_day = [study for study in same_person if _same_day(report.study_time, study.study_time)]
    if not same_day:
        return RefusalReason.STUDY_TIME_DIFFERS
    if len(same_day) > 1:
        return RefusalReason.SEVERAL_STUDIES
    (study,) = same_day
    if accession_alone or report.study_uid or _says_more(report, who, study):
        return study
    return RefusalReason.ACCESSION_ALONE


def kept_as(report: PastReport, kept: Sequence[KeptText]) -> KeptAs | RefusalReason:
    """Return as what a report is taken beside what its study has, or why it is not."""
    if report.record_id in {text.record_id for text in kept}:
        return KeptAs.KNOWN
    standing = current(kept)
    if standing is None:
        if report.status is PastStatus.ADDENDUM:
            return RefusalReason.ADDENDUM_WITHOUT_REPORT
        return KeptAs.CORRECTION if report.status is PastStatus.CORRECTED else KeptAs.REPORT
    if report.status is PastStatus.ADDENDUM:
        there = (standing.report, *standing.addenda)
        return RefusalReason.NEAR_DUPLICATE if _near_any(report.whole, there) else KeptAs.ADDENDUM
    if _near_any(report.whole, (standing.report,)):
        return RefusalReason.NEAR_DUPLICATE
    corrected = standing.report.kept is KeptAs.CORRECTION
    if report.status is PastStatus.FINAL:
        return RefusalReason.SUPERSEDED if corrected else RefusalReason.SECOND_REPORT
    before, after = standing.report.reported_at, report.reported_at
    if corrected and (before is None or after is None or after <= before):
        # Which of two corrections is the last one must be known.
        return RefusalReason.SUPERSEDED if before and after else RefusalReason.SECOND_REPORT
    return KeptAs.CORRECTION


def current(kept: Sequence[KeptText]) -> ArchivedReport | None:
    """Return the report that stands: the last correction, else the report; and all its addenda.
    None where there is none. `kept`: in the order in which they were taken."""
    reports = [text for text in kept if text.kept is not KeptAs.ADDENDUM]
    addenda = tuple(text for text in kept if text.kept is KeptAs.ADDENDUM)
    return ArchivedReport(reports[-1], addenda) if reports else None


def near(one: str, other: str) -> bool:
    """Return whether two texts say the same in nearly the same words: neither a number nor a side
    nor a negation may differ."""
    a, b = _levelled(one), _levelled(other)
    if a == b:
        return True
    if Counter(_WEIGHTY.findall(_folded(one))) != Counter(_WEIGHTY.findall(_folded(other))):
        return False
    return fuzz.ratio(a, b, score_cutoff=NEAR) > 0


def _near_any(whole: str, texts: Sequence[KeptText]) -> bool:
    return any(near(whole, text.whole) for text in texts)


def _levelled(text: str) -> str:
    return "".join(character for character in _folded(text) if character.isalnum())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _may_be(stored: str, said: str) -> bool:
    return not stored.strip() or not said or stored.strip() == said


def _is_one_of(who: Person, people: Sequence[Person]) -> bool:
    """Return whether nothing speaks against `who` being one of `people`."""
    return any(_CONFLICTS.isdisjoint(priors.agreements(who, other)) for other in people)


def _says_more(report: PastReport, who: Person, study: ArchiveStudy) -> bool:
    """Return whether the patient or the day agrees with the study's, of which neither differs."""
    if report.study_time is not None and study.study_time is not None:
        return True
    return any(not _AGREE.isdisjoint(priors.agreements(who, person)) for person in study.people)


def _same_day(said: datetime | None, stored: datetime | None) -> bool:
    if said is None or stored is None:
        return True
    apart = said.date() - stored.replace(tzinfo=None).date()
    return abs(apart) <= timedelta(days=DAYS_APART)
