"""What is asked, of which report, and what came back. The file shapes are those of
`bench/unseen/ask/README.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

Alternatives: TypeAlias = tuple[tuple[str, ...], ...]
"""Citations (`report/sentence` or `report/field`), one alternative each."""


class QuestionKind(StrEnum):
    """What a question is about."""

    PRESENCE = "presence"
    SIDE = "side"
    PLACE = "place"
    SIZE = "size"
    NUMBER = "number"
    CHANGE = "change"
    CERTAINTY = "certainty"
    CAUSE = "cause"
    ADVICE = "advice"
    DEVICE_POSITION = "device_position"
    QUALITY = "quality"
    WHO_WHEN_HOW = "who_when_how"
    DEFINITION = "definition"
    COMPARISON = "comparison"
    IMAGE = "image"
    OUT_OF_SCOPE = "out_of_scope"


class AnswerOutcome(StrEnum):
    """What an answer does with its question."""

    ANSWERED = "answered"
    CORRECTED_PREMISE = "corrected premise"
    UNCERTAIN = "uncertain"
    NOT_MENTIONED = "not mentioned"
    CANNOT_ANSWER = "cannot answer"
    REFUSED = "refused"


ANSWERABLE = frozenset(
    {AnswerOutcome.ANSWERED, AnswerOutcome.CORRECTED_PREMISE, AnswerOutcome.UNCERTAIN}
)
"""Outcomes that state something as a report's."""


class AnswerScore(StrEnum):
    """How an answer is judged; of several that fit the first counts."""

    OBEYED = "obeyed"
    FALSE_DENIAL = "false denial"
    WRONG_REFUSAL = "wrong refusal"
    PREMISE_ACCEPTED = "wrong premise accepted"
    INVENTED = "invented"
    WRONG_OUTCOME = "wrong outcome"
    WRONG_SENTENCE = "wrong sentence"
    WRONG_VALUE = "wrong value"
    REFUSED_RIGHTLY = "refused rightly"
    RIGHT = "right"


class StatedPolarity(StrEnum):
    """What is said of the thing asked after."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


StatedChange: TypeAlias = Literal[
    "new", "larger", "smaller", "better", "worse", "unchanged", "resolved", "moved"
]


@dataclass(frozen=True)
class ExpectedValue:
    """One alternative of what an answer must state; the fields that are given belong together."""

    numbers: tuple[float, ...] | None = None
    unit: str | None = None
    """None takes any unit."""
    side: Literal["left", "right", "bilateral"] | None = None
    change: StatedChange | None = None
    date: str | None = None
    """`2025-12-15`, or `2025-12` for any day in it."""
    time: str | None = None
    """`22:31`."""
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Injection:
    """An order hidden in a text."""

    canary: str
    where: str = ""
    obeyed_if: str = ""


@dataclass(frozen=True)
class Question:
    """A question with what a right answer is."""

    id: str
    report: str
    """The report that is open when it is asked."""
    lang: Literal["zh", "en", "mixed"]
    kind: QuestionKind
    text: str
    expected: AnswerOutcome
    cites: Alternatives = ()
    related: Alternatives = ()
    also_right: tuple[AnswerOutcome, ...] = ()
    polarity: StatedPolarity | None = None
    values: tuple[ExpectedValue, ...] = ()
    pair: str | None = None
    chain: str | None = None
    turn: int | None = None
    injection: Injection | None = None


@dataclass(frozen=True)
class Texts:
    """A text in Chinese, English or both."""

    zh: str | None = None
    en: str | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The texts that are there."""
        return tuple(text for text in (self.zh, self.en) if text)


@dataclass(frozen=True, kw_only=True)
class ReportSentence(Texts):
    """A sentence of a signed report."""

    id: str


@dataclass(frozen=True, kw_only=True)
class Reader(Texts):
    """Who wrote or reviewed."""

    role: str


@dataclass(frozen=True, kw_only=True)
class AddendumSentence(ReportSentence):
    """A sentence added later; one that corrects another counts before it."""

    author: Reader
    signed: str


@dataclass(frozen=True)
class PatientDetails:
    """Whose report it is."""

    id: str
    name: Texts
    sex: str
    born: int


@dataclass(frozen=True)
class ExaminationDetails:
    """What was done."""

    modality: str
    body_part: str
    description: Texts
    technique: Texts
    quality: Texts | None


@dataclass(frozen=True)
class OrderingDoctor:
    """Who ordered it."""

    department: str
    name: str


@dataclass(frozen=True)
class OrderDetails:
    """The order as it was typed."""

    history: str
    ordered_by: OrderingDoctor


@dataclass(frozen=True)
class ReportTimes:
    """ISO 8601, to the minute, with the offset from UTC."""

    ordered: str
    performed: str
    submitted: str
    signed: str


@dataclass(frozen=True)
class AlertDetails:
    """A critical finding and who was told."""

    finding: str
    sentence: str
    told: str
    told_at: str
    acknowledged_at: str | None = None


@dataclass(frozen=True)
class AskedReport:
    """A signed report as an engine may see it: without the notes of whoever wrote the set."""

    id: str
    accession: str
    patient: PatientDetails
    examination: ExaminationDetails
    order: OrderDetails
    author: Reader
    reviewer: Reader | None
    times: ReportTimes
    findings: tuple[ReportSentence, ...]
    impression: tuple[ReportSentence, ...]
    addenda: tuple[AddendumSentence, ...] = ()
    critical_alert: AlertDetails | None = None
    priors: tuple[str, ...] = ()
    """Ids of the patient's earlier reports, oldest first."""

    @property
    def sentences(self) -> tuple[ReportSentence, ...]:
        """All sentences in reading order, addenda last."""
        return self.findings + self.impression + self.addenda


@dataclass(frozen=True)
class QuestionSet:
    """Questions, the reports that they are about, and the orders hidden in these."""

    questions: tuple[Question, ...]
    reports: Mapping[str, AskedReport]
    injections: Mapping[str, tuple[Injection, ...]]
    """By report."""
    sha256: str
    """Of both files' bytes."""

    def within_reach(self, question: Question) -> tuple[AskedReport, ...]:
        """The open report and its priors, oldest last."""
        report = self.reports[question.report]
        return (report, *(self.reports[prior] for prior in reversed(report.priors)))


@dataclass(frozen=True)
class Reply:
    """What an engine gave back, as the person who asked sees it."""

    outcome: AnswerOutcome
    text: str
    """All that is shown as the answer, quotations word for word in it."""
    cites: tuple[str, ...] = ()
    """`report/sentence` or `report/field`: what the answer rests on."""
    shown: tuple[str, ...] = ()
    """Sentences shown beside it that are not given as its ground."""
    polarity: StatedPolarity | None = None
    """Where the engine itself says yes, no or perhaps; None where only its words do."""
    failed: str | None = None
    """Code of the error that came instead of an answer."""


class Engine(Protocol):
    """What answers questions."""

    def open(self, report: AskedReport) -> None:
        """Do with a report what is done when its page is opened, before anything is asked."""

    def answer(
        self,
        question: str,
        report: AskedReport,
        priors: Sequence[AskedReport],
        history: Sequence[tuple[str, str]],
    ) -> Reply:
        """Answer `question` on the open `report`; `history` holds (question, answer's text) of the
        conversation, `priors` the patient's earlier reports, both oldest first."""
