"""The engine that answers: `llm.followup`, given a question set's reports as signed reports.

The one module of this package that knows it. What it does not do yet (earlier reports, metadata,
correcting a premise) shows in the scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError
from radraft.eval.asking.values import AnswerOutcome, AskedReport, Reply, ReportSentence
from radraft.llm.followup import ask, language
from radraft.reports.people import typed_person
from radraft.reports.values import Manner, Origin, Report, Sentence, SignedReport, Signing, both

if TYPE_CHECKING:
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile
    from radraft.llm.sentences import SentenceEncoder


@dataclass(frozen=True)
class FollowupEngine:
    """Asks `llm.followup`. `endpoint` None: no model answers, as when vLLM is down."""

    profile: Profile
    endpoint: Endpoint | None
    sentences: SentenceEncoder

    def answer(
        self,
        question: str,
        report: AskedReport,
        priors: Sequence[AskedReport],
        history: Sequence[tuple[str, str]],
    ) -> Reply:
        """Answer from the open report; the engine takes no priors. Where it fails the reply is the
        error's sentence, which says that there is no answer."""
        try:
            found = ask(
                question,
                signed_report(report),
                profile=self.profile,
                endpoint=self.endpoint,
                sentences=self.sentences,
                history=history,
            )
        except RadraftError as error:
            said = error.message_zh if language(question) == "zh" else error.message_en
            return Reply(AnswerOutcome.CANNOT_ANSWER, said, failed=error.code)
        outcome = AnswerOutcome.NOT_MENTIONED if found.refused else AnswerOutcome.ANSWERED
        return Reply(
            outcome,
            found.answer,
            cites=tuple(f"{report.id}/{cited}" for cited in found.citations),
            shown=tuple(f"{report.id}/{near}" for near in found.nearest),
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
