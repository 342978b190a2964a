"""What the workstation and the command line ask for, each call in a transaction of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core import errors
from radraft.core.errors import FollowupError, NotFound, RadraftError, SignInError
from radraft.core.metrics import Metrics
from radraft.exchange.targets import load_targets
from radraft.llm.link import LlmState
from radraft.pipeline.alerts import CriticalValues
from radraft.pipeline.audit_trail import AuditTrail, case_event
from radraft.pipeline.following import Follower, WrittenSentence
from radraft.pipeline.full_frames import FullFrames
from radraft.pipeline.health import Health
from radraft.pipeline.impressions import ImpressionWriter, standing_of
from radraft.pipeline.ingest import IngestResult, ingest
from radraft.pipeline.inquiries import Inquiries
from radraft.pipeline.institutions import institution
from radraft.pipeline.key_images import KeyImageChooser
from radraft.pipeline.listing import Listing
from radraft.pipeline.machine_tokens import MachineTokens
from radraft.pipeline.opened_reports import OpenedReports
from radraft.pipeline.openid_sign_in import openid_of
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.presence import Presences
from radraft.pipeline.proofreading import Proofreader, note_saved, warnings_of
from radraft.pipeline.quality_verdict import QualityRemarks, quality_remarks
from radraft.pipeline.reading import ReadingForOthers
from radraft.pipeline.rejections import Rejections
from radraft.pipeline.report_history import ReportHistories
from radraft.pipeline.report_printing import ReportPrinting
from radraft.pipeline.report_signing import ReportSigning
from radraft.pipeline.report_templates import ReportTemplates, begun_report
from radraft.pipeline.retention_rules import RetentionRules
from radraft.pipeline.second_factor import SecondFactors
from radraft.pipeline.shown_turns import ShownTurn, basis_of, shown_turns
from radraft.pipeline.sign_in import SignIn, session_terms
from radraft.pipeline.signed_studies import ShownInquiry, SignedStudies, shown_inquiries
from radraft.pipeline.similar_cases import SimilarSearch
from radraft.pipeline.site_languages import SiteLanguages
from radraft.pipeline.study_facts import study_facts
from radraft.pipeline.study_links import StudyLinks
from radraft.reports import editing, edits, turnround
from radraft.reports.audit import AuditKind
from radraft.reports.characters import require_visible
from radraft.reports.checks.values import Issue
from radraft.reports.dismissal import StandingWarning
from radraft.reports.draft import Draft, DraftedSentence, StoredDraft
from radraft.reports.following import FollowedText
from radraft.reports.lifecycle import SIGNATURES, Move, ReportStep
from radraft.reports.outdated import ImpressionStanding
from radraft.reports.people import Actor
from radraft.reports.signature_rule import SignatureRule
from radraft.reports.site_languages import LanguageRule
from radraft.reports.turnround import TurnroundClock
from radraft.reports.values import (
    AmendmentKind,
    Coverage,
    Lang,
    Origin,
    Report,
    ReportState,
    Sentence,
    SignedReport,
    Wording,
)
from radraft.store import (
    alerts,
    audit,
    cases,
    drafts,
    images,
    inquiries,
    language_rules,
    openings,
    questions,
    report_steps,
    reports,
    retakes,
    retention,
    signature_rules,
    signatures,
)
from radraft.store.key_images import key_images_at
from radraft.store.retention import DroppedImages
from radraft.store.values import EVERYTHING, OpenAlert, Worklist, WorklistFilter, WorklistPlace
from radraft.store.worklist_pages import Visible

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.llm.followup import Answer
    from radraft.llm.profiles import Profile
    from radraft.llm.replicas.router import Replicas
    from radraft.llm.server import Endpoint
    from radraft.store.database import Store
    from radraft.studies.features import FeatureExtractor

log = logging.getLogger("radraft.pipeline.service")


@dataclass(frozen=True)
class CaseView:
    """Everything a study page shows. `identity` is for the reader's eyes only."""

    case: cases.Case
    identity: cases.Identity = field(repr=False)
    images: tuple[cases.StoredImage, ...]
    signed_images: tuple[cases.StoredImage, ...]
    """Those of them that belong to the newest signed version."""
    draft: Draft | None
    offered: Report | None
    """The model's newest draft, where the working report did not begin as it."""
    working: editing.WorkingReport
    """Of revision 0, and empty, where nobody drafted or wrote yet."""
    versions: tuple[SignedReport, ...]
    """Those that are what was signed."""
    broken: tuple[signatures.BrokenSignature, ...]
    """Versions that were changed or removed after they were signed: never shown, only named."""
    warning: tuple[str, str] | None
    """(zh, en): that a version is broken and must not be relied upon."""
    standing: tuple[StandingWarning, ...]
    """What the checks say of the working report, and what readers said of that."""
    turns: tuple[ShownTurn, ...]
    inquiries: tuple[ShownInquiry, ...]
    """Clinicians' questions to a radiologist, oldest first."""
    partial: tuple[DraftedSentence, ...]
    least_support: float | None
    """`Draft.least_support` of the draft the working report began as."""
    notice: tuple[str, str] | None
    """(zh, en): why no model drafted this, or what the model's maker says of its drafts."""
    quality: QualityRemarks | None
    rule: SignatureRule | None
    """What the site asks of a signature; None to whoever only reads."""
    languages: LanguageRule
    """In which languages the site reports."""
    impression: ImpressionStanding | None = None
    """How the working impression stands to its findings; None of a signed report."""
    steps: tuple[ReportStep, ...] = ()
    """What people did with the report besides writing it."""
    dropped: DroppedImages | None = None
    """That a retention rule dropped the study's images."""
    retaken: tuple[str, ...] = ()
    """The `instance_ref`s of images that were taken again."""

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What the checks say of the working report, dismissed or not."""
        return tuple(warning.issue for warning in self.standing)

    def signed_only(self) -> CaseView:
        """Return what everybody may see who reads reports: what was signed, and nothing of what is
        being written since.

        SignInError `not_allowed` where nothing was signed; ReportError `signature_broken` where
        nothing that was holds.
        """
        if not self.versions:
            if self.broken:
                raise self.broken[0].error()
            raise SignInError("not_allowed", site=self.case.site)
        newest = self.versions[-1]
        shown = replace(
            self.working,
            report=newest.report,
            revision=self._signed_revision(),
            state=ReportState.SIGNED,
            editor=newest.author,
            saved_at=newest.signed_at,
            base_version=newest.version,
            author=None,
            writers=(),
            submitted_at=None,
            steps=0,
            amendment=None,
        )
        return replace(
            self,
            case=replace(self.case, state=cases.CaseState.DRAFTED),
            images=self.signed_images,
            draft=None,
            offered=None,
            working=shown,
            standing=(),
            impression=None,
            partial=(),
            least_support=None,
            notice=None,
            quality=None,
            rule=None,
            steps=(),
        )

    def _signed_revision(self) -> int:
        """Return the save that was signed last, or that the amendment began with."""
        if self.working.state is ReportState.SIGNED:
            return self.working.revision
        kept = (*SIGNATURES, Move.AMEND)
        signed = [step.revision for step in self.steps if step.move in kept]
        return signed[-1] if signed else reports.UNBEGUN


@dataclass(frozen=True)
class ServiceStatus:
    """State of the service at one moment."""

    llm: LlmState
    model: str
    waiting: int
    drafting: int
    failed: int
    llm_problem: tuple[str, str] | None = None
    """(zh, en): why vLLM is down."""


@dataclass(frozen=True)
class AnsweredQuestion:
    """A turn as it is kept, and all that its answer rests on."""

    turn: questions.Turn
    answer: Answer = field(repr=False)


@dataclass(frozen=True)
class Llm:
    """The service's sight of vLLM; `app.py` and the command line make one."""

    state: Callable[[], LlmState]
    endpoint: Callable[[], Endpoint | None]
    problem: Callable[[], RadraftError | None] = lambda: None
    """Why it is down, or slower."""
    replicas: Replicas | None = None
    """Several of them, where there are several."""
    elsewhere: Callable[[], bool] = lambda: False
    """Whether there is none that this server could ask, by how it was set up."""


