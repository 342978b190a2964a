"""`radraft alerts`: open critical values, and their register."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, reporting
from radraft.core.errors import ReportError

if TYPE_CHECKING:
    from radraft.store.alerts import AlertRecord

app = typer.Typer(help="Critical values and who was told of them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
MOST_DAYS = 366
COLUMNS = (
    "alert_id", "case_id", "site", "finding", "finding_zh", "side", "certainty", "state",
    "in_report", "opened_at", "deadline_at", "level", "found_by", "text", "confirmed_by",
    "confirmed_at", "notified_by", "notified_at", "recipient", "channel", "read_back_by",
    "read_back_at", "acknowledged_by", "acknowledged_at", "withdrawn_by", "withdrawn_at", "reason",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@app.command("list")
def list_open(json: Json = False) -> None:
    """List the open critical values, most urgent first."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.store import alerts

        with opened() as context, context.store.read() as session:
            records = alerts.open_alerts(session)
        now = datetime.now(UTC)
        lines = [_line(record, now) for record in records]
        out.result({"alerts": [_row(record) for record in records]}, "\n".join(lines))


@app.command()
def register(
    since: Annotated[str, typer.Option("--since", help="First day, YYYY-MM-DD; else 30 ago.")] = "",
    until: Annotated[str, typer.Option("--until", help="Last day, YYYY-MM-DD; else today.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")] = False,
    json: Json = False,
) -> None:
    """Print the register: what was found on these days, who was told, how and when.

    Days are those of this machine's clock; times are UTC. Patients are named by their cases.
    """
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.store import alerts

        begin, end = _days(since, until)
        with opened() as context, context.store.read() as session:
            records = alerts.register(session, begin, end)
        rows = [_row(record) for record in records]
        text = _csv(rows) if as_csv else "\n".join(_line(record, None) for record in records)
        out.result({"since": begin, "until": end, "alerts": rows}, text)


def _days(since: str, until: str) -> tuple[datetime, datetime]:
    """The beginning of the first day and of the one after the last."""
    try:
        last = date.fromisoformat(until) if until else datetime.now().astimezone().date()
        first = date.fromisoformat(since) if since else last - timedelta(days=30)
    except ValueError:
        raise ReportError("alert_dates_invalid", most=MOST_DAYS) from None
    if not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
        raise ReportError("alert_dates_invalid", most=MOST_DAYS)
    begin, end = (datetime.combine(day, time.min) for day in (first, last + timedelta(days=1)))
    return begin.astimezone(), end.astimezone()


def _line(record: AlertRecord, now: datetime | None) -> str:
    row = _row(record)
    late = " LATE" if now is not None and record.alert.is_overdue(now) else ""
    left = "" if record.alert.in_report else " not-in-report"
    told = f"  -> {row['recipient']}" if row["recipient"] else ""
    opened_at = f"{record.alert.opened_at:%Y-%m-%d %H:%M}Z"
    side = f" {row['side']}" if row["side"] else ""
    return (
        f"{row['alert_id']}  {opened_at}  {row['case_id']}  {row['finding']}{side}  "
        f"{row['state']}{late}{left}{told}"
    )


def _row(record: AlertRecord) -> dict[str, Any]:
    from radraft.reports.alerts import AlertMove
    from radraft.reports.findings.vocabulary import vocabulary

    alert = record.alert
    row: dict[str, Any] = {
        "alert_id": alert.alert_id,
        "case_id": alert.case_id,
        "site": alert.site,
        "finding": alert.finding,
        "finding_zh": vocabulary()[alert.finding].zh,
        "side": alert.side.value if alert.side else "",
        "certainty": alert.certainty.value,
        "state": alert.state.value,
        "in_report": alert.in_report,
        "opened_at": alert.opened_at,
        "deadline_at": alert.deadline_at,
        "level": alert.level,
        "revision": alert.revision,
        "found_by": alert.finder.name,
        "text": record.events[0].text,
    }
    for move, name in (
        (AlertMove.CONFIRM, "confirmed"),
        (AlertMove.NOTIFY, "notified"),
        (AlertMove.READ_BACK, "read_back"),
        (AlertMove.ACKNOWLEDGE, "acknowledged"),
        (AlertMove.WITHDRAW, "withdrawn"),
    ):
        event = record.last(move)
        row[f"{name}_by"] = event.actor.who.name if event else ""
        row[f"{name}_at"] = event.at if event else None
    told, withdrawn = record.last(AlertMove.NOTIFY), record.last(AlertMove.WITHDRAW)
    row["recipient"] = told.recipient if told else ""
    row["channel"] = told.channel.value if told and told.channel else ""
    row["reason"] = withdrawn.text if withdrawn else ""
    return row


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in COLUMNS} for row in rows)
    return stream.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    # What a person typed must not become a formula in a spreadsheet.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
