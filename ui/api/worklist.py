"""The worklist as the page takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.reports.findings.vocabulary import vocabulary

if TYPE_CHECKING:
    from radraft.reports.alerts import Alert
    from radraft.store.values import Worklist, WorklistRow

Form = dict[str, Any]


def worklist(shown: Worklist) -> Form:
    """Return the whole list: `cut` says whether there is more than `rows`."""
    form: Form = canonical.plain(shown)
    return form | {"rows": list(map(_row, shown.rows)), "cut": shown.cut}


def finding_name(code: str) -> Form:
    """Return a finding's code and its names, `zh` and `en`."""
    finding = vocabulary()[code]
    return {"code": code, "zh": finding.zh, "en": finding.en}


def alert_line(alert: Alert) -> Form:
    """Return what one line says of an alert."""
    return {
        "alert_id": alert.alert_id,
        "finding": finding_name(alert.finding),
        "side": canonical.plain(alert.side),
        "certainty": alert.certainty.value,
        "state": alert.state.value,
        "level": alert.level,
        "deadline_at": canonical.plain(alert.deadline_at),
    }


def _row(row: WorklistRow) -> Form:
    form: Form = canonical.plain(row)
    return form | {
        "critical": list(map(finding_name, row.critical)),
        "alerts": list(map(alert_line, row.alerts)),
    }
