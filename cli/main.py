"""All commands, a line of help each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from radraft.cli import (
    adapters,
    alerts,
    archive,
    audit,
    backfill,
    evaluation,
    export as exporting,
    flywheel,
    orders,
    outbox,
    patients,
    profile,
    replicas,
    report,
    similar,
    site,
    study,
    templates,
    tokens,
    training,
    users,
    worklist,
)
from radraft.cli.output import Output, reporting
from radraft.core.errors import SettingsError
from radraft.reports.values import Lang

app = typer.Typer(
    name="radraft",
    help="Drafts bilingual radiology reports inside a hospital. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    # Rich tracebacks print local variables, and those may hold a patient's name.
    pretty_exceptions_enable=False,
)
pairs_app = typer.Typer(help="Training pairs from signed reports.", no_args_is_help=True)
starter_app = typer.Typer(help="The starter model.", no_args_is_help=True)
app.add_typer(pairs_app, name="pairs")
app.add_typer(starter_app, name="starter")
app.add_typer(evaluation.app, name="eval")
app.add_typer(training.app, name="train")
app.add_typer(profile.app, name="profile")
app.add_typer(flywheel.app, name="flywheel")
app.add_typer(site.app, name="site")
app.add_typer(report.app, name="report")
app.add_typer(adapters.app, name="adapters")
app.add_typer(replicas.app, name="replicas")
app.add_typer(study.app, name="study")
app.add_typer(alerts.app, name="alerts")
app.add_typer(archive.app, name="archive")
app.add_typer(backfill.app, name="backfill")
app.add_typer(orders.app, name="orders")
app.add_typer(patients.app, name="patients")
app.add_typer(users.app, name="users")
app.add_typer(outbox.app, name="outbox")
app.add_typer(templates.app, name="templates")
app.add_typer(tokens.app, name="tokens")
app.add_typer(audit.app, name="audit")
app.add_typer(worklist.app, name="worklist")
app.add_typer(similar.app, name="similar")


class Start(StrEnum):
    """What an adapter's training goes on from."""

    SERVING = "serving"
    BASE = "base"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Case = Annotated[str, typer.Argument(help="Case id, as `radraft ingest` prints it.")]


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(help="A DICOM file, a folder, a zip or a DICOMDIR.")],
    json: Json = False,
) -> None:
    """Take in studies; they wait for a draft."""
    with reporting(Output(json)) as out:
        from radraft.cli import intake

        intake.ingest(path, out)


@app.command()
def draft(
    target: Annotated[str, typer.Argument(help="A path to take in, or a case id.")],
    again: Annotated[bool, typer.Option("--again", help="Draft anew what has a draft.")] = False,
    json: Json = False,
) -> None:
    """Draft a report for every study of a path, or for one case.

    Exit 0 where all were drafted, 3 where some could not be, 1 where none could.
    """
    with reporting(Output(json)) as out:
        from radraft.cli import drafting

        drafting.draft(target, again, out)


@app.command()
def show(case: Case, json: Json = False) -> None:
    """Show a case's report as it stands."""
    with reporting(Output(json)) as out:
        from radraft.cli import reports

        reports.show(case, out)


@app.command()
def export(
    form: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            callback=exporting.known_form,
            help=f"One of: {', '.join(exporting.FORMATS)}.",
        ),
    ],
    case: Case,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Where to; it must not be there yet.")
    ],
    lang: Annotated[Lang, typer.Option("--lang", help="Language of labels in a text.")] = "zh",
    json: Json = False,
) -> None:
    """Write a signed report to a file (docs/exports.md).

    The file names the patient.
    """
    with reporting(Output(json)) as out:
        exporting.export(form, case, output, lang, out)


@app.command("code-system")
def code_system(
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Where to; it must not be there yet.")
    ],
    json: Json = False,
) -> None:
    """Write the codes of radraft's own as a FHIR R4 CodeSystem, for a FHIR server that shows or
    checks them (docs/exports.md)."""
    with reporting(Output(json)) as out:
        exporting.code_system(output, out)


@app.command()
def ask(
    case: Case,
    question: Annotated[str, typer.Argument(help="A question in Chinese or English.")],
    json: Json = False,
) -> None:
    """Ask about a signed report; the answer cites its sentences."""
    with reporting(Output(json)) as out:
        from radraft.cli import questions

        questions.ask(case, question, out)


