"""The engine that answers: `llm.followup`, given a question set's reports as signed reports.

The one module of this package that knows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError
from radraft.eval.asking.sources import cited_texts
from radraft.eval.asking.values import (
    AnswerOutcome,
    AskedReport,
    Reply,
    ReportSentence,
    StatedPolarity,
)
from radraft.llm.asking.questions import language
from radraft.llm.asking.sources import Known, source_of
from radraft.llm.asking.values import Finding, MetadataField
from radraft.llm.asking.wording import worded
from radraft.llm.followup import ask, prepare
from radraft.reports.people import typed_person
from radraft.reports.values import (
    Lang,
    Manner,
    Origin,
    Report,
    Sentence,
    SignedReport,
    Signing,
    both,
)

if TYPE_CHECKING:
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile
    from radraft.llm.sentences import SentenceEncoder


@dataclass(frozen=True)
class FollowupEngine:
    """Asks `llm.followup`. `endpoint` None: no model answers, as when vLLM is down."""

    profile: Profile
    endpoint: Endpoint | None
    sentences: SentenceEncoder | None
    """None: rules alone, as where the sentence model is not there."""

    def open(self, report: AskedReport) -> None:
        """Read the report, as its page has it read in the background."""
        prepare(signed_report(report), self.sentences, known(report))

    def answer(
        self,
        question: str,
        report: AskedReport,
        priors: Sequence[AskedReport],
        history: Sequence[tuple[str, str]],
    ) -> Reply:
        """Answer from the open report, what is known of it and `priors`. Where it fails the reply
        is the error's sentence, which says that there is no answer."""
        try:
            found = ask(
                question,
                signed_report(report),
                profile=self.profile,
                endpoint=self.endpoint,
                sentences=self.sentences,
                history=history,
                known=known(report),
                priors=[source_of(signed_report(one), known(one)) for one in priors],
            )
        except RadraftError as error:
            said = error.message_zh if language(question) == "zh" else error.message_en
            return Reply(AnswerOutcome.CANNOT_ANSWER, said, failed=error.code)
        near = tuple(f"{report.id}/{part}" for part in found.nearest)
        return Reply(
            AnswerOutcome(found.outcome.value),
            found.answer,
            cites=tuple(f"{quote.source}/{quote.part}" for quote in found.quotes),
            shown=near + tuple(f"{quote.source}/{quote.part}" for quote in found.related),
            polarity=None if found.polarity is None else StatedPolarity(found.polarity.value),
        )


def reply_of(found: Finding, lang: Lang) -> Reply:
    """Return what a person sees of a finding, put into words."""
    return Reply(
        AnswerOutcome(found.outcome.value),
        worded(found, lang),
        cites=tuple(f"{quote.source}/{quote.part}" for quote in found.quotes),
        shown=tuple(f"{quote.source}/{quote.part}" for quote in found.related),
        polarity=None if found.polarity is None else StatedPolarity(found.polarity.value),
    )


def known(report: AskedReport) -> Known:
    """Return what is known of a report beside its text."""
    texts = {
        name: cited_texts(f"{report.id}/{name.value}", {report.id: report})
        for name in MetadataField
    }
    return Known(
        datetime.fromisoformat(report.times.performed),
        " ".join(report.examination.description.given),
        tuple((name, given[0]) for name, given in texts.items() if given),
        report_id=report.id,
    )


def signed_report(report: AskedReport) -> SignedReport:
    """Return the report as its newest signed version: addenda follow the impression."""
    content = Report(
        report.id,
        tuple(map(_sentence, report.findings)),
        tuple(map(_sentence, report.impression + report.addenda)),
    )
    author = typed_person(report.author.en or report.author.zh or "author")
    reviewer = report.reviewer
    signed_at = datetime.fromisoformat(report.times.signed).astimezone(UTC)
    signing = Signing(
        Manner.REVIEWED if reviewer else Manner.ALONE,
        datetime.fromisoformat(report.times.submitted).astimezone(UTC) if reviewer else None,
        "",
        password_confirmed=True,
    )
    return SignedReport(
        case_id=report.id,
        version=1 + len(report.addenda),
        report=content,
        draft_sha=None,
        author=author,
        reviewer=typed_person(reviewer.en or reviewer.zh or "reviewer") if reviewer else None,
        signed_at=signed_at,
        confirmed=(),
        supersedes=None,
        # No signature is verified here; reports must only differ by it.
        content_sha=hashlib.sha256(report.id.encode()).hexdigest(),
        signing=signing,
    )


def _sentence(sentence: ReportSentence) -> Sentence:
    return Sentence(sentence.id, both(sentence.zh or "", sentence.en or "", Origin.PERSON))
