"""Measure the proofreader on reports with one planted error each, and on reports as they were.

    python -m radraft.bench.checks --data folder [--out folder]
    python -m radraft.bench.checks --judged file

The folder holds `planted*.jsonl` and `untouched*.jsonl`. A line: `id`, `lang` (en, zh, both),
`kind`, `study` and `clean` (sections of sentences); of a planted one also `planted`, `where` and
`also`, the places of the error: section and index. An error is found where a warning of a right
kind (`RIGHT`) points at one of its places and is not given for the clean report too. All warnings
of untouched reports and all that were no hit are written to `--out`, to be read and judged by
people: precision counts only hits as right until then. `--judged` counts such judgements by code
(`bench/unseen/warnings_judged.jsonl`).
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from radraft.eval.looks.calibration import wilson
from radraft.reports.checks import reading, run
from radraft.reports.checks.values import Issue, Prior, Severity, StudyFacts
from radraft.reports.values import Lang, Origin, Report, Sentence, Wording

RIGHT: Mapping[str, frozenset[str]] = {
    kind: frozenset(codes.split())
    for kind, codes in {
        "side_sections": "side_sections",
        "side_languages": "side_mismatch",
        "side_reason": "side_reason",
        "sex": "sex_differs sex_mixed",
        "age": "age_differs",
        "body_part": "body_part_differs foreign_region",
        "foreign_exam": "foreign_region body_part_differs modality_words",
        "modality": "modality_words foreign_region",
        "contrast": "contrast_words modality_words",
        "views": "views_differ",
        "impression_omits": "impression_omits negation_within negation_impression",
        "impression_extra": "impression_extra",
        "negation_within": "negation_within impression_omits impression_extra",
        "negation_impression": "negation_impression impression_abnormal impression_omits"
        " impression_extra",
        "negation_languages": "negation_mismatch finding_mismatch",
        "size_unit": "size_impossible size_sections",
        "size_impossible": "size_impossible",
        "size_sections": "size_sections",
        "size_order": "size_order size_sections",
        "comparison_no_prior": "comparison_no_prior",
        "prior_date": "prior_date comparison_no_prior",
        "device_sections": "device_denied negation_within negation_impression impression_omits"
        " impression_extra",
        "duplicate": "sentence_repeated",
        "template_field": "sentence_unfilled",
        "typo_spelling": "typo_spelling",
        "typo_homophone": "typo_homophone typo_lookalike",
        "typo_lookalike": "typo_homophone typo_lookalike",
        "number_languages": "number_mismatch size_sections",
        "identity": "identity_in_text",
    }.items()
}
"""Codes that are right for each kind of planted error."""
LEAST = 20
"""Below so many, a share is not told."""
GOALS = "goals: recall 0.90, warnings 0.15 a report, 1 report in 200 blocked, 50 ms, 10 ms"

Place = tuple[str, int]


@dataclass(frozen=True)
class Line:
    """One report of the files."""

    id: str
    lang: str
    kind: str
    study: StudyFacts
    clean: Mapping[str, list[str]]
    planted: Mapping[str, list[str]] | None
    places: frozenset[Place]
    """Of the error; empty where none was planted."""


@dataclass(frozen=True)
class Warned:
    """One warning of one report."""

    line: Line
    issue: Issue
    hit: bool
    text: str


def main() -> None:
    """Read the files, proofread, print the figures, write the warnings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--data", type=Path, help="folder with planted*.jsonl")
    asked.add_argument("--judged", type=Path, help="warnings that people judged")
    parser.add_argument("--out", type=Path, default=Path(".radraft/bench-checks"))
    arguments = parser.parse_args()
    if arguments.judged is not None:
        for text in judged_figures(arguments.judged.read_text(encoding="utf-8").splitlines()):
            _say(text)
        return
    measure(arguments.data, arguments.out)


def measure(data: Path, out: Path) -> None:
    """Proofread the reports of a folder, print the figures, write the warnings to `out`."""
    planted = list(lines(data, "planted*.jsonl"))
    untouched = list(lines(data, "untouched*.jsonl"))
    if not planted:
        sys.exit(f"no planted*.jsonl in {data}")
    # Word lists are read once; no report waits for that.
    warnings_of(planted[0])
    reading.forget()
    of_planted = [warned for line in planted for warned in warnings_of(line)]
    reading.forget()
    spent = []
    of_untouched = []
    for line in untouched:
        began = time.perf_counter()
        found = warnings_of(line)
        spent.append(time.perf_counter() - began)
        of_untouched += found
    write(out, planted, of_planted, of_untouched)
    for text in figures(planted, of_planted, of_untouched):
        _say(text)
    for text in untouched_figures(untouched, of_untouched):
        _say(text)
    _say(times("time a report", spent))
    _say(times("time an edited sentence", edited(untouched)))
    _say(f"{GOALS}; warnings to read: {out}")


