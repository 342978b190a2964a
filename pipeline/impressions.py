"""How the impression of a case stands to its findings, and the changes to it that are offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import DraftingError
from radraft.llm.concluding import PATIENCE_S, write_impression
from radraft.llm.profiles import Task
from radraft.pipeline.study_facts import study_facts
from radraft.reports.assertion import in_languages, without_grey
from radraft.reports.checks.reading import read_report
from radraft.reports.concluding import Conclusion, conclude, conclude_with
from radraft.reports.offered import OfferedText
from radraft.reports.outdated import ImpressionStanding, standing
from radraft.reports.values import Origin, ReportState
from radraft.store import cases, offered, reports

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile
    from radraft.reports.checks.values import ReadReport, StudyFacts
    from radraft.reports.critical import CriticalRules
    from radraft.reports.editing import WorkingReport
    from radraft.reports.people import Actor
    from radraft.store.database import Store


@dataclass(frozen=True)
class ImpressionOffer:
    """Changes to the impression of a report, offered to whoever writes in it."""

    revision: int
    """The save whose findings they are drawn from."""
    conclusion: Conclusion
    fell_back: str | None
    """Code of why the model that should have written it did not; None where it did, and where no
    model is asked."""


class ImpressionWriter:
    """Draws impressions from the findings of one store's reports."""

    def __init__(
        self,
        store: Store,
        rules: CriticalRules,
        profile: Profile,
        endpoint: Callable[[], Endpoint | None],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self._rules = rules
        self._profile = profile
        self._endpoint = endpoint
        self._patience_s = patience_s

    def standing(self, case_id: str) -> ImpressionStanding | None:
        """Return how the impression of a case stands to its findings; None of a signed one.
        NotFound `case_not_found`."""
        with self._store.read() as session:
            working = reports.current(session, case_id)
            return standing_of(working, study_facts(session, case_id))

    def offer(self, case_id: str, *, base_revision: int, actor: Actor) -> ImpressionOffer:
        """Return the changes that bring the impression to the findings of `base_revision`.

        What is offered is kept with the case, so that it stays a machine's in a save. Where the
        profile says so the served model writes it (in `patience_s` seconds), else, and
        where it does not answer, the finding vocabulary. ReportError as a save by `actor` would
        raise it; RevisionConflict where somebody saved since; NotFound `case_not_found`.
        """
        with self._store.read() as session:
            working = _writable(session, case_id, base_revision, actor)
            read = _read(working, study_facts(session, case_id))
        conclusion, fell_back = self._conclude(read)
        texts = tuple(self._texts(case_id, conclusion))
        with self._store.begin() as session:
            cases.lock(session, case_id)
            # The model took its time: what is offered must still be of what stands.
            _writable(session, case_id, base_revision, actor)
            offered.add(session, texts, datetime.now(UTC))
        return ImpressionOffer(base_revision, conclusion, fell_back)

    def _conclude(self, read: ReadReport) -> tuple[Conclusion, str | None]:
        by_rules = conclude(read, self._rules)
        if Task.IMPRESSION not in self._profile.tasks or not by_rules.proposals:
            return by_rules, None
        try:
            lines = write_impression(
                read.report.findings,
                profile=self._profile,
                endpoint=self._endpoint(),
                patience_s=self._patience_s,
            )
        except DraftingError as error:
            return by_rules, error.code
        by_model = conclude_with(read, self._rules, lines)
        if by_model is None:
            return by_rules, "impression_not_borne"
        return by_model, None

    def _texts(self, case_id: str, conclusion: Conclusion) -> Iterator[OfferedText]:
        for proposal in conclusion.proposals:
            line = proposal.line
            if line is None:
                continue
            by_model = line.origin is Origin.MODEL
            source = f"impression:{self._profile.name[:64] if by_model else 'vocabulary'}"
            for lang, text in line.texts:
                yield OfferedText(case_id, proposal.sentence_id, lang, text, line.origin, source)


def standing_of(working: WorkingReport, facts: StudyFacts) -> ImpressionStanding | None:
    """Return how the impression of a report stands to its findings; None of a signed one."""
    if working.state is ReportState.SIGNED:
        return None
    return standing(_read(working, facts))


def _read(working: WorkingReport, facts: StudyFacts) -> ReadReport:
    # Reports of earlier examinations are no part of what is compared here.
    facts = replace(facts, priors=None)
    # What a template says and nobody confirmed was not looked at: it is neither there nor normal.
    report = without_grey(working.report)
    return read_report(in_languages(report, facts.language_rule.languages), facts)


def _writable(session: Session, case_id: str, base_revision: int, actor: Actor) -> WorkingReport:
    working = reports.editable(session, case_id, actor)
    reports.require_revision(session, working, base_revision)
    return working
