"""What an evaluation found, in the form that is written and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core import canonical
from radraft.core.errors import EvalError
from radraft.eval.looks.values import Calibration
from radraft.eval.values import Better, FloatArray, Measure, SetCard
from radraft.reports.values import Lang

FORMAT = "radraft-eval-1"


@dataclass(frozen=True)
class Value:
    """A corpus value with its 95% bootstrap interval."""

    measure: Measure
    value: float | None
    """None where the measure is undefined on these reports (nothing to find, nothing found)."""
    low: float | None
    high: float | None
    """None where too few resamples define the measure."""
    n: int
    """Reports that bear on it: those with a value of their own, or all where it has none."""


@dataclass(frozen=True)
class Section:
    """Measures over one list of reports."""

    key: str
    """`reports_zh`, `labels_en`, `agreement`..."""
    lang: Lang | None
    n: int
    refs_sha: str
    """Of the ids with what they were scored against, in order: equal for comparable results."""
    hyps_sha: str
    values: tuple[Value, ...]
    notes: tuple[str, ...] = ()
    """Codes of messages that say what is not given, and why."""
    resamples: Mapping[str, tuple[float | None, ...]] = field(repr=False, default_factory=dict)
    """Corpus value in each resample, by measure."""
    per_report: Mapping[str, FloatArray] = field(repr=False, compare=False, default_factory=dict)
    """Values of single reports; not part of `result.json`."""
    ids: tuple[str, ...] = field(repr=False, compare=False, default=())


@dataclass(frozen=True)
class Finding:
    """How often a finding was there, stated, and rightly stated."""

    code: str
    positives: int
    stated: int
    both: int

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None where the finding is on neither side."""
        total = self.positives + self.stated
        return 2 * self.both / total if total else None


@dataclass(frozen=True)
class Drafting:
    """How drafting a set went."""

    items: int
    drafted: int
    not_covered: int
    failed: Mapping[str, int]
    """Drafts that could not be had, by error code."""
    quality_gate: bool = False
    """Whether the set passed by the quality gate that `radraft draft` applies."""
    withheld: tuple[str, ...] = ()
    """Ids of the studies that the gate kept from the model, as too poor to draft from."""


@dataclass(frozen=True)
class Support:
    """Image support of a set's sentences, in nats."""

    sentences: int
    """Sentences whose support was measured."""
    positive: int
    """Those that the image makes likelier."""
    mean: float
    checked: int
    """Those whose findings the labels or the reference can tell right or wrong."""


@dataclass(frozen=True)
class Result:
    """Everything an evaluation found and what it rests on."""

    card: SetCard | None
    model: str
    seed: int
    resamples: int
    versions: Mapping[str, str]
    metrics_sha: str
    """Hash of the code and the rules that scored."""
    sections: tuple[Section, ...]
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """Counts per finding, by section key."""
    drafting: Drafting | None = None
    support: Support | None = None
    """None where image support was not measured."""
    calibration: Calibration | None = None
    """Image support of sentences against their correctness, where any could be checked."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, without what belongs to single reports."""
        return {
            "format": FORMAT,
            "card": canonical.plain(self.card),
            "model": self.model,
            "seed": self.seed,
            "resamples": self.resamples,
            "versions": dict(self.versions),
            "metrics_sha": self.metrics_sha,
            "sections": [_section_json(section) for section in self.sections],
            "findings": {
                key: [{**canonical.plain(row), "f1": rounded(row.f1)} for row in rows]
                for key, rows in self.findings.items()
            },
            "drafting": canonical.plain(self.drafting and vars(self.drafting)),
            "support": canonical.plain(self.support),
            "calibration": canonical.plain(self.calibration),
        }


def read_result(path: Path) -> Result:
    """The result in `path`, a JSON file or a folder with `result.json`, as far as results are
    compared: what belongs to single reports and the calibration stay on disk.

    EvalError `eval_result_unreadable`.
    """
    file = path / "result.json" if path.is_dir() else path
    try:
        return _result(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EvalError("eval_result_unreadable", file=str(path)) from None


def rounded(value: float | None) -> float | None:
    """Seven significant digits, which is more than any bootstrap supports; None for NaN."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.7g}")


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "key": section.key,
        "lang": section.lang,
        "n": section.n,
        "refs_sha": section.refs_sha,
        "hyps_sha": section.hyps_sha,
        "values": [
            {
                **canonical.plain(value.measure),
                "value": rounded(value.value),
                "low": rounded(value.low),
                "high": rounded(value.high),
                "n": value.n,
            }
            for value in section.values
        ],
        "notes": list(section.notes),
        "resamples": {name: list(rows) for name, rows in section.resamples.items()},
    }


def _result(data: dict[str, Any]) -> Result:
    if data["format"] != FORMAT:
        raise ValueError("another format")
    drafting = data["drafting"]
    return Result(
        card=SetCard(**data["card"]) if data["card"] else None,
        model=str(data["model"]),
        seed=int(data["seed"]),
        resamples=int(data["resamples"]),
        versions=data["versions"],
        metrics_sha=str(data["metrics_sha"]),
        sections=tuple(_section(item) for item in data["sections"]),
        findings={
            key: tuple(
                Finding(row["code"], row["positives"], row["stated"], row["both"]) for row in rows
            )
            for key, rows in data["findings"].items()
        },
        drafting=(
            Drafting(**{**drafting, "withheld": tuple(drafting.get("withheld", ()))})
            if drafting
            else None
        ),
    )


def _section(item: dict[str, Any]) -> Section:
    return Section(
        key=item["key"],
        lang=item["lang"],
        n=int(item["n"]),
        refs_sha=item["refs_sha"],
        hyps_sha=item["hyps_sha"],
        values=tuple(
            Value(
                Measure(row["name"], Better(row["better"]), row["definition"]),
                row["value"],
                row["low"],
                row["high"],
                int(row["n"]),
            )
            for row in item["values"]
        ),
        notes=tuple(item["notes"]),
        resamples={name: tuple(rows) for name, rows in item["resamples"].items()},
    )
