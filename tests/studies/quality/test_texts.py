"""Limits and what is said of them."""

from __future__ import annotations

import pytest

from radraft.core.errors import catalogue
from radraft.studies.quality.limits import About, extent, rule, rules, thickness
from radraft.studies.quality.texts import said
from radraft.studies.quality.values import Measures, Reason, Verdict
from radraft.ui.pages.site_quality.words import label
from tests.studies.quality.made import MEASURES


@pytest.mark.parametrize("code", sorted(rules()))
def test_every_rule_is_said_in_both_languages(code: str) -> None:
    found = rule(code)
    steps = [*found.above.values(), *found.below.values()]
    assert (found.severity is None) == bool(steps)
    reason = Reason(code, Verdict.POOR, 0.5 if steps else None, steps[0] if steps else None)
    for text in said(reason):
        assert "{" not in text
        assert len(text) > 8
    assert label(code).zh != code
    assert found.why


def test_every_message_of_the_gate_is_used() -> None:
    known = {code for code in catalogue() if code.startswith("quality_")}
    errors = {
        *("quality_not_judged", "quality_site_unknown", "quality_heads_changed"),
        *("quality_poor", "quality_refused"),
    }
    assert known - errors == set(rules())


def test_rules_of_pixels_name_measures() -> None:
    named = {one.measure for one in rules(About.RADIOGRAPH, About.CHEST_RULE).values()}
    assert named <= set(Measures.__dataclass_fields__)
    assert MEASURES.contrast > 0


def test_the_worse_limit_counts() -> None:
    found = rule("quality_too_dark")
    assert found.broken("quality_too_dark", 0.3) is None
    assert found.broken("quality_too_dark", 0.31) == Reason(
        "quality_too_dark", Verdict.USABLE, 0.31, 0.3
    )
    assert found.broken("quality_too_dark", 0.6) == Reason(
        "quality_too_dark", Verdict.POOR, 0.6, 0.5
    )


def test_values_are_said_in_their_unit() -> None:
    zh, en = said(Reason("quality_slices_thick", Verdict.USABLE, 8.0, 5.0))
    assert "8 mm" in zh
    assert "8 mm" in en
    zh, en = said(Reason("quality_age_contradicts", Verdict.USABLE, 12, 1))
    assert "12 岁" in zh
    assert "12 years" in en


def test_other_parts_codes_are_said_without_their_details() -> None:
    zh, en = said(Reason("unsupported_transfer_syntax", Verdict.REFUSE))
    assert "..." in en
    assert "{" not in zh + en
    assert said(Reason("of_a_later_version", Verdict.POOR)) == ("of_a_later_version",) * 2


def test_body_parts_without_limits_of_their_own() -> None:
    assert thickness("ELBOW") == thickness("other")
    assert extent("ELBOW") is None