def lines(folder: Path, pattern: str) -> Iterator[Line]:
    """Yield the reports of the files of a folder that match."""
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                wheres = [row["where"], *row["also"]] if row.get("where") else []
                places = frozenset((where["section"], where["index"]) for where in wheres)
                yield Line(
                    row["id"],
                    row["lang"],
                    row["kind"],
                    facts(row["study"], row["lang"]),
                    row["clean"],
                    row.get("planted"),
                    places,
                )


def facts(study: Mapping[str, Any], lang: str) -> StudyFacts:
    """Return a line's study as the checks take it. Who has no prior there has none at all."""
    prior = study.get("prior")
    of_prior: tuple[Prior, ...] = ()
    language: Lang = "zh" if lang == "zh" else "en"
    if prior:
        parts = (prior.get("findings") or "", prior.get("impression") or "")
        text = "\n".join(p if isinstance(p, str) else "\n".join(p) for p in parts)
        of_prior = (Prior(date.fromisoformat(prior["date"]), ((language, text),)),)
    return StudyFacts(
        modality=study["modality"],
        body_part=study["body_part"],
        views=tuple(study["views"]),
        contrast=study["contrast"],
        sex=study["sex"] or "",
        age_years=study["age"],
        study_date=date.fromisoformat(study["study_date"]),
        reason=study.get("order_reason") or "",
        priors=of_prior,
    )


def report_of(line: Line, sections: Mapping[str, list[str]]) -> Report:
    """Return the report of a line; a sentence's id is its place, as `findings.3`."""

    def sentences(name: str) -> tuple[Sentence, ...]:
        texts: list[list[tuple[Lang, str]]]
        if line.lang == "both":
            zh, en = sections.get(f"{name}_zh", []), sections.get(f"{name}_en", [])
            texts = [[("zh", a), ("en", b)] for a, b in zip(zh, en, strict=True)]
        else:
            lang: Lang = "zh" if line.lang == "zh" else "en"
            texts = [[(lang, text)] for text in sections.get(name, [])]
        return tuple(
            Sentence(f"{name}.{n}", tuple(Wording(lang, t, Origin.PERSON) for lang, t in pair))
            for n, pair in enumerate(texts)
        )

    return Report(line.id, sentences("findings"), sentences("impression"))


def warnings_of(line: Line) -> list[Warned]:
    """Return the warnings of a line's report: the planted one where it has one."""
    sections = line.clean if line.planted is None else line.planted
    report = report_of(line, sections)
    found = run.proofread(report, line.study)
    text = {sentence.id: sentence.zh + sentence.en for sentence in report.sentences}
    before: set[tuple[str, str | None]] = set()
    moved: Mapping[str, str] = {}
    if line.planted is not None:
        clean = report_of(line, line.clean)
        before = {(issue.code, issue.sentence_id) for issue in run.proofread(clean, line.study)}
        moved = places_before(report, clean)
    return [
        Warned(
            line,
            issue,
            _is_hit(line, issue)
            and (issue.code, moved.get(issue.sentence_id or "", "new")) not in before,
            text.get(issue.sentence_id or "", ""),
        )
        for issue in found
    ]


def places_before(planted: Report, clean: Report) -> Mapping[str, str]:
    """Return the ids in the clean report of the sentences of the planted one; none of a sentence
    that was put in."""
    found: dict[str, str] = {}
    for now, before in (
        (planted.findings, clean.findings),
        (planted.impression, clean.impression),
    ):
        matcher = difflib.SequenceMatcher(
            None, [s.zh + s.en for s in now], [s.zh + s.en for s in before], autojunk=False
        )
        for tag, start, end, first, last in matcher.get_opcodes():
            if tag == "equal" or (tag == "replace" and end - start == last - first):
                pairs = zip(now[start:end], before[first:last], strict=True)
                found |= {one.id: other.id for one, other in pairs}
    return found


def _is_hit(line: Line, issue: Issue) -> bool:
    if issue.code not in RIGHT.get(line.kind, frozenset()):
        return False
    pointed = {issue.sentence_id, *(pointer.sentence_id for pointer in issue.at)}
    names = {
        f"{section.removesuffix('_zh').removesuffix('_en')}.{index}"
        for section, index in line.places
    }
    return bool(names & pointed)


def figures(
    planted: Sequence[Line], of_planted: Sequence[Warned], of_untouched: Sequence[Warned]
) -> Iterator[str]:
    """Yield recall by kind and language, overall, and precision by code."""
    hits = {warned.line.id for warned in of_planted if warned.hit}
    yield f"{'kind':22}{'lang':6}{'recall':>30}"
    by: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for line in planted:
        by[line.kind, line.lang].append(line.id in hits)
    for (kind, lang), found in sorted(by.items()):
        yield f"{kind:22}{lang:6}{share(sum(found), len(found)):>30}"
    for lang in sorted({lang for _, lang in by}):
        found = [hit for (_, other), all_of in by.items() if other == lang for hit in all_of]
        yield f"{'all':22}{lang:6}{share(sum(found), len(found)):>30}"
    yield f"{'all':22}{'':6}{share(len(hits), len(planted)):>30}"
    yield f"\n{'code':22}{'precision, hits alone':>36}{'on untouched':>14}"
    given = Counter(warned.issue.code for warned in (*of_planted, *of_untouched))
    right = Counter(warned.issue.code for warned in of_planted if warned.hit)
    idle = Counter(warned.issue.code for warned in of_untouched)
    for code in sorted(given):
        yield f"{code:22}{share(right[code], given[code]):>36}{idle[code]:>14}"


