"""The line's first half: files in, cases out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import StudyRejected
from radraft.exchange.values import IngestResult
from radraft.llm import draft
from radraft.pipeline import late_images
from radraft.pipeline.completion import LATER
from radraft.pipeline.eligibility import barred, save
from radraft.store import cases, images, priors, quality
from radraft.studies.choose.frames import cleaned
from radraft.studies.deidentify import deidentify
from radraft.studies.features import FeatureExtractor
from radraft.studies.key_images import key_images
from radraft.studies.quality.check import check
from radraft.studies.quality.judge import judge
from radraft.studies.read import read
from radraft.studies.values import Rejection, Study

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.llm.profiles import Profile
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.draft")

UNCOUNTED = frozenset(
    {"duplicate_instance", "file_not_found", "link_leaves_folder", "no_files", "not_dicom"}
)
"""Refusals that say nothing about a site's images."""


def ingest(
    path: Path,
    *,
    store: Store,
    profile: Profile,
    site: str,
    scratch: Path,
    load_extractor: Callable[[], FeatureExtractor | None] = lambda: None,
    judging: bool = True,
    on_study: Callable[[int, int], None] | None = None,
) -> IngestResult:
    """Take in a file, folder, zip or DICOMDIR; what is bad in it is rejected, the rest goes on.

    Images of a study that was taken in before are added to its case (`late.add`). The encoder that
    `load_extractor` gives chooses slices and judges quality; without one rules decide alone. A
    study outside the profile's coverage, or too poor to draft from, gets its skeleton and plain
    statement here; the others wait for a draft. `judging=False` drafts from anything: an evaluation
    asks about every film. `on_study(done, total)` is called after each study.
    """
    new: list[str] = []
    known: list[str] = []
    stored: set[Path] = set()
    refused: list[tuple[Path, str]] = []
    arrival = _Arrival(store, profile, site, load_extractor, judging)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as work_dir:
        found = read(path, Path(work_dir))
        rejections = list(found.rejections)
        arrival.count(*(one.code for one in rejections if one.code not in UNCOUNTED))
        for done, study in enumerate(found.studies, start=1):
            files = [instance.path for instance in study.instances]
            try:
                added = arrival.take_in(study, Path(work_dir))
            except StudyRejected as error:
                file = error.file or files[0].name
                rejections.append(Rejection(file, error.code, error.message_zh, error.message_en))
                refused.extend((file, error.code) for file in files)
                if error.code not in LATER:
                    arrival.count(error.code, study=study)
            else:
                (new if added.drafted_anew else known).append(added.case_id)
                rejections.extend(added.rejections)
                refused.extend(added.refused)
                stored.update(files)
            if on_study is not None:
                on_study(done, len(found.studies))
    stored.difference_update(path for path, _ in refused)
    return IngestResult(
        tuple(new), tuple(known), tuple(rejections), frozenset(stored), tuple(refused)
    )


@dataclass(frozen=True)
class _Arrival:
    """Studies on their way from files to cases."""

    store: Store
    profile: Profile
    site: str
    load_extractor: Callable[[], FeatureExtractor | None]
    judging: bool

    def take_in(self, study: Study, work_dir: Path) -> late_images.Added:
        """The study's case, new or with what is new about it."""
        store = self.store
        with store.read() as session:
            known = cases.find_case(session, study.study_uid)
        if known is not None:
            return late_images.add(
                study, known, store=store, work_dir=work_dir, ready=self._ready, opened=self._open
            )
        ready = self._ready(study)
        case_id = ready.deid.case_id
        # Objects first: a row must never point at bytes that are not there.
        originals = tuple(late_images.put(store.objects, case_id, one) for one in study.instances)
        with store.begin() as session:
            added = cases.add_study(
                session,
                site=self.site,
                study=study,
                deid=ready.deid,
                issues=ready.checked.issues,
                original_keys=originals,
            )
            if added:
                self._open(session, ready)
        if not added:
            # Another process was faster, perhaps with fewer images.
            return self.take_in(study, work_dir)
        log.info("case %s taken in, %d key images", case_id, len(ready.chosen.images))
        return late_images.Added(case_id, drafted_anew=True)

    def count(self, *codes: str, study: Study | None = None) -> None:
        """A file or a study that became no case still counts at its site."""
        if codes:
            with self.store.begin() as session:
                for code in codes:
                    quality.refuse(session, site=self.site, code=code, study=study)

    def _ready(self, study: Study) -> late_images.Ready:
        """Everything about a study that needs no transaction."""
        checked = check(study)
        deid = deidentify(checked, self.store.secret)
        extractor = self.load_extractor()
        budget = self.profile.vllm.max_images
        chosen = key_images(deid, budget=budget, extractor=extractor, clean=cleaned)
        images.save(self.store.objects, chosen)
        judged = judge(checked, chosen, extractor) if self.judging else None
        return late_images.Ready(checked, deid, chosen, judged)

    def _open(self, session: Session, ready: late_images.Ready) -> None:
        """Record key images, quality and priors; a case that no model may draft is settled."""
        case_id = ready.deid.case_id
        cases.add_key_images(session, ready.chosen)
        if ready.quality is not None:
            quality.save(session, case_id, ready.quality, ready.checked.study)
        priors.record(session, case_id, datetime.now(UTC))
        no = barred(session, self.profile, ready.deid)
        if no is not None:
            save(session, draft.withheld(case_id, self.profile, no.why))
