"""Reports in one language to proofread, with what is known of their study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from radraft.reports.checks.run import proofread
from radraft.reports.checks.values import Issue, Prior, StudyFacts
from radraft.reports.values import Lang, Origin, Report, Sentence, Wording

HAN = re.compile("[\u4e00-\u9fff]")
FILM = StudyFacts(
    modality="DX",
    body_part="CHEST",
    views=("PA", "LATERAL"),
    contrast=False,
    sex="F",
    age_years=60,
    study_date=date(2025, 6, 1),
    priors=(Prior(date(2024, 5, 20), (("en", "No change."), ("zh", "无变化。"))),),
)


def facts(**changes: Any) -> StudyFacts:
    """A woman's chest film with the changes given."""
    return StudyFacts(**{**FILM.__dict__, **changes})


def written(findings: Sequence[str], impression: Sequence[str] = ()) -> Report:
    """A report that a person wrote: f0, f1... and i0, i1..., each in its own language."""

    def sentences(prefix: str, texts: Sequence[str]) -> tuple[Sentence, ...]:
        return tuple(
            Sentence(f"{prefix}{n}", (Wording(language(text), text, Origin.PERSON),))
            for n, text in enumerate(texts)
        )

    return Report("c-1", sentences("f", findings), sentences("i", impression))


def language(text: str) -> Lang:
    """The language of a text by its characters."""
    return "zh" if HAN.search(text) else "en"


def issues(
    findings: Sequence[str], impression: Sequence[str] = (), study: StudyFacts = FILM
) -> tuple[Issue, ...]:
    """All issues of such a report."""
    return proofread(written(findings, impression), study)


def codes(text: str, study: StudyFacts = FILM) -> set[str]:
    """The codes of the issues of a report of one sentence."""
    return {issue.code for issue in issues([text], (), study)}
