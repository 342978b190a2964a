"""Archived reports as sets to train on and to evaluate with, as JSON lines.

`OUT.jsonl`: one supervised example a line, in the form of `finetune.export`, of patients that
train; `metadata.kind` says what it teaches (`archive_set.values.Kind`), `metadata.split` is
`train`, or `valid` for the twentieth of these patients that say when to stop.
`OUT.held_out.jsonl`: the same of held-out patients, `held_out`.
`OUT.held_out.zh.jsonl`, `OUT.held_out.en.jsonl`: reports of held-out patients as references for
`radraft eval text`, `{"id": case id, "findings": ..., "impression": ...}`.
`OUT.card.json`, `.md`, `.svg`: what is in them (`archive_set.card`), written last: a set without a
card was not finished.

A patient is on the same side as with training pairs (`training_pair.split_of`), by today's records:
who was merged into another follows him, and whose signed pairs judge is held out here too. Of a
held-out patient no image, nor a copy of one, no report and no earlier report stands in `OUT.jsonl`.
Texts are without identity (`***`); how often stands in `metadata.redacted`. Everything says
`"origin": "archive"`: nobody signed it here. What is left out is counted by its reason
(`archive_set.values.Reason`).

Everything is read from one snapshot of the database, twice: who is held out, and with which images
and texts, must be known before the first line is written. Of a study hashes and
image ids are held, no text and no embedding.
"""

from __future__ import annotations

import glob
import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sqlalchemy.orm import Session

from radraft.core.errors import StorageDamaged
from radraft.core.locks import locked
from radraft.finetune.archive_set import kinds
from radraft.finetune.archive_set.card import Card, card_path
from radraft.finetune.archive_set.kinds import PriorReport, Source
from radraft.finetune.archive_set.pictures import Pictures, compare
from radraft.finetune.archive_set.texts import languages, report_of, text_key
from radraft.finetune.archive_set.values import (
    HELD_OUT,
    TRAIN,
    VALID,
    ArchiveSetCount,
    Example,
    Kind,
    Reason,
    SetSettings,
    drawn,
    share_of,
)
from radraft.finetune.export import line, pixels_folder, placed, replacing, write_pixels
from radraft.pipeline.eligibility import WITHHELD
from radraft.reports.training_pair import split_of
from radraft.reports.values import LANGS, Lang, Report
from radraft.store import archive, cases, images, pairs, quality
from radraft.studies import deidentify

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.reports.archive.values import TaughtText
    from radraft.store.objects import Objects

STOCK = 5
"""Studies with one text from which it is a stock text, which tells nothing of a patient."""
Progress = Callable[[str, int, int], None]
USUAL = SetSettings()
READING, COMPARING, MATCHING, WRITING = "reading", "comparing", "matching", "writing"


def reference_path(out: Path, lang: Lang) -> Path:
    """Return `set.held_out.zh.jsonl` for `set.jsonl`."""
    return _beside(out, f"held_out.{lang}.jsonl")


def held_out_path(out: Path) -> Path:
    """Return `set.held_out.jsonl` for `set.jsonl`."""
    return _beside(out, "held_out.jsonl")


def set_paths(out: Path) -> tuple[Path, ...]:
    """Return the files of a set, without its card."""
    return (out, held_out_path(out), *(reference_path(out, lang) for lang in LANGS))


def export_archive(
    session: Session,
    objects: Objects,
    profile: Profile,
    out: Path,
    site: str | None = None,
    *,
    settings: SetSettings = USUAL,
    encoder_id: str | None = None,
    on_progress: Progress = lambda stage, done, total: None,
) -> ArchiveSetCount:
    """Write the sets and their card, each file whole or not at all, mode 0600.

    Copies of images are found among the stored embeddings of `encoder_id`; None looks at ids alone.
    One export of a file at a time: a second waits. OSError where `out` cannot be; ArchiveError and
    PromptError as `kinds.require`.
    """
    kinds.require(profile, settings.kinds)
    with locked(_hidden(out, "lock")):
        _sweep(out)
        card_path(out).unlink(missing_ok=True)
        work = _Export(session, objects, profile, out, site, settings, on_progress)
        work.read()
        work.compare(encoder_id)
        with ExitStack() as files:
            work.write({path: files.enter_context(replacing(path)) for path in set_paths(out)})
        count = work.count()
        work.card.write(out, set_paths(out), count, encoder_id)
    return count


