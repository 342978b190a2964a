"""The line's first half: files in, cases out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import StudyRejected
from radraft.core.scratch import ScratchFolder
from radraft.llm import draft
from radraft.pipeline.draft_store import store_draft
from radraft.pipeline.eligibility import barred
from radraft.pipeline.late_images import join_originals
from radraft.pipeline.orders import match_case
from radraft.pipeline.patient_identity import bring_up_to_date
from radraft.pipeline.reading import decide_new
from radraft.store import cases, images, late_images, originals, patient_records, priors, quality
from radraft.studies.choose.frames import cleaned
from radraft.studies.decode import Decoder
from radraft.studies.deidentify import deidentify
from radraft.studies.key_images import key_images
from radraft.studies.one_patient import PATIENTS_DIFFER
from radraft.studies.quality.check import check
from radraft.studies.quality.judge import judge
from radraft.studies.quality.values import StudyQuality
from radraft.studies.read import read
from radraft.studies.values import CheckedStudy, DeidStudy, KeyImages, Rejection, Study

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.store.database import Store
    from radraft.studies.features import FeatureExtractor

log = logging.getLogger("radraft.pipeline.ingest")

BEING_DRAFTED = "study_being_drafted"
LATER = frozenset({BEING_DRAFTED})
"""Refusals that pass by themselves: the same files can be taken in later."""
UNCOUNTED = frozenset(
    {
        *("duplicate_instance", "file_not_found", "link_leaves_folder", "no_files", "not_dicom"),
        PATIENTS_DIFFER,
    }
)
"""Refusals of single files that say nothing about a site's images, or are counted by the study."""
STUDIES_OF_A_DECODER = 100
"""Studies after which a new process decodes: what its libraries keep of memory stays bounded."""


@dataclass(frozen=True)
class IngestResult:
    """What became of the files of one path."""

    cases: tuple[str, ...]
    """Case ids of studies that were taken in now."""
    known: tuple[str, ...]
    """Case ids of studies that had been taken in before and are not drafted anew: nothing new came,
    or its report was begun."""
    rejections: tuple[Rejection, ...]
    stored: frozenset[Path] = field(default=frozenset(), repr=False)
    """Files whose bytes are with the originals of a case now."""
    refused: tuple[tuple[Path, str], ...] = field(default=(), repr=False)
    """Readable files that are not, each with its code."""


def ingest(
    path: Path,
    *,
    store: Store,
    profile: Profile,
    site: str,
    scratch: Path,
    load_extractor: Callable[[], FeatureExtractor | None] = lambda: None,
    judging: bool = True,
    archived: bool = False,
    on_study: Callable[[int, int], None] | None = None,
) -> IngestResult:
    """Take in a file, folder, zip or DICOMDIR; what is bad in it is rejected, the rest goes on.

    Images of a study that was taken in before are added to its case. The encoder that
    `load_extractor` gives chooses slices and judges quality; without one rules decide alone. A
    study outside the profile's coverage, or too poor to draft from, gets its skeleton and plain
    statement here; the others wait for a draft. `judging=False` drafts from anything: an evaluation
    asks about every film. `archived`: past studies, which stand on no worklist and wait for no
    draft. `on_study(done, total)` is called after each study.
    """
    new: list[str] = []
    known: list[str] = []
    stored: set[Path] = set()
    refused: list[tuple[Path, str]] = []
    with ScratchFolder(scratch, "ingest-") as work_dir, Decoder() as decoder:
        intake = _StudyIntake(store, profile, site, load_extractor, judging, archived, decoder)
        result = read(path, work_dir)
        rejections = list(result.rejections)
        intake.count(
            *(rejection.code for rejection in rejections if rejection.code not in UNCOUNTED)
        )
        for mixed in result.mixed:
            # Once for the study, not for each of its files.
            intake.count(PATIENTS_DIFFER, study=mixed)
            refused.extend((instance.path, PATIENTS_DIFFER) for instance in mixed.instances)
        for done, study in enumerate(result.studies, start=1):
            files = [instance.path for instance in study.instances]
            try:
                added = intake.take_in(study, work_dir)
            except StudyRejected as error:
                file = error.file or files[0].name
                rejections.append(Rejection(file, error.code, error.message_zh, error.message_en))
                refused.extend((file, error.code) for file in files)
                if error.code not in LATER:
                    intake.count(error.code, study=study)
            else:
                (new if added.drafted_anew else known).append(added.case_id)
                rejections.extend(added.rejections)
                refused.extend(added.refused)
                stored.update(files)
            if done % STUDIES_OF_A_DECODER == 0:
                decoder.close()
            if on_study is not None:
                on_study(done, len(result.studies))
    stored.difference_update(path for path, _ in refused)
    return IngestResult(
        tuple(new), tuple(known), tuple(rejections), frozenset(stored), tuple(refused)
    )


@dataclass(frozen=True)
class _AddedImages:
    """What became of a study's images."""

    case_id: str
    drafted_anew: bool
    """The case is new, or waits for a draft again."""
    rejections: tuple[Rejection, ...] = ()
    refused: tuple[tuple[Path, str], ...] = field(default=(), repr=False)
    """Files that are not with the originals, each with its code."""


@dataclass(frozen=True)
class _PreparedStudy:
    """A study on which all work was done that needs no transaction."""

    checked: CheckedStudy
    deid: DeidStudy
    images: KeyImages
    quality: StudyQuality | None
    """None where nobody judged it."""


