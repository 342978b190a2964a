"""Files whose reports do not have the same sections are scored with a note."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from radraft.core.errors import message
from radraft.eval.layouts import Layout, layout, layout_notes
from radraft.eval.pairs import read_pairs
from tests.eval.test_pairs import jsonl

Entry = dict[str, Any]
BOTH: Entry = {"findings": "Small left effusion.", "impression": "Left effusion."}
FINDINGS: Entry = {"findings": "Small left effusion."}
IMPRESSION: Entry = {"impression": "Left effusion."}
WHOLE: Entry = {"report": "Small left effusion. Left effusion."}
HEADED: Entry = {"report": "FINDINGS: Small left effusion.\nIMPRESSION: Left effusion."}
HEADED_FINDINGS: Entry = {"report": "Findings:\nSmall left effusion."}
DIFFER, UNKNOWN = ("eval_sections_differ",), ("eval_sections_unknown",)


@pytest.mark.parametrize(
    ("refs", "hyps", "notes"),
    [
        (BOTH, BOTH, ()),
        (FINDINGS, FINDINGS, ()),
        (IMPRESSION, IMPRESSION, ()),
        (WHOLE, WHOLE, ()),
        (HEADED, HEADED, ()),
        (HEADED, BOTH, ()),
        (WHOLE, BOTH, ()),
        (BOTH, WHOLE, ()),
        (BOTH, FINDINGS, DIFFER),
        (BOTH, IMPRESSION, DIFFER),
        (BOTH, FINDINGS | {"impression": ""}, DIFFER),
        (BOTH, FINDINGS | {"impression": " \n"}, DIFFER),
        (BOTH, FINDINGS | {"impression": None}, DIFFER),
        (BOTH, IMPRESSION | {"findings": ""}, DIFFER),
        (FINDINGS, BOTH, DIFFER),
        (IMPRESSION, BOTH, DIFFER),
        (IMPRESSION, FINDINGS, DIFFER),
        (HEADED, FINDINGS, DIFFER),
        (HEADED, HEADED_FINDINGS, DIFFER),
        (BOTH, HEADED_FINDINGS, DIFFER),
        (HEADED_FINDINGS, HEADED, DIFFER),
        (WHOLE, FINDINGS, UNKNOWN),
        (FINDINGS, WHOLE, UNKNOWN),
        (WHOLE, HEADED_FINDINGS, UNKNOWN),
        (IMPRESSION, WHOLE, UNKNOWN),
    ],
)
def test_two_files_of_one_layout_each(
    tmp_path: Path, refs: Entry, hyps: Entry, notes: tuple[str, ...]
) -> None:
    first, second = (
        jsonl(tmp_path / name, *({"id": str(number), **entry} for number in range(3)))
        for name, entry in (("r.jsonl", refs), ("h.jsonl", hyps))
    )
    assert read_pairs(first, second, "en").notes == notes
    assert all(all(message(note, {})) for note in notes)


@pytest.mark.parametrize(("without", "notes"), [(0, ()), (1, ()), (2, DIFFER), (10, DIFFER)])
def test_a_few_reports_without_an_impression_are_no_other_layout(
    without: int, notes: tuple[str, ...]
) -> None:
    hyps = Counter({Layout.BOTH: 10 - without, Layout.FINDINGS: without})
    assert layout_notes(Counter({Layout.BOTH: 10}), hyps) == notes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("影像所见：左侧少量积液。\n诊断意见：左侧胸腔积液。", Layout.BOTH),
        ("【检查所见】左侧少量积液。\n【影像诊断】左侧胸腔积液。", Layout.BOTH),
        ("CT表现：结节。\n印象：肺结节。", Layout.BOTH),
        ("**Findings:** Clear.\n\n**Impression:** Normal.", Layout.BOTH),
        ("## Findings\nClear.\n## Conclusion\nNormal.", Layout.BOTH),
        ("FINDINGS\nClear.\nIMPRESSION\nNormal.", Layout.BOTH),
        ("Impression - normal chest", Layout.IMPRESSION),
        ("结论：未见异常。", Layout.IMPRESSION),
        ("所见：双肺清晰。", Layout.FINDINGS),
        ("No acute findings. The impression is of a normal chest.", Layout.WHOLE),
        ("诊断不明确，建议结合临床。", Layout.WHOLE),
        ("", Layout.WHOLE),
    ],
)
def test_headings_of_a_whole_text(text: str, found: Layout) -> None:
    assert layout({"report": text}) is found
