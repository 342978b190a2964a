"""Each kind of error in many wordings, and what only looks like one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from radraft.bench.checks import RIGHT
from radraft.reports.checks.values import Issue, StudyFacts
from tests.reports.checks.reports import facts, issues

WORDED: dict[str, dict[str, list[Any]]] = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("worded.yaml").read_text(encoding="utf-8")
)
BESIDE = {
    "negation_within": {"impression_omits", "impression_extra"},
    "negation_impression": {"impression_omits", "impression_extra"},
}
"""Codes that may stand beside a kind's own without being wrong."""


def of(list_name: str) -> Iterator[tuple[str, str, StudyFacts]]:
    """Yield each kind with each report of one of its lists, and its study."""
    for kind, lists in WORDED.items():
        for item in lists.get(list_name, ()):
            said, text = item if isinstance(item, list) else (None, item)
            yield kind, text, study(kind, said)


def study(kind: str, said: Any) -> StudyFacts:
    """The study of which an item says its age, sex, views or request."""
    if kind == "comparison_no_prior":
        return facts(priors=())
    named = {
        "age": {"age_years": said},
        "sex": {"sex": said},
        "views": {"views": tuple(str(said).split())},
        "side_reason": {"reason": said},
    }
    return facts(**named.get(kind, {}))


def issues_of(text: str, of_study: StudyFacts) -> tuple[Issue, ...]:
    """The issues of a report in the data's form."""
    findings, _, impression = text.partition("=>")
    return issues(sentences(findings), sentences(impression), of_study)


def sentences(section: str) -> list[str]:
    """The sentences of a section."""
    return [sentence.strip() for sentence in section.split("|") if sentence.strip()]


@pytest.mark.parametrize(("kind", "text", "of_study"), list(of("wrong")))
def test_an_error_is_found_in_other_words_too(kind: str, text: str, of_study: StudyFacts) -> None:
    assert {issue.code for issue in issues_of(text, of_study)} & RIGHT[kind]


@pytest.mark.parametrize(("kind", "text", "of_study"), list(of("right")))
def test_what_only_looks_like_an_error_is_not_warned_of(
    kind: str, text: str, of_study: StudyFacts
) -> None:
    codes = RIGHT[kind] - BESIDE.get(kind, set())
    assert not {issue.code for issue in issues_of(text, of_study)} & codes
