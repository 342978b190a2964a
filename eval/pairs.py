"""Report pairs from two JSONL files: everything that could make a score wrong is refused here."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from radraft.core.errors import EvalError
from radraft.eval import json_lines
from radraft.eval.drafts_file import draft_text, is_draft
from radraft.eval.layouts import Layout, layout, layout_notes
from radraft.eval.values import NOTHING, IntArray, Pair
from radraft.reports.values import Lang

_LONGEST_ID = 40


def read_pairs(refs: Path, hyps: Path, lang: Lang) -> PairFiles:
    """Pairs of the reports in `refs` and `hyps` (JSONL), joined by id, in the order of their ids.

    Each line is an object with `id` and either `report`, or `findings` and `impression` (one of
    the two may be empty or left out; they are joined by a line feed), or a line of `drafts.jsonl`
    (`eval.drafts_file`), where a study without a draft states nothing. Other fields are passed
    over. Where the two files do not have the same sections, the pairs say so (`notes`).
    EvalError, naming file, line and id, for what is not UTF-8, not JSON, not an object, of
    the wrong type, twice there, empty, only in one of the files, or in the other language.
    """
    known_refs, ref_layouts = _index(refs, lang)
    known_hyps, hyp_layouts = _index(hyps, lang)
    if known_refs.keys() != known_hyps.keys():
        raise json_lines.ids_differ(str(hyps), known_refs, known_hyps)
    ids = tuple(sorted(known_refs))
    return PairFiles(
        refs,
        hyps,
        lang,
        ids,
        np.array([known_refs[report_id].offset for report_id in ids], dtype=np.int64),
        np.array([known_hyps[report_id].offset for report_id in ids], dtype=np.int64),
        layout_notes(ref_layouts, hyp_layouts),
    )


def han_share(text: str) -> float:
    """Share of Han characters (U+4E00 to U+9FFF) among letters and Han characters, 0 to 1.

    NaN where a text has neither.
    """
    han = sum("\u4e00" <= character <= "\u9fff" for character in text)
    letters = sum(character.isalpha() for character in text)
    return han / letters if letters else float("nan")


def is_in(text: str, lang: Lang) -> bool:
    """Whether `text` may count as a report in `lang`.

    Chinese: at least 30% Han (abbreviations and units are Latin). English: at most 10% Han. A text
    without letters is in neither.
    """
    share = han_share(text)
    return share >= 0.3 if lang == "zh" else share <= 0.1


@dataclass(frozen=True, eq=False)
class PairFiles(Sequence[Pair]):
    """Pairs that stay on disk: two byte offsets for each are kept, and a text only while read."""

    refs: Path
    hyps: Path
    lang: Lang
    ids: tuple[str, ...]
    ref_offsets: IntArray
    hyp_offsets: IntArray
    notes: tuple[str, ...] = ()
    """Codes of messages that say what makes their scores hard to read."""

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Pair, ...]: ...

    def __getitem__(self, index: int | slice) -> Pair | tuple[Pair, ...]:
        places = range(len(self))[index]
        if isinstance(places, int):
            return next(self._read(range(places, places + 1)))
        return tuple(self._read(places))

    def __iter__(self) -> Iterator[Pair]:
        return self._read(range(len(self)))

    def _read(self, places: range) -> Iterator[Pair]:
        with self.refs.open("rb") as refs, self.hyps.open("rb") as hyps:
            for place in places:
                refs.seek(self.ref_offsets[place])
                hyps.seek(self.hyp_offsets[place])
                ref, hyp = (_text(json.loads(file.readline()), self.lang) for file in (refs, hyps))
                assert ref is not None and hyp is not None
                yield Pair(self.ids[place], ref, hyp)


def digests(pairs: Sequence[Pair]) -> tuple[str, str]:
    """(SHA-256 of ids and references, SHA-256 of ids and hypotheses), in the pairs' order."""
    refs, hyps = hashlib.sha256(), hashlib.sha256()
    for pair in pairs:
        for digest, text in ((refs, pair.ref), (hyps, pair.hyp)):
            digest.update(json.dumps([pair.id, text], ensure_ascii=False).encode("utf-8") + b"\n")
    return refs.hexdigest(), hyps.hexdigest()


@dataclass(frozen=True)
class _Place:
    line: int
    offset: int


def _index(path: Path, lang: Lang) -> tuple[dict[str, _Place], Counter[Layout]]:
    """Return where each report of `path` begins, and how many have which sections. EvalError for
    the first that cannot be scored."""
    places: dict[str, _Place] = {}
    layouts: Counter[Layout] = Counter()
    foreign: list[str] = []
    for line, offset, raw in json_lines.lines(path):
        entry = json_lines.entry(raw, line, path)
        key = entry.get("id")
        if isinstance(key, int) and not isinstance(key, bool):
            key = str(key)
        if not isinstance(key, str) or not _usable(key):
            raise EvalError("eval_bad_id", file=str(path), line=line)
        if key in places:
            raise EvalError(
                "eval_duplicate_id",
                file=str(path),
                line=line,
                id=json_lines.shown(key),
                first=places[key].line,
            )
        text = _checked(entry, key, lang, line, path)
        if text != NOTHING and not is_in(text, lang):
            foreign.append(key)
        places[key] = _Place(line, offset)
        layouts[Layout.WHOLE if is_draft(entry) else layout(entry)] += 1
    if not places:
        raise EvalError("eval_no_reports", file=str(path))
    if foreign:
        raise EvalError(
            "eval_wrong_language",
            file=str(path),
            lang=lang,
            count=len(foreign),
            examples=", ".join(
                f"{json_lines.shown(key)} (#{places[key].line})" for key in foreign[:3]
            ),
        )
    return places, layouts


def _checked(entry: dict[str, Any], key: str, lang: Lang, line: int, path: Path) -> str:
    if is_draft(entry):
        return draft_text(entry, lang)
    where: dict[str, Any] = {"file": str(path), "line": line, "id": json_lines.shown(key)}
    given = [name for name in ("report", "findings", "impression") if entry.get(name) is not None]
    for name in given:
        if not isinstance(entry[name], str):
            raise EvalError("eval_wrong_type", field=name, **where)
    if not given:
        raise EvalError("eval_no_report", **where)
    if "report" in given and len(given) > 1:
        raise EvalError("eval_two_reports", **where)
    text = _text(entry, lang)
    if text is None:
        raise EvalError("eval_empty_report", **where)
    return text


def _text(entry: dict[str, Any], lang: Lang) -> str | None:
    """The report's text without outer white space; None where there is none."""
    if is_draft(entry):
        return draft_text(entry, lang)
    parts = (entry.get(name) for name in ("report", "findings", "impression"))
    text = "\n".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
    # What UTF-8 cannot hold (half of a surrogate pair, written as \ud83d) has no hash either.
    return text.encode("utf-8", "replace").decode("utf-8") or None


def _usable(key: str) -> bool:
    """Whether an id has text in it and can be written to a file."""
    return bool(key.strip()) and key.isprintable()