@app.command()
def serve(
    json: Json = False,
    no_llm: Annotated[
        bool, typer.Option("--no-llm", help="Read, edit and sign without drafting.")
    ] = False,
    no_worker: Annotated[
        bool,
        typer.Option("--no-worker", help="Leave drafting to `radraft worker` on this database."),
    ] = False,
) -> None:
    """Open the workstation and draft what comes in."""
    with reporting(Output(json)) as out:
        from radraft.cli import serving

        serving.serve(out, no_llm=no_llm, no_worker=no_worker)


@app.command()
def worker(json: Json = False) -> None:
    """Draft what waits in the database, beside any number of other workers and servers."""
    with reporting(Output(json)) as out:
        from radraft.cli import worker as drafting

        drafting.work(out)


@app.command()
def listen(json: Json = False) -> None:
    """Receive studies over the DICOM network and from the watched folder, and take them in."""
    with reporting(Output(json)) as out:
        from radraft.cli import receiving

        receiving.listen(out)


@app.command()
def received(json: Json = False) -> None:
    """Say what arrived by itself, what waits, and what was refused and why."""
    with reporting(Output(json)) as out:
        from radraft.cli import receiving

        receiving.received(out)


@app.command()
def pull(
    patient: Annotated[str, typer.Option("--patient", help="Patient ID.")] = "",
    study: Annotated[str, typer.Option("--study", help="Study Instance UID.")] = "",
    since: Annotated[str, typer.Option("--since", help="First day, YYYY-MM-DD.")] = "",
    url: Annotated[
        str, typer.Option("--from", help="DICOMweb address; else RADRAFT_PACS_URL.")
    ] = "",
    json: Json = False,
) -> None:
    """Retrieve studies from a PACS over DICOMweb and take them in. Exit 3 where not all came."""
    with reporting(Output(json)) as out:
        from radraft.cli import receiving

        receiving.pull(patient, study, since, url, out)


@app.command()
def push(
    path: Annotated[Path, typer.Argument(help="A DICOM file or a folder of them.")],
    url: Annotated[str, typer.Option("--to", help="DICOMweb address; else RADRAFT_PACS_URL.")] = "",
    json: Json = False,
) -> None:
    """Store DICOM files in a PACS over DICOMweb."""
    with reporting(Output(json)) as out:
        from radraft.cli import receiving

        receiving.push(path, url, out)


@app.command()
def demo(
    studies: Annotated[Path, typer.Argument(help="Folder of demo studies.")] = Path("demo/studies"),
    json: Json = False,
    leave: Annotated[bool, typer.Option("--leave", help="Stop once a report was printed.")] = False,
) -> None:
    """Take in the demo studies, draft them, print one report and leave the workstation open."""
    with reporting(Output(json)) as out:
        from radraft.cli import demonstration

        demonstration.demo(studies, out, leave=leave)


@app.command()
def adapt(
    site: Annotated[
        str | None, typer.Option("--site", help="Name of a site; RADRAFT_SITE where not given.")
    ] = None,
    start: Annotated[
        Start, typer.Option("--from", help="What the training goes on from.")
    ] = Start.SERVING,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive",
            metavar="FOLDER",
            help="Learn from archived reports: a folder of `train embed` over a set of "
            "`archive export`.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="A recipe's name, or a YAML file; else `adapt`, or `archive`."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**31 - 1, help="In place of the recipe's.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the run; else the site's last unfinished, or new."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who does it; this user where not given.")
    ] = None,
    processes: training.Processes = 1,
    json: Json = False,
) -> None:
    """Train a site's next adapter from its signed reports, or from its archive; a killed run goes
    on where it was."""
    with reporting(Output(json)) as out:
        from radraft.cli import adapt as adapting

        known = recipe or ("adapt" if archive is None else "archive")
        adapting.adapt(site, start.value, known, seed, run, by, processes, out, archive)


@app.command()
def deid(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A DICOM file, a folder or a zip.")],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT", help="A folder outside of IN.")],
    report: Annotated[
        bool, typer.Option("--report", help="Say by tag what was removed, and write it to OUT.")
    ] = False,
    secret_from_site: Annotated[
        bool,
        typer.Option("--secret-from-site", help="Same pseudonyms as this site always has."),
    ] = False,
    json: Json = False,
) -> None:
    """Write de-identified copies of DICOM files (PS3.15 Basic Profile with options)."""
    with reporting(Output(json)) as out:
        from radraft.cli import deid as copying

        copying.deid(source, out_dir, out, report=report, site_secret=secret_from_site)


