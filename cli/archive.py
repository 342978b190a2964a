"""`radraft archive`: past reports of other systems."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, command

if TYPE_CHECKING:
    from radraft.cli.context import Context
    from radraft.finetune.archive_set.values import Kind
    from radraft.llm.profiles import Profile
    from radraft.pipeline.archive_import import ImportCount
    from radraft.reports.archive.values import RefusalReason
    from radraft.store.archive import Rejected

app = typer.Typer(help="Past reports of other systems.", no_args_is_help=True)
Site = Annotated[str, typer.Option("--site", help="Whose; else this installation's site.")]
REJECT_COLUMNS = ("reason", "place", "accession", "study_uid", "rejected_at", "site")


@command(app, "import")
def bring_in(
    source: Annotated[Path, typer.Argument(help="A table, or a folder of messages or documents.")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="YAML: which column of a table is what.")
    ] = None,
    dicom: Annotated[
        Path | None,
        typer.Option("--dicom", help="Past studies to take in first: on no worklist, undrafted."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen and change nothing.")
    ] = False,
    accession_alone: Annotated[
        bool,
        typer.Option(
            "--accession-alone", help="Take records too that say neither a patient nor a day."
        ),
    ] = False,
    site: Site = "",
    *,
    out: Output,
) -> None:
    """Take in past reports: each record once, however often it is run. It may be stopped at any
    moment and goes on. Exit 3 where some records were not taken: `radraft archive rejects`."""
    from radraft.cli.context import opened
    from radraft.pipeline.archive_import import import_archive
    from radraft.pipeline.archive_sources import source_of
    from radraft.reports.archive.mapping import load_mapping

    known = None if mapping is None else load_mapping(mapping)
    reports = source_of(source, known)
    with opened() as context:
        where = site or context.settings.site
        studies = 0
        if dicom is not None and not dry_run:
            studies = _take_in(dicom, context, where, out)
        with out.progress() as progress:
            task = progress.add_task("Reading past reports", total=reports.size or None)
            count = import_archive(
                reports,
                store=context.store,
                site=where,
                dry_run=dry_run,
                accession_alone=accession_alone,
                on_progress=lambda done: progress.update(task, completed=done),
            )
    out.result(_plain(count, where, studies, dry_run), _text(count, studies, dry_run))
    if count.rejected:
        out.fail(3)


@command(app, "list")
def list_all(site: Site = "", *, out: Output) -> None:
    """Count what the archive has, and list the cases that have an archived report."""
    from radraft.cli.context import opened
    from radraft.store import archive

    with opened() as context, context.store.read() as session:
        where = site or context.settings.site
        counts = archive.counts(session, where)
        listed = dict(archive.listed(session, where))
    lines = [f"{name}: {count}" for name, count in counts.items()]
    lines += [f"{case_id}  {count}" for case_id, count in listed.items()]
    out.result({"site": where, "counts": counts, "cases": listed}, "\n".join(lines))


@command(app, "rejects")
def rejects(
    reason: Annotated[str, typer.Option("--reason", help="Only those of this reason.")] = "",
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write them as a table.")
    ] = None,
    site: Site = "",
    *,
    out: Output,
) -> None:
    """List the records that were not taken, why, and where each stands. One that is taken later
    leaves the list."""
    from radraft.cli.context import opened
    from radraft.store import archive

    wanted = _reason(reason)
    with opened() as context, context.store.read() as session:
        where = site or context.settings.site
        found = [_row(record) for record in archive.rejects(session, where, wanted)]
    if file is not None:
        _write(file, found)
    lines = ["  ".join(str(record[name]) for name in REJECT_COLUMNS[:3]) for record in found]
    text = f"{file}: {len(found)}" if file is not None else "\n".join(lines)
    out.result({"site": where, "rejects": found}, text)


@command(app, "export")
def export(
    file: Annotated[
        Path, typer.Argument(metavar="OUT.jsonl", help="Held-out reports and the card go beside.")
    ],
    kinds: Annotated[
        str,
        typer.Option("--kinds", help="Of image, impression, translation, prior; commas between."),
    ] = "image",
    profile_name: Annotated[
        str, typer.Option("--profile", help="Whose prompt and coverage; else the serving one.")
    ] = "",
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Write the pictures too, into OUT.images.")
    ] = False,
    most_same: Annotated[
        int, typer.Option("--most-same", min=0, help="How often one text may stand; 0: always.")
    ] = 20,
    addenda: Annotated[
        bool, typer.Option("--addenda", help="Take reports that were added to, as one text.")
    ] = False,
    other_sites: Annotated[
        bool, typer.Option("--other-sites", help="An earlier report may be another site's.")
    ] = False,
    site: Site = "",
    *,
    out: Output,
) -> None:
    """Write archived reports without identity as a set to train on, those of held-out patients to
    evaluate with, and a data card. The audit knows of it."""
    from radraft.cli.context import opened
    from radraft.cli.export import note_export
    from radraft.core.canonical import plain
    from radraft.core.errors import SettingsError
    from radraft.finetune.archive_set.card import card_path
    from radraft.finetune.archive_set.kinds import require
    from radraft.finetune.archive_set.values import SetSettings
    from radraft.finetune.archived import export_archive
    from radraft.llm.profiles import load_profile

    settings = SetSettings(_kinds(kinds), addenda, most_same, other_sites, pixels)
    with opened() as context:
        profile = load_profile(profile_name) if profile_name else context.profile
        require(profile, settings.kinds)
        where = site or context.settings.site
        form = "archived reports with images" if pixels else "archived reports"
        note_export(context.store, form, site=where, kinds=",".join(settings.kinds))
        with out.waiting("Reading past reports") as move, context.store.read() as session:
            try:
                count = export_archive(
                    session,
                    context.store.objects,
                    profile,
                    file,
                    where,
                    settings=settings,
                    encoder_id=_encoder_id(profile),
                    on_progress=_stages(move),
                )
            except OSError:
                raise SettingsError("cannot_write", file=str(file)) from None
    card = card_path(file)
    found: dict[str, Any] = {"path": str(file), "card": str(card), **plain(count)}
    lines = [f"examples: {count.examples}", f"held_out: {count.held_out}"]
    for kind, shares in count.kinds.items():
        lines += [f"  {kind}, {share}: {number}" for share, number in shares.items()]
    lines += [f"left out, {name}: {number}" for name, number in count.left_out.items()]
    if count.without_embedding:
        lines.append(
            f"{count.without_embedding} of {count.images} key images have no stored embedding: "
            "of these no copy was looked for"
        )
    out.result(found, "\n".join([str(file), *lines, f"card: {card_path(file, 'md')}"]))


def _kinds(named: str) -> tuple[Kind, ...]:
    """Return the kinds that are named, each once. ArchiveError `archive_kind_unknown`."""
    from radraft.core.errors import ArchiveError
    from radraft.finetune.archive_set.values import Kind

    found: list[Kind] = []
    for name in filter(None, (part.strip() for part in named.split(","))):
        try:
            found.append(Kind(name))
        except ValueError:
            raise ArchiveError("archive_kind_unknown", kind=name, known=", ".join(Kind)) from None
    if not found:
        raise ArchiveError("archive_kind_unknown", kind=named, known=", ".join(Kind))
    return tuple(dict.fromkeys(found))


def _encoder_id(profile: Profile) -> str | None:
    """Return the encoder under whose id this profile's embeddings are stored; the shipped one's of
    the first edition, with which every study is judged as it comes in, where it has none of its
    own: only so are past films compared that no model drafted."""
    from radraft.llm import text_base
    from radraft.vision_encoder import shipped

    return text_base.encoder_id(profile) if profile.projector else shipped.encoder_id()


def _stages(move: Callable[[str, float], None]) -> Callable[[str, int, int], None]:
    """Return what shows how far each of the four stages is, and how long it still takes by what
    it took so far."""
    from radraft.cli.training import left

    began: dict[str, float] = {}
    names = {
        "reading": "1/4 Reading past reports",
        "comparing": "2/4 Reading stored embeddings",
        "matching": "3/4 Looking for copies of images",
        "writing": "4/4 Writing examples",
    }

    def show(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        start = began.setdefault(stage, now)
        if done % 32 and done < total:
            return
        remains = left((now - start) / max(1, done) * (total - done))
        move(f"{names[stage]}: {done} of {total}, {remains} left", done / max(1, total))

    return show


def _take_in(folder: Path, context: Context, site: str, out: Output) -> int:
    """Take in past studies; how many cases are there of them now."""
    from radraft.core.scratch import sweep
    from radraft.pipeline.encoders import extractor_loader
    from radraft.pipeline.ingest import ingest

    scratch = context.settings.data_dir / "scratch"
    sweep(scratch)
    with out.progress() as progress:
        task = progress.add_task("Taking in past studies", total=None)
        result = ingest(
            folder,
            store=context.store,
            profile=context.profile,
            site=site,
            scratch=scratch,
            load_extractor=extractor_loader(context.store),
            archived=True,
            on_study=lambda done, total: progress.update(task, completed=done, total=total),
        )
    for rejection in result.rejections:
        sys.stderr.write(f"{rejection.code} ({rejection.file})\n  {rejection.message_en}\n")
    return len(result.cases) + len(result.known)


def _plain(count: ImportCount, site: str, studies: int, dry_run: bool) -> dict[str, Any]:
    return {
        "site": site,
        "dry_run": dry_run,
        "studies": studies,
        "records": count.records,
        "kept": {kept.value: number for kept, number in count.kept.items()},
        "rejected": {reason.value: number for reason, number in count.rejected.items()},
    }


def _text(count: ImportCount, studies: int, dry_run: bool) -> str:
    lines = [f"{count.records} records" + (" (nothing was changed)" if dry_run else "")]
    if studies:
        lines.append(f"{studies} past studies")
    lines += [f"  {kept.value}: {number}" for kept, number in count.kept.items()]
    lines += [f"  not taken, {reason.value}: {number}" for reason, number in count.rejected.items()]
    if count.rejected and not dry_run:
        lines.append("Which ones: radraft archive rejects")
    return "\n".join(lines)


def _reason(word: str) -> RefusalReason | None:
    from radraft.core.errors import ArchiveError
    from radraft.reports.archive.values import RefusalReason

    if not word:
        return None
    try:
        return RefusalReason(word)
    except ValueError:
        raise ArchiveError("archive_reason_unknown", known=", ".join(RefusalReason)) from None


def _row(record: Rejected) -> dict[str, Any]:
    return {
        "reason": record.reason.value,
        "place": record.place,
        "accession": record.accession,
        "study_uid": record.study_uid,
        "rejected_at": record.rejected_at.isoformat(timespec="seconds"),
        "site": record.site,
    }


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    """Write the rows as a table that a spreadsheet opens. SettingsError `cannot_write`."""
    from radraft.core.errors import SettingsError
    from radraft.ui.pages.csv_text import csv_text

    try:
        file.write_text(csv_text(REJECT_COLUMNS, rows), encoding="utf-8", newline="")
    except OSError:
        raise SettingsError("cannot_write", file=str(file)) from None