STANDING = (cases.CaseState.RECEIVED, cases.CaseState.DRAFTING, cases.CaseState.FAILED)
NO_LLM = Llm(state=lambda: LlmState.OFF, endpoint=lambda: None)


class Service:
    """One hospital's radraft. Thread-safe; holds no state that a restart may lose."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        profile: Profile,
        *,
        llm: Llm = NO_LLM,
        partial: Callable[[str], tuple[DraftedSentence, ...]] = lambda case_id: (),
        wake: Callable[[], None] = lambda: None,
        load_extractor: Callable[[], FeatureExtractor | None] = lambda: None,
        metrics: Metrics | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.profile = profile
        self._llm = llm
        self._partial = partial
        self._wake = wake
        self._load_extractor = load_extractor
        self.metrics = metrics or Metrics()
        """What this process counts about itself."""
        self.critical = CriticalValues(store, settings)
        """Alerts of critical values: queries, and the steps that people take with them."""
        self.histories = ReportHistories(store)
        """How reports came about."""
        self._limits = turnround.load(settings.turnround)
        self.choosing = KeyImageChooser(store, settings, profile, wake)
        self.full_frames = FullFrames(store, settings)
        """Every image of a study at full depth, for the viewer."""
        self.proofreader = Proofreader(store)
        self.rejections = Rejections(store)
        """Why readers take drafted sentences out."""
        self.impressions = ImpressionWriter(store, self.critical.rules, profile, llm.endpoint)
        """Draws impressions from findings."""
        self.listing = Listing(store)
        """How much there is to list, what one can ask for, and people's saved views."""
        self.health = Health(store, settings, llm.state, llm.replicas)
        """Whether it can be used now, and how much waits."""
        factors = SecondFactors(store, settings.site) if settings.second_factor else None
        self.sign_in = SignIn(store, session_terms(settings), factors=factors)
        """Who is let in."""
        self.openid = openid_of(settings, store, self.sign_in)
        """Who is let in by a hospital's OpenID provider; None where there is none."""
        self.machine_tokens = MachineTokens(store)
        """Which other programs are let in."""
        self.presences = Presences(store, session_terms(settings))
        """Who is on which study."""
        self.trail = AuditTrail(store)
        """Writes down what was looked at and what was refused."""
        self.outbox = Outbox(store, load_targets(settings.targets))
        """What waits to be sent to other systems."""
        self.signing = ReportSigning(
            store, self.critical, self.trail, self.outbox, site=settings.site
        )
        """Review, signature, amendment."""
        self.printing = ReportPrinting(store, settings)
        """Signed reports as text and as PDF."""
        self.inquiries = Inquiries(store, self.trail)
        """Clinicians' questions to radiologists."""
        self.signed_studies = SignedStudies(store, settings)
        """What was signed, for whoever reads it."""
        self.study_links = StudyLinks(store)
        """Links by which a hospital's system opens a study for a person."""
        self.languages = SiteLanguages(store, self.trail, site=settings.site)
        """In which languages sites report."""
        self._follower = Follower(store, profile)
        self.templates = ReportTemplates(store, self.trail, site=settings.site)
        """Report templates and phrases."""
        self.reading = ReadingForOthers(store, self.trail, site=settings.site)
        """Which studies of a site go to the readers of another."""
        self.retention_rules = RetentionRules(store, self.trail, site=settings.site)
        """How long each site keeps its images."""
        self.similar = SimilarSearch(
            store, settings.data_dir / "similar", enabled=settings.similar_cases
        )
        """Signed cases whose pictures are alike."""
        self.opened_reports = OpenedReports(store)
        """Signed reports on open pages, read for the questions that may follow."""

    def worklist(
        self,
        sites: frozenset[str] | None = None,
        *,
        signed_sites: frozenset[str] | None = frozenset(),
        wanted: WorklistFilter = EVERYTHING,
        after: WorklistPlace | None = None,
        limit: int = 500,
        counting: bool = True,
    ) -> Worklist:
        """Return the next lines of what is to be read first, and how much there is in all; the
        lines alone where not `counting`.

        `sites`: whose studies are listed; `signed_sites`: whose studies are listed once a version
        of them was signed. None stands for every site.
        """
        clock = TurnroundClock(self._limits, datetime.now(UTC))
        visible = Visible(sites, signed_sites)
        known = self.listing.counts(wanted, visible, clock) if counting else None
        with self.store.read() as session:
            alarms = alerts.alarms(session, sites)
            waiting = inquiries.open_at(session, sites)
            shown = cases.worklist(
                session,
                clock=clock,
                alerts=alarms.alerts,
                critical=alarms.critical_drafts,
                visible=visible,
                wanted=wanted,
                after=after,
                limit=limit,
                known=known,
                counting=counting,
            )
        return replace(
            shown,
            rows=tuple(replace(row, inquiries=waiting.get(row.case_id)) for row in shown.rows),
            inquiries=tuple(waiting.values()),
            unreadable_alerts=alarms.unreadable,
            open_alerts=tuple(OpenAlert(alert.level, alert.deadline_at) for alert in alarms.alerts),
        )

    def worklist_counts(
        self,
        sites: frozenset[str] | None = None,
        *,
        signed_sites: frozenset[str] | None = frozenset(),
        wanted: WorklistFilter = EVERYTHING,
    ) -> Worklist:
        """Return how much there is in all, and no line. Arguments as `worklist`."""
        clock = TurnroundClock(self._limits, datetime.now(UTC))
        known = self.listing.counts(wanted, Visible(sites, signed_sites), clock)
        return cases.counted(Worklist(rows=(), total=None), known, wanted)

    def case_view(self, case_id: str, *, sites: frozenset[str] | None = frozenset()) -> CaseView:
        """All of one study. NotFound where there is none. `sites`: those whose signed reports its
        reader may see; what answers quote of others is left out."""
        with self.store.read() as session:
            case = cases.get_case(session, case_id)
            stored = drafts.latest(session, case_id)
            working = reports.current(session, case_id)
            begun = self._begun(session, working, stored)
            working = working if begun is None else replace(working, report=begun)
            beside = drafts.offered(session, case_id)
            source = drafts.source(session, case_id)
            written = source.draft if source is not None else None
            signed = signatures.of_page(session, case_id, working)
            images = cases.key_images(session, case_id)
            facts = study_facts(session, case_id)
            shown = CaseView(
                case=case,
                identity=cases.identity(session, case_id),
                images=images,
                signed_images=key_images_at(session, case_id, signed.held[-1].signed_at)
                if signed.held
                else images,
                draft=stored.draft if stored is not None else None,
                offered=beside.draft.report if beside is not None else None,
                working=working,
                versions=signed.held,
                broken=signed.broken,
                warning=signed.warning,
                standing=warnings_of(session, working, facts),
                impression=standing_of(working, facts),
                turns=shown_turns(
                    session, case_id, sites, time_zone=self._time_zone(session, case_id)
                ),
                inquiries=shown_inquiries(session, case_id),
                partial=self._partial(case_id),
                least_support=written.least_support if written is not None else None,
                notice=self.notice(stored.draft) if stored is not None else None,
                quality=quality_remarks(session, case_id),
                rule=signature_rules.or_damaged(session, case.site).rule,
                languages=language_rules.of_site(session, case.site).rule,
                steps=report_steps.of_case(session, case_id),
                dropped=retention.dropped(session, case_id),
                retaken=tuple(sorted(retakes.replaced_instances(session, case_id))),
            )
        if begun is not None:
            # Before the page has it: what it sends back is known as the template's.
            self.templates.begun(case_id)
        return shown

    def _begun(
        self, session: Session, working: editing.WorkingReport, stored: StoredDraft | None
    ) -> Report | None:
        """Return what the report of a case begins as that nobody wrote on and that no model will
        draft, where its site begins reports from templates."""
        untouched = working.revision == reports.UNBEGUN and stored is None
        if not untouched or self._llm.state() is not LlmState.OFF:
            return None
        return begun_report(session, working.report)

    def notice(self, draft: Draft) -> tuple[str, str] | None:
        """(zh, en) of what a reader must know about this draft before reading it."""
        if draft.coverage is Coverage.DRAFTED:
            notice = self.profile.notice_of(draft.adapter_id)
            if draft.report.findings and draft.report.impression:
                return notice.zh, notice.en
            zh, en = errors.message("draft_left_open", {})
            return zh + notice.zh, f"{en} {notice.en}"
        code = draft.error_code or "llm_unreachable"
        return errors.stored_message(code, draft.error_details)

    def image_png(self, image_id: str) -> bytes:
        """A key image as 8-bit PNG."""
        with self._dropped(image_id):
            return images.png(self.store.objects, image_id)

    def image_values(self, image_id: str) -> bytes:
        """A key image at full depth: zlib-compressed little-endian int16, row by row."""
        with self._dropped(image_id):
            return images.values(self.store.objects, image_id)

    @contextmanager
    def _dropped(self, image_id: str) -> Iterator[None]:
        """Raise NotFound `images_dropped` for an image that a retention rule dropped."""
        try:
            yield
        except NotFound:
            with self.store.read() as session:
                raise retention.missing_image(session, image_id) from None

    def opened(self, case_id: str, actor: Actor, *, seconds_ago: float = 0.0) -> None:
        """Note that the actor opened the study so long ago. NotFound."""
        when = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        with self.store.begin() as session:
            openings.add(session, case_id, actor.who, when)

    def save(
        self,
        case_id: str,
        report: Report,
        *,
        base_revision: int,
        actor: Actor,
        merge: bool = False,
        under_way: Report | None = None,
        confirmed: Mapping[str, frozenset[Lang]] | None = None,
    ) -> editing.WorkingReport:
        """Keep an edit, and bring the case's alerts to what it states, both or neither.

        RevisionConflict where someone else saved since `base_revision`; `merge`: what the actor
        himself saved in another page is kept too, where that is not the same. `under_way`,
        `confirmed`: as for `reports.save`.
        """
        edits.load_rules()
        with self.store.begin() as session:
            cases.lock(session, case_id)
            before = reports.current(session, case_id)
            saved = reports.save(
                session,
                case_id,
                report,
                base_revision=base_revision,
                editor=actor.who,
                permissions=actor.permissions,
                merge=merge,
                under_way=under_way,
                confirmed=confirmed or {},
            )
            note_saved(session, before, saved)
            self.critical.report_saved(
                session, case_id, saved.report, actor=actor, now=datetime.now(UTC)
            )
            if saved.revision == before.revision:
                return saved
            audit.append(
                session, case_event(AuditKind.WRITE, case_id, actor, revision=saved.revision)
            )
            return saved

    def follow(self, case_id: str, written: Sequence[WrittenSentence]) -> dict[str, FollowedText]:
        """Return what follows in the other language, by sentence: as `Follower.follow`."""
        return self._follower.follow(case_id, written, self._llm.endpoint())

    def redraft(self, case_id: str) -> None:
        """Queue a case again. What a person wrote stays."""
        with self.store.begin() as session:
            cases.requeue(session, case_id)
        self._wake()

    def ingest(self, path: Path) -> IngestResult:
        """Take in the files at `path`; what can be drafted waits for the worker."""
        result = ingest(
            path,
            store=self.store,
            profile=self.profile,
            site=self.settings.site,
            scratch=self.settings.data_dir / "scratch",
            load_extractor=self._load_extractor,
        )
        self._wake()
        return result

    def ask(
        self,
        case_id: str,
        question: str,
        *,
        actor: Actor,
        sites: frozenset[str] | None = frozenset(),
    ) -> AnsweredQuestion:
        """Answer a question from the newest signed version and keep the turn with the case.

        `sites`: those whose signed reports the asker may read, None: all. The patient's earlier
        ones count where they are of the case's site and it is among them. Errors as `signed` and
        `followup.ask`.
        """
        from radraft.llm import followup
        from radraft.pipeline.asked_reports import grounds

        require_visible(question, "question")
        signed = self.signed(case_id)
        with self.store.read() as session:
            history = tuple((t.question, t.answer) for t in questions.turns(session, case_id))
            zone = self._time_zone(session, case_id)
            ground = grounds(session, case_id, signed, sites, time_zone=zone)
        answer = followup.ask(
            question,
            signed,
            profile=self.profile,
            endpoint=self._llm.endpoint(),
            sentences=self.opened_reports.encoder(),
            history=history,
            known=ground.known,
            priors=ground.priors,
        )
        with self.store.begin() as session:
            turn = questions.add_turn(
                session,
                case_id,
                question=question,
                answer=answer.answer,
                lang=answer.lang,
                citations=answer.citations,
                refused=answer.refused,
                nearest=answer.nearest,
                asked_by=actor.who,
                version=signed.version,
                basis=basis_of(answer, answer.kind.value, ground.versions),
            )
            audit.append(session, case_event(AuditKind.QUESTION, case_id, actor))
            return AnsweredQuestion(turn, answer)

    def _time_zone(self, session: Session, case_id: str) -> str:
        """Return whose clock tells moments of a case."""
        site = cases.get_case(session, case_id).site
        return institution(self.settings, site).time_zone

    def addendum_of_answer(
        self, case_id: str, inquiry_id: int, *, actor: Actor, base_step: int, reason: str
    ) -> editing.WorkingReport:
        """Begin an addendum whose first new sentence is what a radiologist answered, under the
        impression. Errors as `Inquiries.answer_for_addendum`, `ReportSigning.amend` and `save`.

        Where the sentence cannot be saved, the addendum is begun all the same, as by hand.
        """
        text, lang = self.inquiries.answer_for_addendum(case_id, inquiry_id)
        amended = self.signing.amend(
            case_id,
            actor=actor,
            base_step=base_step,
            reason=reason,
            kind=AmendmentKind.ADDENDUM,
        )
        added = Sentence(f"q{inquiry_id}-{amended.revision}", (Wording(lang, text, Origin.PERSON),))
        report = replace(amended.report, impression=(*amended.report.impression, added))
        return self.save(case_id, report, base_revision=amended.revision, actor=actor)

    def signed(self, case_id: str) -> SignedReport:
        """Return the newest signed version.

        FollowupError `followup_not_signed` where there is none; ReportError `signature_broken`
        where one is not what was signed.
        """
        with self.store.read() as session:
            cases.get_case(session, case_id)
            versions = signatures.versions(session, case_id)
        if not versions:
            raise FollowupError("followup_not_signed")
        return versions[-1]

    def status(self) -> ServiceStatus:
        """State of vLLM and of the queue."""
        with self.store.read() as session:
            # What waits and what failed; how many are done is nobody's question at every poll.
            counts = cases.state_counts(session, *STANDING)
        problem = self._llm.problem()
        return ServiceStatus(
            llm=self._llm.state(),
            model=self.profile.name,
            waiting=counts[cases.CaseState.RECEIVED],
            drafting=counts[cases.CaseState.DRAFTING],
            failed=counts[cases.CaseState.FAILED],
            llm_problem=(problem.message_zh, problem.message_en) if problem is not None else None,
        )