@dataclass(frozen=True)
class _StudyIntake:
    """Takes studies in, one after another."""

    store: Store
    profile: Profile
    site: str
    load_extractor: Callable[[], FeatureExtractor | None]
    judging: bool
    archived: bool
    decoder: Decoder
    """One for all studies: to start a process takes longer than what it does for most."""

    def take_in(self, study: Study, work_dir: Path) -> _AddedImages:
        """Make the study a case, or add what is new in it to the case that it is already."""
        with self.store.read() as session:
            case_id = cases.find_case(session, study.study_uid)
        if case_id is None:
            case_id = self._add_case(study)
            if case_id is not None:
                return _AddedImages(case_id, drafted_anew=True)
            # Another process was faster, perhaps with fewer images.
            return self.take_in(study, work_dir)
        return self._add_images(study, case_id, work_dir)

    def count(self, *codes: str, study: Study | None = None) -> None:
        """Count at the site what became no case."""
        if codes:
            with self.store.begin() as session:
                for code in codes:
                    quality.refuse(session, site=self.site, code=code, study=study)

    def _add_case(self, study: Study) -> str | None:
        """Return the id of the new case; None where the study is a case by now."""
        prepared = self._prepare(study)
        case_id = prepared.deid.case_id
        # Objects first: a row must never point at bytes that are not there.
        keys = tuple(
            originals.put(self.store.objects, case_id, instance.path)
            for instance in study.instances
        )
        with self.store.begin() as session:
            added = cases.add_study(
                session,
                site=self.site,
                study=study,
                deid=prepared.deid,
                issues=prepared.checked.issues,
                original_keys=keys,
                archived=self.archived,
            )
            if added:
                self._record(session, prepared)
            if added and not self.archived:
                decide_new(session, self.site, case_id, datetime.now(UTC))
        if not added:
            return None
        log.info("case %s taken in, %d key images", case_id, len(prepared.images.images))
        return case_id

    def _add_images(self, study: Study, case_id: str, work_dir: Path) -> _AddedImages:
        """Put what is new in `study` to its case, which was taken in before.

        While nobody has edited or signed its report, the case is taken in anew with all its images
        and waits for a draft. Afterwards the images are kept with the originals and the case says
        that they came late. StudyRejected `study_being_drafted` while a draft is made.
        """
        store = self.store
        with store.read() as session:
            before = late_images.held(session, case_id)
            patient = patient_records.sent_identity(session, case_id).patient
        folder = Path(tempfile.mkdtemp(prefix="late-", dir=work_dir))
        joined = join_originals(study, patient, before.original_keys, store.objects, folder)
        if joined.patients_differ:
            self._refuse_strangers(study, case_id)
        added = _AddedImages(case_id, False, joined.rejections, joined.refused)
        if not joined.new:
            return added
        if before.stage is late_images.Stage.DRAFTING:
            raise StudyRejected(BEING_DRAFTED)
        is_open = before.stage is late_images.Stage.OPEN
        prepared = self._prepare(joined.study) if is_open else None
        new = {
            instance.path: originals.put(store.objects, case_id, instance.path)
            for instance in joined.new
        }
        keys = joined.keys | new
        in_order = tuple(keys[instance.path] for instance in joined.study.instances)
        with store.begin() as session:
            now = late_images.held(session, case_id, lock=True)
            if now.stage is late_images.Stage.DRAFTING or now.original_keys != before.original_keys:
                # Claimed, or joined by another process, while this one looked at the images.
                raise StudyRejected(BEING_DRAFTED)
            if prepared is None or now.stage is late_images.Stage.BEGUN:
                deid = deidentify(CheckedStudy(joined.study, ()), store.secret)
                late_images.keep(session, joined.study, deid, in_order)
                match_case(session, case_id, datetime.now(UTC), header=joined.study.priority)
                return added
            late_images.renew(session, prepared.checked, prepared.deid, in_order)
            self._record(session, prepared)
        return replace(added, drafted_anew=True)

    def _refuse_strangers(self, study: Study, case_id: str) -> None:
        """Count images of another patient that came for a case, and have its readers told."""
        self.count(PATIENTS_DIFFER, study=study)
        with self.store.begin() as session:
            late_images.note(session, case_id, late_images.PATIENTS_DIFFER)

    def _prepare(self, study: Study) -> _PreparedStudy:
        """Do everything about a study that needs no transaction; key images are stored."""
        checked = check(study)
        deid = deidentify(checked, self.store.secret)
        extractor = self.load_extractor()
        budget = self.profile.vllm.max_images
        chosen = key_images(
            deid, budget=budget, extractor=extractor, clean=cleaned, decoder=self.decoder
        )
        images.save(self.store.objects, chosen)
        verdict = judge(checked, chosen, extractor) if self.judging else None
        return _PreparedStudy(checked, deid, chosen, verdict)

    def _record(self, session: Session, prepared: _PreparedStudy) -> None:
        """Record key images, quality and priors; a case that no model may draft is settled."""
        case_id = prepared.deid.case_id
        cases.add_key_images(session, prepared.images)
        images.save_missing(self.store.objects, prepared.images)
        if prepared.quality is not None:
            quality.save(session, case_id, prepared.quality, prepared.checked.study)
        now = datetime.now(UTC)
        bring_up_to_date(session, case_id, self.store.secret, now, told=False)
        priors.record(session, case_id, now)
        match_case(session, case_id, now)
        no = None if self.archived else barred(session, self.profile, prepared.deid)
        if no is not None:
            store_draft(session, draft.withheld(case_id, self.profile, no.why))
