"""`radraft patients`: studies of which a person has to say whose they are, after a correction or a
merge that does not agree with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, reporting

if TYPE_CHECKING:
    from radraft.store.patient_records import PatientQuestion

app = typer.Typer(
    help="Corrections and merges of patients that a person has to look at.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
CaseId = Annotated[str, typer.Argument(help="A case, as `radraft patients list` has it.")]
LISTED = 200
"""Most questions of one listing, the oldest."""


@app.command("list")
def list_questions(json: Json = False) -> None:
    """List the studies of which a person has to say whose they are; nobody is named."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.store import patient_records

        with opened() as context, context.store.read() as session:
            found = patient_records.questions(session, limit=LISTED)
        lines = [_line(question) for question in found]
        out.result({"questions": list(map(_row, found))}, "\n".join(lines) or "Nothing is asked.")


@app.command()
def show(case: CaseId, json: Json = False) -> None:
    """Print what was corrected of a study's patient: identity, for whoever compares the two."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.core import canonical
        from radraft.pipeline.patient_corrections import shown_patient

        with opened() as context, context.store.read() as session:
            found = canonical.plain(shown_patient(session, case))
        lines = [f"{change['at']}  {' '.join(change['fields'])}  {change['by']}"
                 for change in found["changes"]]  # fmt: skip
        for name in ("sent", "proposed"):
            if who := found[name]:
                lines.append(f"{name}: " + "  ".join(str(who[part]) for part in sorted(who)))
        if found["doubts"]:
            lines.append(f"differs: {' '.join(found['doubts'])}")
        out.result(found, "\n".join(lines))


@app.command()
def confirm(case: CaseId, json: Json = False) -> None:
    """Say that a study is of the patient whom the hospital's system names."""
    _answer(case, same=True, json=json)


@app.command()
def refuse(case: CaseId, json: Json = False) -> None:
    """Say that a study is of another patient: it stays as its images say."""
    _answer(case, same=False, json=json)


def _answer(case: str, *, same: bool, json: bool) -> None:
    with reporting(Output(json)) as out:
        from datetime import UTC, datetime

        from radraft.cli.context import opened
        from radraft.pipeline.audit_trail import command_line
        from radraft.pipeline.patient_corrections import decide
        from radraft.reports.patient_record import PatientAnswer

        said = PatientAnswer.SAME if same else PatientAnswer.OTHER
        with opened() as context, context.store.begin() as session:
            decide(
                session,
                case,
                said,
                by=command_line(),
                secret=context.store.secret,
                now=datetime.now(UTC),
            )
        out.result({"case": case, "answer": said.value}, f"{case}: {said.value}")


def _row(question: PatientQuestion) -> dict[str, Any]:
    return {
        "case": question.case_id,
        "site": question.site,
        "doubts": list(question.doubts),
        "since": question.since.isoformat(),
    }


def _line(question: PatientQuestion) -> str:
    differs = " ".join(question.doubts)
    return f"{question.case_id}  {question.site}  {question.since:%Y-%m-%d %H:%M}  {differs}"
