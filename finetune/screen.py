"""Whether one pair may be learnt from: could it be seen, was it read, does it name somebody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum

from sqlalchemy.orm import Session

from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import Report
from radraft.store import quality
from radraft.store.cases import identity
from radraft.store.patient_records import known_as
from radraft.studies import deidentify
from radraft.studies.quality.values import Verdict

UNITS_PER_MINUTE = 1000
"""Chinese characters or English words that nobody reads in one. Silent reading is 238 words a
minute (175 to 300 for most adults; Brysbaert, J Mem Lang 2019, 109:104047) and 255 Chinese
characters (Trauzettel-Klosinski & Dietz, IOVS 2012, 53:5452), skimming 450 words and scanning for
one word 600 (Carver, J Reading 1992, 36:84)."""

_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*|\d+(?:\.\d+)?")
_HAN = re.compile(r"[\u3400-\u9fff]")


class Reason(StrEnum):
    """Why a pair is left out."""

    BROKEN = "signature_broken"
    """Changed after it was signed, or a version of its case is gone."""
    UNASSERTED = "unasserted"
    """Nobody stands for it in one of the two languages that drafts are written and scored in."""
    SUPERSEDED = "superseded"
    """An amendment took its place."""
    NOT_COVERED = "not_covered"
    """No model drafted it."""
    POOR = "poor"
    """Its images were judged too poor to draft from."""
    UNREAD = "unread"
    """Signed faster than a person can read it."""
    NAMED = "named"
    """Its texts name the patient, or its reports a signer."""
    IDENTIFIED = "identified"
    """Its texts hold what looks like identity: numbers of persons or records, dates, people."""
    LEAKED = "leaked"
    """Shows the picture of a frozen pair, or is of the same patient since numbers were merged."""
    DUPLICATE = "duplicate"
    """Shows the picture of a newer pair with the same signed text."""


def screen(session: Session, pair: TrainingPair) -> Reason | None:
    """What is wrong with this pair taken by itself; None for nothing."""
    if poor(session, pair):
        return Reason.POOR
    if unread(pair):
        return Reason.UNREAD
    if names(session, pair):
        return Reason.NAMED
    return Reason.IDENTIFIED if identifies(pair) else None


def poor(session: Session, pair: TrainingPair) -> bool:
    """Whether its images were judged too poor to draft from."""
    return quality.verdict(session, pair.case_id) in (Verdict.POOR, Verdict.REFUSE)


def unread(pair: TrainingPair) -> bool:
    """Whether it was signed faster than it can be read. A time that is not known is no reason."""
    return pair.seconds is not None and pair.seconds < least_seconds(pair.signed.report)


def least_seconds(report: Report) -> float:
    """The least that reading `report` takes, in the language that takes less."""
    characters = sum(len(_HAN.findall(sentence.zh)) for sentence in report.sentences)
    words = sum(len(_WORD.findall(sentence.en)) for sentence in report.sentences)
    written = [count for count in (characters, words) if count]
    return min(written, default=0) * 60 / UNITS_PER_MINUTE


def names(session: Session, pair: TrainingPair) -> bool:
    """Whether the texts hold a name or number of the patient, or the reports a signer's name."""
    reports = "\n".join(_reports(pair))
    who = identity(session, pair.case_id)
    patients = known_as(session, pair.case_id)
    known = {who.accession, *(patient.patient_id for patient in patients)}
    for group in [group for patient in patients for group in patient.name.split("=")]:
        parts = [part.strip() for part in group.split("^") if part.strip()]
        known |= {"".join(parts), " ".join(parts), " ".join(reversed(parts)), ", ".join(parts)}
    people = (pair.signed.author, pair.signed.reviewer)
    signers = {person.name for person in people if person is not None}
    return any(holds(reports, word) for word in known | signers) or any(
        holds(text, word) for text in _prompt(pair) for word in known
    )


def identifies(pair: TrainingPair) -> bool:
    """Whether the scrubber of de-identification still finds something in the reports."""
    return any(map(deidentify.identifies, _reports(pair)))


def _reports(pair: TrainingPair) -> Iterator[str]:
    for report in (pair.signed.report, pair.draft.report):
        for sentence in report.sentences:
            yield sentence.zh
            yield sentence.en


def _prompt(pair: TrainingPair) -> Iterator[str]:
    messages = json.loads(pair.request)["messages"] if pair.request else ()
    for message in messages:
        yield from (part["text"] for part in message["parts"] if part["type"] == "text")


def holds(text: str, word: str) -> bool:
    """Whether `text` holds a name or number as a word, whatever its case; too short ones never."""
    # Shorter words would withhold half of all reports: 李, 12.
    if len(word) < 2 or (word.isdecimal() and len(word) < 5):
        return False
    edge = "[A-Za-z0-9]"
    return re.search(rf"(?<!{edge}){re.escape(word)}(?!{edge})", text, re.IGNORECASE) is not None
