"""What people said of answers about reports, as a question set to measure answers by.

A folder with three files, whole or not at all, mode 0600; the first two are a question set in the
shapes of `bench/unseen/ask`, which `radraft eval ask` reads:

- `questions.jsonl`: questions whose answer was called right and by nobody wrong. It is expected
  again: the sentences that it cited, or that the report does not say it. Each has the patient's
  `split`, as training pairs have: nothing of `held_out` may ever train.
- `reports.jsonl`: the reports that the questions of both files are about.
- `judge.jsonl`: answers that somebody called wrong, and right ones that rest on no sentence of the
  report (an earlier one, its metadata), with what people would have said. Nothing there says what
  is expected: a person gives each `expected` and `cites`, and it may go into `questions.jsonl`.

Left out, and counted, as of training pairs: signatures that do not hold any more, versions that an
amendment superseded, and texts that still name the patient, a signer or who asked after everything
known of them, and whatever looks like identity, was replaced by `***`. Cases, patients and people
have numbers of this export alone; the days of a patient's studies are moved by one number of days
that is kept nowhere.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from radraft.eval.asking.values import AnswerOutcome, QuestionKind
from radraft.finetune.export import line, replacing
from radraft.finetune.screen import holds
from radraft.llm.asking.questions import read_question
from radraft.llm.asking.values import Kind
from radraft.reports.assertion import asserted_report
from radraft.reports.training_pair import split_of
from radraft.reports.values import Sentence, SignedReport
from radraft.store import cases, questions, signatures, turn_marks
from radraft.store.patient_records import known_as
from radraft.store.questions import Turn
from radraft.store.turn_marks import TurnMark, TurnVerdict
from radraft.store.values import Case
from radraft.studies.deidentify import KnownIdentity, redacted

QUESTIONS, REPORTS, JUDGE = "questions.jsonl", "reports.jsonl", "judge.jsonl"
OLDEST = 90
"""Years: an age above it is told as this."""
LEAST_DAYS, MOST_DAYS = 365, 3650
"""By how much days are moved back."""


@dataclass(frozen=True)
class MarkedCount:
    """What an export wrote and what it left out: answers, if nothing else is said."""

    questions: int
    held_out: int
    """Of held-out patients, among `questions`."""
    to_judge: int
    reports: int
    broken: int
    """Of a report whose signatures do not hold."""
    superseded: int
    """Of a version that is not the newest, or of before versions were kept with answers."""
    named: int
    """Withheld: a name or number of the patient, a signer or who asked is left in a text."""


@dataclass
class _People:
    """Numbers and days in place of patients'."""

    patients: dict[str, tuple[str, timedelta]] = field(default_factory=dict)

    def of(self, patient_ref: str) -> tuple[str, timedelta]:
        if patient_ref not in self.patients:
            days = LEAST_DAYS + secrets.randbelow(MOST_DAYS - LEAST_DAYS)
            self.patients[patient_ref] = f"p{len(self.patients) + 1}", timedelta(days=days)
        return self.patients[patient_ref]


def export_marked(session: Session, folder: Path, sites: Collection[str] | None) -> MarkedCount:
    """Write the three files into `folder`, which is made. `sites`: whose; None: of all. OSError
    where they cannot be written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    marked = turn_marks.of_turns(session, turn_marks.marked(session))
    people, count = _People(), Counter[str]()
    with ExitStack() as stack:
        asked, reports, judge = (
            stack.enter_context(replacing(folder / name)) for name in (QUESTIONS, REPORTS, JUDGE)
        )
        for case_id, turns in sorted(questions.by_case(session, marked).items()):
            case = cases.get_case(session, case_id)
            if sites is not None and case.site not in sites:
                continue
            newest = _newest(session, case_id)
            if newest is None:
                count["broken"] += len(turns)
                continue
            texts = _Texts(session, case_id, newest, turns, marked)
            report = _report(session, case, newest, texts, f"m{count['reports'] + 1}", people)
            written = 0
            for turn in turns:
                if turn.version != newest.version:
                    count["superseded"] += 1
                    continue
                value = _question(turn, marked[turn.turn_id], texts, report["id"], case)
                value["id"] = f"{report['id']}-q{written + 1}"
                if any(map(texts.names_somebody, _said(value, report))):
                    count["named"] += 1
                    continue
                written += 1
                known = "expected" in value
                line(asked if known else judge, value)
                count["questions" if known else "to_judge"] += 1
                count["held_out"] += known and value["split"] == "held_out"
            if written:
                line(reports, report)
                count["reports"] += 1
    return MarkedCount(
        questions=count["questions"],
        held_out=count["held_out"],
        to_judge=count["to_judge"],
        reports=count["reports"],
        broken=count["broken"],
        superseded=count["superseded"],
        named=count["named"],
    )


class _Texts:
    """Takes out of a case's texts who was examined, who signed, who asked and who judged."""

    def __init__(
        self,
        session: Session,
        case_id: str,
        signed: SignedReport,
        turns: Sequence[Turn],
        marked: Mapping[int, Sequence[TurnMark]],
    ) -> None:
        staff = [signed.author, signed.reviewer, *(turn.asked_by for turn in turns)]
        staff += [mark.by for turn in turns for mark in marked[turn.turn_id]]
        names = tuple(dict.fromkeys(person.name for person in staff if person is not None))
        accession = cases.identity(session, case_id).accession
        patients = known_as(session, case_id)
        self._known = [KnownIdentity(patient, accession, "", names) for patient in patients]
        self._words = {accession, *names, *(patient.patient_id for patient in patients)}
        for group in (group for patient in patients for group in patient.name.split("=")):
            parts = [part.strip() for part in group.split("^") if part.strip()]
            self._words |= {"".join(parts), " ".join(parts), " ".join(reversed(parts))}

    def clean(self, text: str) -> str:
        return redacted(text, self._known) if text.strip() else ""

    def names_somebody(self, text: str) -> bool:
        return any(holds(text, word) for word in self._words)


