"""Whether two studies are of one patient: pure functions over identity.

Fellegi and Sunter's model (J. Am. Stat. Assoc. 64, 1969): each field that agrees or differs
multiplies the odds by how much likelier that is for one person than for two.
`bench/prior_match.py` prints precision and recall at the thresholds; docs/priors.md says what is
assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from radraft.studies import _names
from radraft.studies._agree import (
    Person as Person,
    Reason as Reason,
    agreements as agreements,
    birth,
    is_resident_id,
    plain_number as plain_number,
    usable_number as usable_number,
)
from radraft.studies._regions import overlapping as overlapping
from radraft.studies._scrub import scrub
from radraft.studies.values import Patient, Study

LINK = 0.998
"""Confidence from which studies are linked without asking anybody."""
ASK = 0.3
"""Confidence from which a person is asked; below it nothing is said."""
PEOPLE = 100_000
"""How many patients an earlier study could be of: the odds before anything is compared."""


class LinkDecision(StrEnum):
    """What becomes of two studies."""

    LINK = "link"
    ASK = "ask"
    APART = "apart"


@dataclass(frozen=True)
class Match:
    """How sure it is that two studies are of one patient, and why."""

    confidence: float
    """0 to 1."""
    reasons: tuple[Reason, ...]
    outcome: LinkDecision


def match(a: Person, b: Person) -> Match:
    """Compare two identities; the same in both directions."""
    reasons = agreements(a, b)
    conflicts = _CONFLICTS.intersection(reasons)
    if Reason.NUMBER_SAME_SITE in reasons:
        if len(conflicts) < 2:
            return Match(0.9999 if conflicts else 1.0, reasons, LinkDecision.LINK)
        # A number typed wrong or given out again: one of the two studies is another patient's.
        return Match(0.5, reasons, LinkDecision.ASK)
    odds = 1.0 / PEOPLE
    for reason in reasons:
        odds *= _weight(reason, a, b)
    confidence = odds / (1.0 + odds)
    if confidence >= LINK and not conflicts and _BORN.intersection(reasons):
        return Match(confidence, reasons, LinkDecision.LINK)
    return Match(confidence, reasons, LinkDecision.ASK if confidence >= ASK else LinkDecision.APART)


def keys(person: Person) -> tuple[str, ...]:
    """Return what one patient's studies have in common, one at least: for finding candidates by an
    index.

    Number, birth date, and the name's letters in alphabetical order in each reading.
    """
    found = {f"p:{key}" for key in _names.parse(person.name).keys}
    if usable_number(person.number):
        found.add(f"n:{plain_number(person.number)}")
    if (born := birth(person)) is not None:
        found.add(f"b:{born}")
    return tuple(sorted(found))


def scrubbed(
    text: str, patient: Patient, accession: str, other: Patient, other_accession: str
) -> str:
    """`text` of an earlier report without what identifies either study's patient."""
    for who, number in ((patient, accession), (other, other_accession)):
        text = scrub(text, _study_of(who, number))
    return text


def _study_of(patient: Patient, accession: str) -> Study:
    """Return a study of which only the identity is known, for the scrubber."""
    return Study(
        study_uid="",
        accession=accession,
        patient=patient,
        modality="",
        body_part="",
        study_time=None,
        description="",
        history="",
        age_years=None,
        instances=(),
    )


_CONFLICTS = frozenset(
    {Reason.NAME_DIFFERS, Reason.BIRTH_DIFFERS, Reason.SEX_DIFFERS, Reason.AGE_DIFFERS}
)
_BORN = frozenset(
    {Reason.BIRTH_SAME, Reason.BIRTH_SWAPPED, Reason.BIRTH_YEAR_OFF, Reason.BIRTH_TYPO}
)
"""One of these is needed for a link that nobody confirms: names alone are shared by many."""
_WEIGHTS = {
    # Of birth dates a day is shared by one in 30,000; 94% of one person's are recorded alike.
    Reason.BIRTH_SAME: 28_000.0,
    Reason.BIRTH_SWAPPED: 300.0,
    Reason.BIRTH_YEAR_OFF: 300.0,
    Reason.BIRTH_TYPO: 12.0,
    Reason.BIRTH_YEAR: 20.0,
    Reason.BIRTH_DIFFERS: 0.005,
    Reason.AGE_FITS: 15.0,
    Reason.AGE_DIFFERS: 0.005,
    Reason.SEX_SAME: 1.9,
    Reason.SEX_DIFFERS: 0.02,
    Reason.NAME_ORDER: 0.3,
    # Twins share surname, birth date and often a character of the given name.
    Reason.NAME_ONE_OFF: 3.0,
    Reason.NAME_DIFFERS: 0.005,
    # A birthday is shared by many: without a name or a number there is nothing to ask about.
    Reason.NAME_MISSING: 0.1,
    Reason.NUMBER_DIFFERS: 0.3,
}
_DEFAULT_DAY = 60.0
"""In place of BIRTH_SAME for 1 January, the day of whoever's birthday was not known."""


def _weight(reason: Reason, a: Person, b: Person) -> float:
    """Return how much likelier `reason` is for one person than for two."""
    one, other = _names.parse(a.name), _names.parse(b.name)
    match reason:
        case Reason.NAME_SAME:
            return 0.93 / one.share
        case Reason.NAME_SOUND:
            return 0.9 / max(one.share_of_sound, other.share_of_sound)
        case Reason.NAME_HOMOPHONE:
            # Where one site writes traditional characters, the name was typed anew by its sound.
            anew = 0.15 if one.traditional != other.traditional else 0.02
            return anew / max(one.share_of_sound, other.share_of_sound)
        case Reason.NUMBER_SAME:
            number = plain_number(a.number)
            if is_resident_id(number):
                return 1e7
            return 200.0 if len(number) >= 6 else 10.0
        case Reason.BIRTH_SAME if a.birth_date and (a.birth_date.month, a.birth_date.day) == (1, 1):
            return _DEFAULT_DAY
    return _WEIGHTS.get(reason, 1.0)
