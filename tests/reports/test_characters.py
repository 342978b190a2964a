from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.characters import ZERO_WIDTH, refused, require_visible, without_zero_width
from radraft.reports.values import Origin, both
from tests.builders import make_report

DIRECTION = [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"]
CONTROL = [*"\x00\x07\x0b\r\x1b\x7f\x80\x85\x9f\u2028\u2029"]
NOBODYS = ["\ue000", "\U000f0000", "\uffff", "\u0378"]


@pytest.mark.parametrize("character", [*DIRECTION, *CONTROL, *NOBODYS, *sorted(ZERO_WIDTH)])
def test_a_character_that_cannot_be_seen_is_refused_with_its_place(character: str) -> None:
    name = f"U+{ord(character):04X}"
    report = make_report("c-1")
    texts = both(f"右肺{character}清晰", "clear", Origin.PERSON)
    bad = replace(report, impression=(replace(report.impression[0], wordings=texts),))
    form = json.dumps(codec.edit_form(bad))
    for refusing in (lambda: codec.report_from_json(form), lambda: codec.validated(bad)):
        with pytest.raises(ReportError) as error:
            refusing()
        assert error.value.code == "character_refused"
        assert error.value.details == {"place": "impression.0.zh", "character": name}
    with pytest.raises(ReportError) as asked:
        require_visible(f"有结节{character}吗？", "question")
    assert asked.value.details == {"place": "question", "character": name}


@pytest.mark.parametrize(
    "text",
    [
        "双肺纹理清晰。",
        "Two lines\nand a\ttab",
        "1.2 × 3.4 cm ≥ ±",
        "𠮷 \U00030000 \U0003134b",
        "नी\u200dल",
        "",
    ],
)
def test_what_people_write_is_let_through(text: str) -> None:
    assert require_visible(text, "question") == text
    assert without_zero_width(text) == text


@given(st.text())
def test_a_machines_text_loses_only_what_has_no_width(text: str) -> None:
    left = without_zero_width(text)
    assert [c for c in text if c not in ZERO_WIDTH] == list(left)
    assert list(refused(left)) == [
        name for name in refused(text) if chr(int(name[2:], 16)) not in ZERO_WIDTH
    ]