def _newest(session: Session, case_id: str) -> SignedReport | None:
    found = signatures.read(session, case_id)
    return None if found.broken or not found.held else found.held[-1]


def _question(
    turn: Turn, marks: Sequence[TurnMark], texts: _Texts, report: str, case: Case
) -> dict[str, Any]:
    cited = [f"{report}/{part}" for part in turn.citations]
    value: dict[str, Any] = {
        "report": report,
        "lang": turn.lang,
        "kind": KINDS[read_question(turn.question).kind].value,
        "text": texts.clean(turn.question),
        "split": split_of(case.patient_ref),
    }
    right = all(mark.verdict is TurnVerdict.UP for mark in marks)
    if right and turn.refused:
        # It is not kept which of the three it was.
        value["expected"] = AnswerOutcome.NOT_MENTIONED.value
        value["also_right"] = [AnswerOutcome.CANNOT_ANSWER.value, AnswerOutcome.REFUSED.value]
    elif right and cited:
        value |= {"expected": AnswerOutcome.ANSWERED.value, "cites": [cited]}
        value["also_right"] = [
            AnswerOutcome.CORRECTED_PREMISE.value,
            AnswerOutcome.UNCERTAIN.value,
        ]
    else:
        value |= {"answer": texts.clean(turn.answer), "cited": cited, "refused": turn.refused}
        value["verdicts"] = dict(Counter(mark.verdict.value for mark in marks))
        value["corrections"] = [texts.clean(mark.correction) for mark in marks if mark.correction]
    return value


def _report(
    session: Session,
    case: Case,
    signed: SignedReport,
    texts: _Texts,
    key: str,
    people: _People,
) -> dict[str, Any]:
    patient, back = people.of(case.patient_ref)
    who = cases.identity(session, case.case_id)
    performed = who.study_time or signed.signed_at
    submitted = signed.signing.submitted_at if signed.signing else None
    age = None if who.age_years is None else min(who.age_years, OLDEST)
    text = asserted_report(signed)

    def moved(when: datetime) -> str:
        return (when - back).replace(tzinfo=None).isoformat(timespec="minutes") + "+00:00"

    def sentences(part: Sequence[Sentence]) -> list[dict[str, str | None]]:
        return [
            {
                "id": sentence.id,
                "zh": texts.clean(sentence.zh) or None,
                "en": texts.clean(sentence.en) or None,
            }
            for sentence in part
        ]

    return {
        "id": key,
        "accession": key,
        "patient": {
            "id": patient,
            "name": {"zh": None, "en": None},
            "sex": case.sex or "O",
            # 0: not known.
            "born": 0 if age is None else (performed - back).year - age,
        },
        "examination": {
            "modality": case.modality,
            "body_part": case.body_part,
            "description": {"zh": None, "en": f"{case.modality} {case.body_part}".strip()},
            "technique": {"zh": None, "en": None},
            "quality": None,
        },
        "order": {
            "history": texts.clean(case.history),
            "ordered_by": {"department": "", "name": ""},
        },
        "author": {"zh": None, "en": "Author", "role": "author"},
        "reviewer": {"zh": None, "en": "Reviewer", "role": "reviewer"} if signed.reviewer else None,
        "times": {
            "ordered": moved(performed),
            "performed": moved(performed),
            "submitted": moved(submitted or signed.signed_at),
            "signed": moved(signed.signed_at),
        },
        "findings": sentences(text.findings),
        "impression": sentences(text.impression),
        "addenda": [],
        "critical_alert": None,
        "priors": [],
    }


def _said(question: dict[str, Any], report: dict[str, Any]) -> Iterator[str]:
    """Yield what people wrote in a question and its report."""
    yield question["text"]
    yield question.get("answer", "")
    yield from question.get("corrections", ())
    yield report["order"]["history"]
    for sentence in (*report["findings"], *report["impression"]):
        yield from filter(None, (sentence["zh"], sentence["en"]))


KINDS = {
    **{kind: QuestionKind(kind.value) for kind in Kind if kind.value in set(QuestionKind)},
    Kind.METADATA: QuestionKind.WHO_WHEN_HOW,
    Kind.SERIES: QuestionKind.COMPARISON,
    Kind.DECISION: QuestionKind.ADVICE,
    Kind.ORDER: QuestionKind.OUT_OF_SCOPE,
    Kind.OUTSIDE: QuestionKind.OUT_OF_SCOPE,
}
"""What the engine takes a question for, as a question set calls it."""
