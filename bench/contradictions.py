"""Measure the contradictions between languages: found where one language was changed, and blocked
where both say the same.

    python -m radraft.bench.contradictions FILE [JUDGED] [--show]

A line of FILE: `id`, `base`, `zh`, `en`, `changed` (null, finding, polarity, side, number), `in`
(the language changed), `outside` (the finding is not in the vocabulary). A line of JUDGED: `id`,
`zh`, `en`, `consistent`, as people judged it, and `why`. With --show the ids and codes of what was
missed and of what was blocked wrongly are printed. Intervals are Wilson's, 95%.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from radraft.eval.looks.calibration import wilson
from radraft.reports.checks.languages import (
    FindingsOfLanguages,
    NegationsOfLanguages,
    NumbersOfLanguages,
    SidesOfLanguages,
)
from radraft.reports.checks.reading import read_report
from radraft.reports.checks.run import UNKNOWN
from radraft.reports.checks.values import Check, Issue, Severity
from radraft.reports.values import Origin, Report, Sentence, both

CHECKS: tuple[Check, ...] = (
    SidesOfLanguages(),
    NumbersOfLanguages(),
    NegationsOfLanguages(),
    FindingsOfLanguages(),
)
RIGHT = {
    "side": "side_mismatch",
    "number": "number_mismatch",
    "polarity": "negation_mismatch",
    "finding": "finding_mismatch",
}
"""The code that names what was changed."""
Line = dict[str, Any]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("judged", type=Path, nargs="?")
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    lines = read_lines(given.file)
    for line in recall(lines, show=given.show):
        print(line)
    unchanged = [line for line in lines if line["changed"] is None]
    print(share_blocked("unchanged pairs", unchanged, show=given.show))
    if given.judged is not None:
        judged = read_lines(given.judged)
        same = [line for line in judged if line["consistent"]]
        apart = [line for line in judged if not line["consistent"]]
        print(share_blocked("pairs judged consistent", same, show=given.show))
        print(share_blocked("pairs judged inconsistent", apart))


def read_lines(path: Path) -> list[Line]:
    """Return the objects of a file, one a line."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def issues(zh: str, en: str) -> tuple[Issue, ...]:
    """Return what the checks of languages find in one sentence of both."""
    report = Report("bench", (Sentence("s1", both(zh, en, Origin.PERSON)),), ())
    read = read_report(report, UNKNOWN)
    return tuple(issue for check in CHECKS for issue in check.find(read))


def recall(lines: Sequence[Line], *, show: bool = False) -> Iterable[str]:
    """Yield a line of figures for each kind of change, in and outside the vocabulary.

    An issue that the unchanged pair has too, as grave, does not count as found.
    """
    before = {
        line["base"]: {(issue.code, issue.severity) for issue in issues(line["zh"], line["en"])}
        for line in lines
        if line["changed"] is None
    }
    groups: dict[tuple[str, bool], list[tuple[str, list[Issue]]]] = defaultdict(list)
    for line in lines:
        if line["changed"] is not None:
            known = before.get(line["base"], set())
            new = [
                issue
                for issue in issues(line["zh"], line["en"])
                if (issue.code, issue.severity) not in known
            ]
            groups[line["changed"], bool(line["outside"])].append((line["id"], new))
    for (changed, outside), found in sorted(groups.items()):
        any_issue = sum(bool(new) for _, new in found)
        blocked = sum(any(issue.severity is Severity.BLOCK for issue in new) for _, new in found)
        named = sum(any(issue.code == RIGHT[changed] for issue in new) for _, new in found)
        where = "outside the vocabulary" if outside else "in the vocabulary"
        yield (
            f"{changed} changed, {where}: found {share(any_issue, len(found))}, "
            f"blocked {blocked}, named as such {named}"
        )
        if show:
            for identifier, new in found:
                if not any(issue.severity is Severity.BLOCK for issue in new):
                    yield f"  not blocked: {identifier} {[issue.code for issue in new]}"


def share_blocked(name: str, lines: Sequence[Line], *, show: bool = False) -> str:
    """Return the share of pairs whose signature is blocked, and of those only warned of."""
    blocked, warned, shown = 0, 0, []
    for line in lines:
        found = issues(line["zh"], line["en"])
        codes = sorted(issue.code for issue in found if issue.severity is Severity.BLOCK)
        blocked += bool(codes)
        warned += bool(found) and not codes
        if codes:
            shown.append(f"\n  {line['id']} {codes}")
    return (
        f"{name}: blocked {share(blocked, len(lines))}, warned of {share(warned, len(lines))}"
        + ("".join(shown) if show else "")
    )


def share(part: int, total: int) -> str:
    """Return a share with its size and interval."""
    if not total:
        return "0/0"
    low, high = wilson(part, total)
    return f"{part}/{total} = {part / total:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
