"""Key images as a reader chooses them: what there is to choose from, and what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, ReportError
from radraft.pipeline.original_frames import Originals
from radraft.reports.lifecycle import UNDER_REVIEW
from radraft.reports.people import Actor
from radraft.reports.values import ReportState
from radraft.store import cases, choices, images, instances
from radraft.store.cases import CaseState
from radraft.store.choices import Choice, Chosen
from radraft.store.tables import ReportRow
from radraft.studies import kos
from radraft.studies.choose.stacks import Plane, Stack, stacks
from radraft.studies.choose.windows import WINDOWS, windows
from radraft.studies.values import Contrast, Kernel, KeyImage, KeyImages, Role, WindowName

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store
    from radraft.store.instances import StoredInstance


@dataclass(frozen=True)
class FrameRun:
    """The frames of one instance."""

    instance_ref: str
    frames: int
    marked: bool


@dataclass(frozen=True)
class FrameSeries:
    """A series, or a part of one that lies in one plane, in reading order."""

    series_ref: str
    number: int | None
    modality: str
    role: Role
    plane: Plane
    kernel: Kernel
    contrast: Contrast
    thickness: float | None
    frames: int
    instances: tuple[FrameRun, ...]


@dataclass(frozen=True)
class StudyFrames:
    """All there is to choose from, without identity."""

    case_id: str
    budget: int
    revision: int
    """Of the present choice; 0 where radraft chose."""
    images: tuple[Chosen, ...]
    """The key images there are at that revision."""
    windows: tuple[WindowName, ...]
    """Through which a frame can be shown, the fitting ones first."""
    series: tuple[FrameSeries, ...]


class KeyImageChooser:
    """Choices of one service. Thread-safe; holds no state that a restart may lose."""

    def __init__(
        self, store: Store, settings: Settings, profile: Profile, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._budget = profile.vllm.max_images
        self._wake = wake
        self._originals = Originals(store, settings.data_dir / "scratch")

    def close(self) -> None:
        """End the worker that decodes, if there is one."""
        self._originals.close()

    def frames(self, case_id: str) -> StudyFrames:
        """Return all frames of a study. NotFound `case_not_found`."""
        found = self._originals.known(case_id)
        with self._store.read() as session:
            case = cases.get_case(session, case_id)
            choice = choices.latest(session, case_id)
            present = cases.key_images(session, case_id)
        return StudyFrames(
            case_id=case_id,
            budget=self._budget,
            revision=0 if choice is None else choice.revision,
            images=tuple(Chosen(i.instance_ref, i.frame, i.window_name) for i in present),
            windows=offered_windows(case.modality, case.body_part),
            series=tuple(frame_series(stack) for stack in stacks(stored.deid for stored in found)),
        )

    def thumbnail(self, case_id: str, wanted: Chosen) -> bytes:
        """Return a small PNG of one frame without burned-in text. NotFound `case_not_found`,
        `key_image_unknown`; StudyRejected where it cannot be decoded."""
        known = {
            instance.deid.instance_ref: instance for instance in self._originals.known(case_id)
        }
        instance = _known(known, wanted)
        return self._originals.thumbnail(case_id, instance, wanted.frame, wanted.window)

    def choose(
        self,
        case_id: str,
        wanted: Sequence[Chosen],
        *,
        base_revision: int,
        actor: Actor,
        keep_edit: bool = False,
    ) -> Choice:
        """Make `wanted` the case's key images, in their order, and have it drafted again.

        An edited report stays as it is, and only where `keep_edit` says that this is understood:
        the new draft is kept beside it. NotFound `case_not_found`, `key_image_unknown`;
        ReportError `key_images_none`, `key_images_too_many`, `key_images_repeated`,
        `key_images_drafting`, `key_images_report_edited`, `report_is_signed`;
        ChoiceConflict; StudyRejected where an image cannot be decoded.
        """
        self._check(wanted)
        known = {
            instance.deid.instance_ref: instance for instance in self._originals.known(case_id)
        }
        found = [_known(known, chosen) for chosen in wanted]
        with self._store.read() as session:
            _allowed(session, case_id, keep_edit=keep_edit)
            before = images.load(session, self._store.objects, case_id)
        taken = (
            self._image(chosen, kept, before) for chosen, kept in zip(wanted, found, strict=True)
        )
        made = KeyImages(case_id, tuple(taken))
        images.save(self._store.objects, made)
        choice = Choice(case_id, base_revision + 1, actor.who, datetime.now(UTC), tuple(wanted))
        # Before the row: it must never point at bytes that are not there.
        self._store.objects.put(choice.document_key, self._document(choice, found))
        try:
            with self._store.begin() as session:
                cases.lock(session, case_id)
                state = _allowed(session, case_id, keep_edit=keep_edit)
                choices.add(session, choice)
                cases.add_key_images(session, made)
                images.save_missing(self._store.objects, made)
                if state is not CaseState.NOT_COVERED:
                    cases.requeue(session, case_id)
        except (ReportError, NotFound):
            # Nobody's choice: the document names the patient and must not stay.
            self._store.objects.remove(choice.document_key)
            raise
        self._wake()
        return choice

    def _check(self, wanted: Sequence[Chosen]) -> None:
        if not wanted:
            raise ReportError("key_images_none")
        if len(wanted) > self._budget:
            raise ReportError("key_images_too_many", most=self._budget)
        if len(set(wanted)) < len(wanted):
            raise ReportError("key_images_repeated")

    def _image(self, chosen: Chosen, kept: StoredInstance, before: KeyImages) -> KeyImage:
        """Return the key image there is already, which the encoder has seen, else a new one."""
        for image in before.images:
            if (image.instance_ref, image.frame, image.window_name) == _key(chosen):
                return replace(image, score=1.0)
        return self._originals.image(before.case_id, kept, chosen.frame, chosen.window)

    def _document(self, choice: Choice, found: Sequence[StoredInstance]) -> bytes:
        """Return the Key Object Selection: each image once, whatever windows it is shown
        through."""
        with self._store.read() as session:
            real = instances.references(session, choice.case_id)
            who = cases.identity(session, choice.case_id)
            study_uid = instances.study_uid(session, choice.case_id)
        frames: dict[str, list[int]] = {}
        for one, kept in zip(choice.images, found, strict=True):
            chosen = frames.setdefault(one.instance_ref, [])
            if kept.deid.frames > 1 and one.frame not in chosen:
                chosen.append(one.frame)
        references = [replace(real[ref], frames=tuple(some)) for ref, some in frames.items()]
        about = kos.About(study_uid, who.patient, who.accession, who.study_time)
        return kos.document(
            references, about, reader=choice.by.name, number=choice.revision, at=choice.at
        )


def _key(chosen: Chosen) -> tuple[str, int, WindowName]:
    return chosen.instance_ref, chosen.frame, chosen.window


def _known(known: Mapping[str, StoredInstance], wanted: Chosen) -> StoredInstance:
    instance = known.get(wanted.instance_ref)
    if instance is None or not 0 <= wanted.frame < instance.deid.frames:
        raise NotFound("key_image_unknown")
    return instance


def _allowed(session: Session, case_id: str, *, keep_edit: bool) -> CaseState:
    """Return the case's state where its key images may be changed now."""
    state = cases.get_case(session, case_id).state
    report = session.get(ReportRow, case_id, populate_existing=True)
    stands = ReportState.DRAFTED if report is None else ReportState(report.state)
    if stands is ReportState.SIGNED:
        raise ReportError("report_is_signed")
    if stands in UNDER_REVIEW:
        raise ReportError("report_under_review")
    if state is CaseState.DRAFTING:
        raise ReportError("key_images_drafting")
    if stands is not ReportState.DRAFTED and not keep_edit:
        raise ReportError("key_images_report_edited")
    return state


def offered_windows(modality: str, body_part: str) -> tuple[WindowName, ...]:
    """Return all windows of CT, those of the body part first, then the file's own; else only
    that."""
    if modality != "CT":
        return (WindowName.OWN,)
    return tuple(dict.fromkeys((*windows(modality, body_part), *WINDOWS, WindowName.OWN)))


def frame_series(stack: Stack) -> FrameSeries:
    """Return a stack as a reader chooses from it."""
    said = stack.first.acquired
    runs = {
        slot.instance.instance_ref: FrameRun(
            slot.instance.instance_ref, slot.instance.frames, slot.instance.acquired.marked
        )
        for slot in stack.slots
    }
    return FrameSeries(
        series_ref=stack.first.series_ref,
        number=said.series_number,
        modality=said.modality,
        role=said.role,
        plane=stack.plane,
        kernel=said.kernel,
        contrast=said.contrast,
        thickness=said.thickness,
        frames=len(stack.slots),
        instances=tuple(runs.values()),
    )
