"""Two JSONL files in, pairs out; what could be scored wrongly is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import EvalError
from radraft.eval.pairs import digests, han_share, is_in, read_pairs
from radraft.eval.values import Pair

ZH, EN = "双肺清晰，未见胸腔积液。", "The lungs are clear. No pleural effusion."


def jsonl(path: Path, *rows: Any) -> Path:
    """A file with a line for each row: JSON of what is not text already."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
    return path


def good(folder: Path, text: str = EN) -> Path:
    return jsonl(folder / "good.jsonl", {"id": "a", "report": text})


def refused(refs: Path, hyps: Path, lang: Any = "en") -> EvalError:
    with pytest.raises(EvalError) as caught:
        read_pairs(refs, hyps, lang)
    return caught.value


def test_pairs_are_joined_by_id_whatever_the_order(tmp_path: Path) -> None:
    refs = jsonl(
        tmp_path / "r.jsonl",
        {"id": "b", "findings": " Clear lungs. ", "impression": "Normal."},
        {"id": "a", "report": EN, "model": "x"},
    )
    hyps = jsonl(
        tmp_path / "h.jsonl",
        {"id": "a", "findings": "Clear.", "impression": ""},
        "",
        {"id": "b", "impression": "Normal chest.", "findings": None},
    )
    pairs = read_pairs(refs, hyps, "en")
    assert len(pairs) == 2
    assert list(pairs) == [
        Pair("a", EN, "Clear."),
        Pair("b", "Clear lungs.\nNormal.", "Normal chest."),
    ]
    assert pairs[-1] == pairs[1] == pairs[0:2][1]
    with pytest.raises(IndexError):
        pairs[2]


def test_a_number_as_id_is_its_digits(tmp_path: Path) -> None:
    refs = jsonl(tmp_path / "r.jsonl", {"id": 7, "report": EN})
    hyps = jsonl(tmp_path / "h.jsonl", {"id": "7", "report": EN})
    assert list(read_pairs(refs, hyps, "en")) == [Pair("7", EN, EN)]
    twice = jsonl(tmp_path / "t.jsonl", {"id": 7, "report": EN}, {"id": "7", "report": EN})
    assert refused(twice, hyps).code == "eval_duplicate_id"


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    row = json.dumps({"id": "a", "report": ZH}, ensure_ascii=False)
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes(b"\xef\xbb\xbf" + row.encode() + b"\r\n\r\n")
    assert list(read_pairs(marked, marked, "zh")) == [Pair("a", ZH, ZH)]


@pytest.mark.parametrize(
    ("line", "code", "details"),
    [
        ('{"id": "b", "report": "x"', "eval_bad_json", {"line": 2}),
        ("[" * 100_000, "eval_bad_json", {"line": 2}),
        ('{"id": "b", "n": ' + "9" * 5000 + "}", "eval_bad_json", {"line": 2}),
        ('["b", "x"]', "eval_not_object", {"line": 2}),
        ('{"report": "x"}', "eval_bad_id", {"line": 2}),
        ('{"id": 7.5, "report": "x"}', "eval_bad_id", {"line": 2}),
        ('{"id": true, "report": "x"}', "eval_bad_id", {"line": 2}),
        ('{"id": " ", "report": "x"}', "eval_bad_id", {"line": 2}),
        (r'{"id": "\ud800", "report": "x"}', "eval_bad_id", {"line": 2}),
        ('{"id": "a", "report": "x"}', "eval_duplicate_id", {"line": 2, "first": 1, "id": "a"}),
        ('{"id": "b", "id": "c"}', "eval_duplicate_key", {"line": 2, "field": "id"}),
        ('{"id": "b", "report": 3}', "eval_wrong_type", {"id": "b", "field": "report"}),
        ('{"id": "b", "findings": ["x"]}', "eval_wrong_type", {"field": "findings"}),
        ('{"id": "b"}', "eval_no_report", {"line": 2, "id": "b"}),
        ('{"id": "b", "report": null}', "eval_no_report", {"line": 2}),
        ('{"id": "b", "report": " \\n"}', "eval_empty_report", {"line": 2, "id": "b"}),
        ('{"id": "b", "findings": "", "impression": ""}', "eval_empty_report", {"id": "b"}),
        ('{"id": "b", "report": "x", "findings": "y"}', "eval_two_reports", {"id": "b"}),
        ('{"id": "b", "report": "\udcff"}', "eval_not_utf8", {"line": 2}),
    ],
)
def test_a_bad_line_is_named(
    tmp_path: Path, line: str, code: str, details: dict[str, object]
) -> None:
    bad = jsonl(tmp_path / "bad.jsonl", {"id": "a", "report": EN}, line)
    for error in (refused(bad, good(tmp_path)), refused(good(tmp_path), bad)):
        assert error.code == code
        assert error.file == str(bad)
        assert details.items() <= error.details.items()
        assert "bad.jsonl" not in str(error)


