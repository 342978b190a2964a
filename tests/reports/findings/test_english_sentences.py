"""Hand-written sentences, each with all that it states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import anatomy, vocabulary
from radraft.reports.values import Certainty, Laterality

_TABLES = ("english_sentences.txt", "english_kinds.txt")
_POLARITY = {Certainty.PRESENT: "+", Certainty.ABSENT: "-", Certainty.UNCERTAIN: "?"}
_SIDE = {Laterality.LEFT: "L", Laterality.RIGHT: "R", Laterality.BILATERAL: "B"}


def _rows() -> list[tuple[str, list[str]]]:
    rows = []
    for table in _TABLES:
        for line in Path(__file__).with_name(table).read_text(encoding="utf-8").splitlines():
            if "=>" in line and not line.startswith("#"):
                sentence, _, said = line.rpartition("=>")
                rows.append((sentence.strip(), [m.strip() for m in said.split(";") if m.strip()]))
    return rows


def _written(mention: Mention) -> str:
    parts = [mention.code + _POLARITY[mention.polarity]]
    if mention.laterality is not None:
        parts.append(_SIDE[mention.laterality])
    if mention.anatomy is not None:
        parts.append("@" + mention.anatomy)
    if mention.change is not None:
        parts.append("^" + mention.change.value)
    parts += [f"{size:g}" for size in mention.size_mm]
    if mention.percent is not None:
        parts.append(f"{mention.percent:g}%")
    if mention.volume_ml is not None:
        parts.append(f"{mention.volume_ml:g}ml")
    return " ".join(parts)


@pytest.mark.parametrize(("sentence", "expected"), _rows(), ids=lambda value: str(value)[:60])
def test_sentence(sentence: str, expected: list[str]) -> None:
    assert [_written(mention) for mention in extract(sentence, "en")] == expected


def test_the_table_is_large_and_names_real_codes() -> None:
    rows = _rows()
    assert len(rows) >= 800
    for _, mentions in rows:
        for mention in mentions:
            name, *rest = mention.split()
            assert re.fullmatch(r"[a-z_]+[-+?]", name)
            assert name[:-1] in vocabulary()
            assert all(part[1:] in anatomy() for part in rest if part.startswith("@"))