@app.command()
def doctor(json: Json = False) -> None:
    """Say what is installed, which GPU, which model, how much disk, and whether vLLM answers."""
    with reporting(Output(json)) as out:
        from radraft.cli import doctor as examination

        examination.doctor(out)


@app.command()
def verify(
    log: Annotated[
        list[Path] | None,
        typer.Option("--log", help="A file with sent heads too, as taken from syslog; repeatable."),
    ] = None,
    reinstate: Annotated[
        bool,
        typer.Option("--reinstate", help="First make triggers anew that somebody took away."),
    ] = False,
    json: Json = False,
) -> None:
    """Verify all signatures, their chain, the heads sent, and what keeps them from change."""
    with reporting(Output(json)) as out:
        from radraft.cli import verify as verification

        verification.verify(log or (), out, reinstate=reinstate)


@app.command()
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="DIR", help="Keeps any number of backups; made if not there.")
    ],
    without_secret: Annotated[
        bool,
        typer.Option(
            "--without-secret", help="Leave out site.secret and adapter.key; keep them apart."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Back up database, objects and secret, also while radraft runs; copies only what is new.

    The backup holds patients' identities and the site secret: keep it encrypted (docs/backup.md).
    """
    with reporting(Output(json)) as out:
        from radraft.cli import backup as backups

        backups.backup(target, out, with_secret=not without_secret)


@app.command()
def restore(
    target: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="One backup, or what was given to `radraft backup`."),
    ],
    secret: Annotated[
        Path | None,
        typer.Option("--secret", help="The site.secret of a backup without; else its own."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare every file with the manifest.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup back to an empty place, all hashes first, then verify signatures and audit.

    Of several backups in DIR the newest. Exit 1 where something does not hold.
    """
    with reporting(Output(json)) as out:
        from radraft.cli import backup as backups

        backups.restore(target, secret, out, check=check)


@app.command()
def upgrade(
    copy_only: Annotated[
        bool, typer.Option("--copy-only", help="Leave the database itself as it is.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring the database to this version's schema: a copy first, which says how long it takes."""
    with reporting(Output(json)) as out:
        from radraft.cli import backup as backups

        backups.upgrade(out, copy_only=copy_only)


@app.command()
def retention(
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; else only say what would be done.")
    ] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            help='Set the rule, no more: "CR: move after 365 days, drop after 3650 days";'
            " * for every modality. Repeat.",
        ),
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Set a rule that keeps everything.")
    ] = False,
    site: Annotated[
        str | None, typer.Option("--site", help="Whose rule is set; else RADRAFT_SITE.")
    ] = None,
    json: Json = False,
) -> None:
    """Move old studies' images to slower storage, or drop them, by the site's rule.

    Reports, drafts, training pairs and the audit are never touched (docs/retention.md).
    """
    with reporting(Output(json)) as out:
        from radraft.cli import retention as command

        if apply + keep_all + bool(rule) > 1:
            raise SettingsError("retention_options")
        if rule or keep_all:
            command.change(out, rule or (), site)
        else:
            command.run(out, apply=apply)


@pairs_app.command("export")
def pairs_export(
    out_file: Annotated[
        Path, typer.Argument(metavar="OUT.jsonl", help="Preference pairs go beside it.")
    ],
    pixels: Annotated[
        bool,
        typer.Option(
            "--pixels", help="Write the pictures to OUT.images, and their paths for the ids."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Write all training pairs in the chat format of trl and peft, and as preference pairs."""
    with reporting(Output(json)) as out:
        from radraft.cli import reports

        reports.export_pairs(out_file, out, pixels=pixels)


@starter_app.command("build")
def starter_build(
    edition: Annotated[
        int | None,
        typer.Option(
            "--edition", min=1, max=2, help="Of the starter; else that of RADRAFT_PROFILE."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Build the starter checkpoint, encoder and projector into the cache."""
    with reporting(Output(json)) as out:
        from radraft.cli import starter

        starter.build(edition, out)


def main() -> None:
    """Entry point of the `radraft` command."""
    app()