def untouched_figures(untouched: Sequence[Line], found: Sequence[Warned]) -> Iterator[str]:
    """Yield warnings a report and blocked reports, by language and in all."""
    for lang in (*sorted({line.lang for line in untouched}), ""):
        reports = [line for line in untouched if lang in ("", line.lang)]
        warned = [one for one in found if lang in ("", one.line.lang)]
        blocked = {one.line.id for one in warned if one.issue.severity is Severity.BLOCK}
        yield (
            f"untouched {lang or 'all':4} warnings a report {len(warned) / len(reports):.3f}, "
            f"reports warned of {share(len({one.line.id for one in warned}), len(reports))}, "
            f"blocked {share(len(blocked), len(reports))}"
        )


JUDGEMENTS = ("right", "arguable", "false")


def judged_figures(rows: Sequence[str]) -> Iterator[str]:
    """Yield how many warnings of each code were judged right, arguable and false, for untouched
    reports and for planted ones. ValueError where a judgement is none of these.

    rows: JSON lines with `of` (untouched, planted), `code` and `judgement`.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in map(json.loads, rows):
        if row["judgement"] not in JUDGEMENTS:
            raise ValueError(f"{row['id']}: no judgement {row['judgement']!r}")
        for code in (row["code"], "all"):
            counts[row["of"], code, row["judgement"]] += 1
    yield f"{'reports':12}{'code':24}" + "".join(f"{name:>10}" for name in JUDGEMENTS)
    for of, code in sorted({(of, code) for of, code, _ in counts}):
        numbers = "".join(f"{counts[of, code, name]:>10}" for name in JUDGEMENTS)
        yield f"{of:12}{code:24}{numbers}"


def share(part: int, of: int) -> str:
    """Return a share with its interval and number; undecided below `LEAST`."""
    if of == 0:
        return "- (0)"
    low, high = wilson(part, of)
    sure = "" if of >= LEAST else " undecided"
    return f"{part / of:.3f} [{low:.2f}, {high:.2f}] {part}/{of}{sure}"


def edited(untouched: Sequence[Line]) -> list[float]:
    """Return the seconds that each report takes once more after its first sentence was edited."""
    spent = []
    for line in untouched:
        report = report_of(line, line.clean)
        run.proofread(report, line.study)
        first = report.sentences[0]
        changed = first.reworded(
            zh=f"{first.zh}请结合临床。" if first.zh else None,
            en=f"{first.en} Please correlate." if first.en else None,
        )
        after = Report(
            report.case_id,
            tuple(changed if s is first else s for s in report.findings),
            tuple(changed if s is first else s for s in report.impression),
        )
        began = time.perf_counter()
        run.proofread_sentence(after, first.id, line.study)
        spent.append(time.perf_counter() - began)
    return spent


def times(name: str, spent: Sequence[float]) -> str:
    """Return median, 95th percentile and most of seconds, in milliseconds."""
    if not spent:
        return f"{name}: nothing measured"
    median, high, most = np.percentile(np.asarray(spent) * 1000, [50, 95, 100])
    return f"{name}: median {median:.2f} ms, 95% {high:.2f} ms, most {most:.2f} ms"


def write(
    out: Path,
    planted: Sequence[Line],
    of_planted: Sequence[Warned],
    of_untouched: Sequence[Warned],
) -> None:
    """Write the warnings on untouched reports, those on planted ones that were no hit, and the
    planted reports that were missed."""
    out.mkdir(parents=True, exist_ok=True)
    hits = {warned.line.id for warned in of_planted if warned.hit}
    missed = [
        {"id": line.id, "kind": line.kind, "places": sorted(line.places), "report": line.planted}
        for line in planted
        if line.id not in hits
    ]
    files: dict[str, list[dict[str, Any]]] = {
        "untouched": [_written(warned) for warned in of_untouched],
        "planted_no_hit": [_written(warned) for warned in of_planted if not warned.hit],
        "missed": missed,
    }
    for name, rows in files.items():
        with (out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _written(warned: Warned) -> dict[str, Any]:
    sections = warned.line.planted or warned.line.clean
    return {
        "id": warned.line.id,
        "kind": warned.line.kind,
        "code": warned.issue.code,
        "severity": warned.issue.severity.value,
        "sentence": warned.issue.sentence_id,
        "text": warned.text,
        "message": warned.issue.message_en,
        "words": [
            sections_text(sections, pointer.sentence_id, pointer.lang)[pointer.start : pointer.end]
            for pointer in warned.issue.at
        ],
        "report": sections,
    }


def sections_text(sections: Mapping[str, list[str]], sentence_id: str, lang: str) -> str:
    """Return the text of a sentence by its id."""
    name, index = sentence_id.rsplit(".", 1)
    return (sections.get(name) or sections[f"{name}_{lang}"])[int(index)]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