def test_reports_on_one_side_only_are_refused(tmp_path: Path) -> None:
    refs = jsonl(tmp_path / "r.jsonl", *({"id": str(n), "report": EN} for n in range(5)))
    hyps = jsonl(tmp_path / "h.jsonl", {"id": "0", "report": EN}, {"id": "9", "report": EN})
    error = refused(refs, hyps)
    assert error.code == "eval_ids_differ"
    assert error.details == {
        "refs": 5, "hyps": 2, "only_refs": 4, "only_hyps": 1,
        "example_refs": "1, 2, 3", "example_hyps": "9",
    }  # fmt: skip


def test_the_other_language_is_refused_and_named(tmp_path: Path) -> None:
    mixed = jsonl(
        tmp_path / "m.jsonl", {"id": "a", "report": ZH}, {"id": "b", "report": EN},
        {"id": "c", "report": ZH + EN},
    )  # fmt: skip
    error = refused(mixed, mixed, "zh")
    assert (error.code, error.details["count"], error.details["lang"]) == (
        "eval_wrong_language", 2, "zh",
    )  # fmt: skip
    assert error.details["examples"] == "b (#2), c (#3)"
    assert refused(mixed, mixed, "en").details["examples"] == "a (#1), c (#3)"


@pytest.mark.parametrize("text", ["12 / 34", "...", "∅"])
def test_a_report_without_words_is_in_no_language(text: str) -> None:
    assert not is_in(text, "zh")
    assert not is_in(text, "en")


def test_abbreviations_do_not_make_a_chinese_report_foreign() -> None:
    assert is_in("CT示右肺上叶结节，SUVmax 3.2，PICC在位。", "zh")
    assert not is_in("CT示右肺上叶结节，SUVmax 3.2，PICC在位。", "en")


@given(st.text())
def test_no_text_counts_in_both_languages(text: str) -> None:
    assert not (is_in(text, "zh") and is_in(text, "en"))
    share = han_share(text)
    assert share != share or 0 <= share <= 1


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_reports_is_refused(tmp_path: Path, content: str) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text(content, encoding="utf-8")
    assert refused(empty, empty).code == "eval_no_reports"


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none", good(tmp_path)).code == "eval_file_missing"
    assert refused(good(tmp_path), tmp_path).code == "eval_file_missing"


def test_digests_tell_references_and_hypotheses_apart() -> None:
    pairs = [Pair("a", "x", "y"), Pair("b", "z", "w")]
    refs, hyps = digests(pairs)
    assert digests([Pair("a", "x", "other"), pairs[1]])[0] == refs
    assert digests([Pair("a", "other", "y"), pairs[1]])[1] == hyps
    assert digests(pairs[::-1]) != (refs, hyps)
    assert digests([Pair("a", "xb", "y")])[0] != digests([Pair("ax", "b", "y")])[0]


@pytest.mark.slow
def test_texts_stay_on_disk(tmp_path: Path) -> None:
    """What is held is ids and offsets: a tenth of the texts, which are read one at a time."""
    import tracemalloc

    text = EN * 100
    rows = [{"id": str(n), "report": text} for n in range(2000)]
    refs, hyps = jsonl(tmp_path / "r.jsonl", *rows), jsonl(tmp_path / "h.jsonl", *rows)
    tracemalloc.start()
    try:
        pairs = read_pairs(refs, hyps, "en")
        digests(pairs)
        assert sum(len(pair.ref) for pair in pairs) == 2000 * len(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (refs.stat().st_size + hyps.stat().st_size) / 10
