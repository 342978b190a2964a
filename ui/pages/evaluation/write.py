"""Writes a result: `result.json`, `reports.jsonl`, `result.md` and `result.html`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from radraft.core import canonical
from radraft.core.errors import EvalError
from radraft.eval.report.cases import Case
from radraft.eval.report.markdown import markdown
from radraft.eval.result import Result, rounded
from radraft.ui.pages.evaluation.page import page


def write(result: Result, cases: Sequence[Case] | None, out: Path) -> None:
    """Write all forms of `result` into the folder `out`, each whole or not at all.

    EvalError `eval_not_written`.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _whole(out / "result.json", lambda: iter([canonical.dumps(result.as_json()), "\n"]))
        _whole(out / "reports.jsonl", lambda: _reports(result))
        _whole(out / "result.md", lambda: iter([markdown(result)]))
        _whole(out / "result.html", lambda: iter([page(result, cases)]))
    except OSError:
        raise EvalError("eval_not_written", file=str(out)) from None


def _reports(result: Result) -> Iterator[str]:
    """One line for each report of each section, so that no list of all of them is needed."""
    for section in result.sections:
        for at, key in enumerate(section.ids):
            values = {name: rounded(float(found[at])) for name, found in section.per_report.items()}
            line = {"section": section.key, "id": key, "values": values}
            yield json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n"


def _whole(path: Path, parts: Callable[[], Iterator[str]]) -> None:
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for part in parts():
                file.write(part)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