@dataclass
class _Export:
    """One call of `export_archive`."""

    session: Session
    objects: Objects
    profile: Profile
    out: Path
    site: str | None
    settings: SetSettings
    on_progress: Progress
    total: int = 0
    held_patients: frozenset[str] = frozenset()
    held_images: dict[str, None] = field(default_factory=dict)
    train_images: dict[str, None] = field(default_factory=dict)
    texts: Counter[bytes] = field(default_factory=Counter)
    held_texts: set[bytes] = field(default_factory=set)
    lowest: list[int] = field(default_factory=list)
    """The lowest two that patients drew who train: of a few patients one says when to stop."""
    pictures: Pictures = field(default_factory=Pictures)
    repeats: Counter[tuple[Kind, bytes]] = field(default_factory=Counter)
    shown: set[bytes] = field(default_factory=set)
    """What studies show and say, each share apart."""
    left_out: Counter[str] = field(default_factory=Counter)
    kinds: dict[Kind, Counter[str]] = field(default_factory=dict)
    held_out: int = 0
    images: set[str] = field(default_factory=set)
    card: Card = field(init=False)

    def __post_init__(self) -> None:
        self.card = Card(self.profile, self.site, self.settings)
        self.kinds = {kind: Counter() for kind in self.settings.kinds}

    def count(self) -> ArchiveSetCount:
        """Return what was written."""
        return ArchiveSetCount(
            examples=sum(count[TRAIN] + count[VALID] for count in self.kinds.values()),
            held_out=self.held_out,
            left_out=dict(sorted(self.left_out.items())),
            kinds={kind.value: dict(sorted(count.items())) for kind, count in self.kinds.items()},
            images=len(self.images),
            without_embedding=len(self.images & self.pictures.unknown),
        )

    def read(self) -> None:
        """Learn who is held out, and which images and texts are whose."""
        self.total = archive.taught_count(self.session, self.site)
        self.held_patients, judging = pairs.held_out(self.session)
        self.held_images = dict.fromkeys(sorted(judging))
        done = 0
        for signed in (False, True):
            for text in archive.taught(self.session, self.site, signed=signed, damaged=[]):
                done += 1
                self.on_progress(READING, done, self.total)
                held = self._held(text.patient_ref)
                with suppress(StorageDamaged):
                    ids = self._image_ids(text.case_id)
                    (self.held_images if held else self.train_images).update(dict.fromkeys(ids))
                report = report_of(text)
                if isinstance(report, Report):
                    key = text_key(report)
                    self.texts[key] += 1
                    if held:
                        self.held_texts.add(key)
                    elif not signed:
                        some = {*self.lowest, drawn(text.patient_ref)}
                        self.lowest = sorted(some)[:2]

    def compare(self, encoder_id: str | None) -> None:
        """Learn which images show the same picture."""
        if encoder_id is None:
            every = frozenset((*self.held_images, *self.train_images))
            self.pictures = Pictures(frozenset(self.held_images), unknown=every)
        else:
            self.pictures = compare(
                self.objects,
                encoder_id,
                self.train_images,
                self.held_images,
                self.out.parent,
                lambda done, total: self.on_progress(COMPARING, done, total),
                lambda done, total: self.on_progress(MATCHING, done, total),
            )
        self.train_images, self.held_images = {}, {}

    def write(self, files: dict[Path, IO[str]]) -> None:
        """Write every example, or count why not."""
        done, damaged = 0, list[str]()
        for signed in (False, True):
            for text in archive.taught(self.session, self.site, signed=signed, damaged=damaged):
                done += 1
                self.on_progress(WRITING, done, self.total)
                try:
                    self._case(text, files, signed=signed)
                except StorageDamaged:
                    self.left_out[Reason.UNREADABLE] += 1
        if damaged:
            self.left_out[Reason.UNREADABLE] += len(damaged)

    def _case(self, text: TaughtText, files: dict[Path, IO[str]], *, signed: bool) -> None:
        source = self._source(text)
        if isinstance(source, Reason):
            if not signed:
                self.left_out[source.value] += 1
            return
        if signed:
            # What was signed teaches in its place, by pairs; the two together teach to translate.
            if Kind.TRANSLATION in self.settings.kinds:
                self._translated(
                    source, kinds.signed_translations(self.session, source.report), files
                )
            return
        if any(kind.has_images for kind in self.settings.kinds):
            refused = self._of_images(source)
            if refused is not None:
                self.left_out[refused.value] += 1
            else:
                self._with_images(source, files)
        if Kind.IMPRESSION in self.settings.kinds:
            made = kinds.impression_example(source)
            self._take(source, Kind.IMPRESSION, made, text_key(source.report), files)
        if Kind.TRANSLATION in self.settings.kinds:
            self._translated(source, kinds.own_translations(source.report), files)

    def _source(self, text: TaughtText) -> Source | Reason:
        """Return a report that may teach, whatever it teaches."""
        report = report_of(text)
        if isinstance(report, Reason):
            return report
        if text.addenda and not self.settings.addenda:
            return Reason.ADDENDUM
        if deidentify.identifies(text.findings) or deidentify.identifies(text.impression):
            return Reason.IDENTIFIED
        source = Source(text, report, self._image_ids(text.case_id), self._share(text))
        if source.share != HELD_OUT:
            if self.pictures.leaks(source.image_ids):
                return Reason.LEAKED
            if self._is_held_text(report):
                return Reason.LEAKED_TEXT
        return source

    def _is_held_text(self, report: Report) -> bool:
        """Return whether it is word for word a held-out patient's, and no stock text."""
        key = text_key(report)
        return key in self.held_texts and self.texts[key] < STOCK

    def _is_of_held_out(self, case_id: str) -> bool:
        """Return whether an earlier study shows or says what a held-out patient's does."""
        if self.pictures.leaks(self._image_ids(case_id)):
            return True
        text = archive.redacted_text(self.session, case_id)
        report = None if text is None else report_of(text)
        return isinstance(report, Report) and self._is_held_text(report)

    def _of_images(self, source: Source) -> Reason | None:
        """Return why a study's images teach nothing; None where they do."""
        case = cases.get_case(self.session, source.text.case_id)
        if not source.image_ids:
            return Reason.NO_IMAGES
        if not self.profile.covers(case.modality, case.body_part, case.view):
            return Reason.NOT_COVERED
        if quality.verdict(self.session, case.case_id) in WITHHELD:
            return Reason.POOR
        share = HELD_OUT if source.share == HELD_OUT else TRAIN
        pictures = self.pictures.shown(source.image_ids)
        said = _short(share, *pictures, text_key(source.report).hex())
        if said in self.shown:
            return Reason.DUPLICATE
        keys = (images.keys(image_id)[0] for image_id in source.image_ids)
        if not all(map(self.objects.exists, keys)):
            return Reason.NO_PIXELS
        self.shown.add(said)
        return None

    def _with_images(self, source: Source, files: dict[Path, IO[str]]) -> None:
        key = text_key(source.report)
        if Kind.IMAGE in self.settings.kinds:
            made = kinds.image_example(self.session, self.profile, source)
            if self._take(source, Kind.IMAGE, made, key, files) and source.share == HELD_OUT:
                self.held_out += 1
                for lang in languages(source.report):
                    line(files[reference_path(self.out, lang)], _reference(source, lang))
        if Kind.PRIOR in self.settings.kinds:
            self._take(source, Kind.PRIOR, self._with_prior(source), key, files)

    def _with_prior(self, source: Source) -> Example | Reason:
        earlier = kinds.prior_of(self.session, source, other_sites=self.settings.other_sites)
        if isinstance(earlier, PriorReport):
            # Of one person under two numbers, one may be held out and the other not.
            held = self._held(earlier.patient_ref)
            if held != (source.share == HELD_OUT):
                return Reason.LEAKED_PRIOR
            if not held and self._is_of_held_out(earlier.prior.case_id):
                return Reason.LEAKED_PRIOR
            return kinds.prior_example(self.session, self.profile, source, earlier)
        return earlier

    def _translated(
        self, source: Source, found: list[tuple[str, str]] | Reason, files: dict[Path, IO[str]]
    ) -> None:
        if isinstance(found, Reason):
            self.left_out[f"{Kind.TRANSLATION}: {found}"] += 1
            return
        for (text, lang), example in kinds.translations(source, found):
            self._take(source, Kind.TRANSLATION, example, _short(lang, text), files)

    def _take(
        self,
        source: Source,
        kind: Kind,
        made: Example | Reason,
        key: bytes,
        files: dict[Path, IO[str]],
    ) -> bool:
        """Write an example, or count why not; return whether it was written."""
        if not isinstance(made, Reason) and self._repeated(source, kind, key):
            made = Reason.REPEATED
        if not isinstance(made, Reason) and not self._with_pixels(made):
            made = Reason.NO_PIXELS
        if isinstance(made, Reason):
            self.left_out[f"{kind}: {made}"] += 1
            return False
        held = source.share == HELD_OUT
        path = held_out_path(self.out) if held else self.out
        line(files[path], placed(made, self.out) if self.settings.pixels else made)
        self.kinds[kind][source.share] += 1
        self.images.update(made["images"])
        self.card.add(self.session, kind, source, made)
        return True

    def _with_pixels(self, made: Example) -> bool:
        """Write an example's pictures where they go with the set; return whether they are there,
        as far as is known."""
        return not self.settings.pixels or write_pixels(self.objects, made["images"], self.out)

    def _repeated(self, source: Source, kind: Kind, key: bytes) -> bool:
        most = self.settings.most_same
        if source.share == HELD_OUT or not most:
            return False
        self.repeats[kind, key] += 1
        return self.repeats[kind, key] > most

    def _share(self, text: TaughtText) -> str:
        if self._held(text.patient_ref):
            return HELD_OUT
        # One patient alone trains.
        return share_of(text.patient_ref, self.lowest[0] if len(self.lowest) > 1 else 0)

    def _held(self, patient_ref: str) -> bool:
        return patient_ref in self.held_patients or split_of(patient_ref) == HELD_OUT

    def _image_ids(self, case_id: str) -> tuple[str, ...]:
        return tuple(image.image_id for image in cases.key_images(self.session, case_id))


def _reference(source: Source, lang: Lang) -> dict[str, str]:
    text, report = source.text, source.report
    if len(languages(report)) == 1:
        return {"id": text.case_id, "findings": text.findings, "impression": text.impression}
    findings, impression = (
        " ".join(sentence.text(lang) for sentence in section)
        for section in (report.findings, report.impression)
    )
    return {"id": text.case_id, "findings": findings, "impression": impression}


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.{ending}")


def _short(*parts: str) -> bytes:
    """Return 16 bytes that stand for some texts."""
    return hashlib.sha256("\n".join(parts).encode("utf-8")).digest()[:16]


def _sweep(out: Path) -> None:
    """Remove what an export that was killed left half written: nobody else writes these files
    while the lock is held."""
    cards = (card_path(out, ending) for ending in ("json", "md", "svg"))
    for path in (*set_paths(out), *cards):
        for stale in path.parent.glob(f".{glob.escape(path.name)}.????????"):
            stale.unlink(missing_ok=True)
    for stale in pixels_folder(out).glob(".????????"):
        stale.unlink(missing_ok=True)


def _hidden(out: Path, ending: str) -> Path:
    return out.with_name(f".{out.name}.{ending}")
