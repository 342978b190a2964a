"""The worklist as the page takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.ui.api.alert_forms import alert_line, finding_name

if TYPE_CHECKING:
    from radraft.store.values import Worklist, WorklistRow

Form = dict[str, Any]


def worklist(shown: Worklist) -> Form:
    """Return the whole list: `cut` says whether there is more than `rows`."""
    form: Form = canonical.plain(replace(shown, rows=()))
    return form | {"rows": list(map(_row, shown.rows)), "cut": shown.cut}


def _row(row: WorklistRow) -> Form:
    form: Form = canonical.plain(replace(row, alerts=()))
    return form | {
        "critical": list(map(finding_name, row.critical)),
        "alerts": list(map(alert_line, row.alerts)),
    }
