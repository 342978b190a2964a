"""Plant one error into each of many real reports, to measure what a proofreader finds.

    python -m radraft.bench.planted_errors.plant --data ../shared/data --out DIR [--seed 16]
        [--half heldout|dev] [--per-kind 25] [--untouched 500]

Writes `planted.jsonl` (a clean report, the same with one error, and where it stands),
`untouched.jsonl` (reports as they were written) and `uids_used.txt`. The text is of reports_iu_en
(non-commercial) and reports_iu_zh_en (CC BY-NC-SA) and stays outside the repository. Reports are
split by the parity of sha256 of their uid, as in `eval_findings_en`. Sentences that are written in
come from `scenarios.yaml` and `words.yaml`, written for this program.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radraft.bench.planted_errors.comparison import comparison_no_prior, prior_date
from radraft.bench.planted_errors.examination import (
    body_part,
    contrast,
    foreign_exam,
    modality,
    own_body_part,
    views,
)
from radraft.bench.planted_errors.impression import (
    impression_extra,
    impression_omits,
    negation_impression,
    negation_within,
    own_denial,
    own_negation,
)
from radraft.bench.planted_errors.languages import (
    negation_languages,
    number_languages,
    side_languages,
    written_number,
)
from radraft.bench.planted_errors.patient import age, sex
from radraft.bench.planted_errors.sides import own_sides, side_reason, side_sections
from radraft.bench.planted_errors.sizes import (
    own_size_unit,
    size_impossible,
    size_order,
    size_sections,
    size_unit,
)
from radraft.bench.planted_errors.sources import load_pools, load_words, seeded, take_untouched
from radraft.bench.planted_errors.typing import typo_homophone, typo_lookalike, typo_spelling
from radraft.bench.planted_errors.values import Planted, Planter, Report, Study, Words
from radraft.bench.planted_errors.wording import (
    device_sections,
    duplicate,
    identity,
    template_field,
)
from radraft.bench.planted_errors.words import ATTEMPTS


def main() -> None:
    """Write the three files and print a count per kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--half", choices=("heldout", "dev"), default="heldout")
    parser.add_argument("--per-kind", type=int, default=25)
    parser.add_argument("--untouched", type=int, default=500)
    parser.add_argument("--suffix", default="", help="put before .jsonl")
    given = parser.parse_args()
    words = load_words(given.data, given.half)
    pools = load_pools(given.data, given.half, given.seed, words)
    untouched = {lang: take_untouched(pools[lang], given.untouched) for lang in ("en", "zh")}
    # The bilingual pairs are of the same studies as the Chinese reports.
    gone = {report.uid for report in untouched["zh"]}
    pools["both"] = [report for report in pools["both"] if report.uid not in gone]
    cases = plant_all(pools, words, given.per_kind, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    write_lines(given.out / f"planted{given.suffix}.jsonl", planted_lines(cases))
    write_lines(given.out / f"untouched{given.suffix}.jsonl", untouched_lines(untouched))
    write_uids(given.out / f"uids_used{given.suffix}.txt", cases, untouched)
    print_counts(cases, untouched)


MONOLINGUAL: dict[str, Planter] = {
    "side_sections": side_sections,
    "negation_impression": negation_impression,
    "comparison_no_prior": comparison_no_prior,
    "views": views,
    "age": age,
    "sex": sex,
    "duplicate": duplicate,
    "template_field": template_field,
    "side_reason": side_reason,
    "body_part": body_part,
    "modality": modality,
    "contrast": contrast,
    "foreign_exam": foreign_exam,
    "impression_omits": impression_omits,
    "impression_extra": impression_extra,
    "negation_within": negation_within,
    "size_unit": size_unit,
    "size_impossible": size_impossible,
    "size_sections": size_sections,
    "size_order": size_order,
    "prior_date": prior_date,
    "device_sections": device_sections,
    "identity": identity,
}


TYPOS: dict[str, dict[str, Planter]] = {
    "en": {"typo_spelling": typo_spelling},
    "zh": {"typo_homophone": typo_homophone, "typo_lookalike": typo_lookalike},
}


BILINGUAL: dict[str, Planter] = {
    "number_languages": written_number,
    "side_languages": side_languages,
    "negation_languages": negation_languages,
}
"""Scarce kinds come first, as each report is used once."""


FROM_OWN_WORDS: dict[str, tuple[Planter, int]] = {
    "side_sections": (own_sides, 2),
    "size_unit": (own_size_unit, 3),
    "body_part": (own_body_part, 2),
    "negation_impression": (own_negation, 3),
    "number_languages": (number_languages, 1),
    "negation_within": (own_denial, 2),
}
"""What the report itself says is taken first, for up to one in so many of a kind."""


def plant_all(
    pools: Mapping[str, list[Report]], words: Words, per_kind: int, seed: int
) -> list[tuple[str, str, Planted]]:
    """Return (language, kind, case), the kinds in turn."""
    by_kind: dict[tuple[str, str], list[Planted]] = {}
    tables = {
        "en": {**MONOLINGUAL, **TYPOS["en"]},
        "zh": {**MONOLINGUAL, **TYPOS["zh"]},
        "both": BILINGUAL,
    }
    for lang in ("both", "en", "zh"):
        used: set[str] = set()
        taken = {
            case.clean.uid
            for (tongue, _), cases in by_kind.items()
            if tongue == "both"
            for case in cases
        }
        pool = [report for report in pools[lang] if lang != "zh" or report.uid not in taken]
        for kind, planter in tables[lang].items():
            cases: list[Planted] = []
            if kind in FROM_OWN_WORDS:
                own, share = FROM_OWN_WORDS[kind]
                cases = plant(kind, own, pool, used, words, per_kind // share, seed)
            taken_now = used | {case.clean.uid for case in cases}
            cases += plant(kind, planter, pool, taken_now, words, per_kind - len(cases), seed)
            by_kind[lang, kind] = cases
            used |= {case.clean.uid for case in by_kind[lang, kind]}
    return [
        (lang, kind, cases[turn])
        for turn in range(per_kind)
        for (lang, kind), cases in by_kind.items()
        if turn < len(cases)
    ]


def plant(
    kind: str,
    planter: Planter,
    pool: Sequence[Report],
    used: set[str],
    words: Words,
    count: int,
    seed: int,
) -> list[Planted]:
    """Return up to `count` cases of a kind, sentences written in twice only when all have been."""
    cases: list[Planted] = []
    seen: Counter[str] = Counter()
    for most in (1, 2, 4):
        for report in pool:
            if len(cases) == count:
                return cases
            draw = seeded(seed, kind, report.lang, report.uid)
            if report.uid in used or report.uid in {case.clean.uid for case in cases}:
                continue
            for _ in range(ATTEMPTS):
                case = planter(report, words, draw)
                # What was planted should vary: a sentence comes again when the others are used up.
                key = case and (
                    case.variant + case.wrong.sections[case.where.section][case.where.index]
                )
                if case and key and seen[key] < most and sound(case):
                    seen[key] += 1
                    cases.append(case)
                    break
    return cases


def sound(case: Planted) -> bool:
    """Return whether the planted text differs and every place quotes it."""
    for spot in (case.where, *case.also):
        text = (
            case.wrong.study.order_reason
            if spot.index < 0
            else case.wrong.sections[spot.section][spot.index]
        )
        if text[spot.start : spot.end] != spot.text or not spot.text:
            return False
    return case.clean.sections != case.wrong.sections


def study_value(study: Study) -> dict[str, Any]:
    """Return a study as plain values, its fields in the brief's order."""
    values = asdict(study)
    order = (
        "modality",
        "body_part",
        "sex",
        "age",
        "views",
        "contrast",
        "study_date",
        "prior",
        "order_reason",
    )
    return {name: values[name] for name in order}


def planted_lines(cases: Iterable[tuple[str, str, Planted]]) -> Iterator[dict[str, Any]]:
    """Yield a line for each case."""
    numbers: Counter[tuple[str, str]] = Counter()
    for lang, kind, case in cases:
        numbers[lang, kind] += 1
        yield {
            "id": f"{lang}-{kind}-{numbers[lang, kind]:03}",
            "lang": lang,
            "kind": kind,
            "variant": case.variant,
            "study": study_value(case.clean.study),
            "clean": case.clean.sections,
            "planted": case.wrong.sections,
            "where": asdict(case.where),
            "also": [asdict(spot) for spot in case.also],
        }


def untouched_lines(reports: Mapping[str, Sequence[Report]]) -> Iterator[dict[str, Any]]:
    """Yield a line for each report as it was written."""
    for lang, texts in reports.items():
        for number, report in enumerate(texts, 1):
            yield {
                "id": f"{lang}-untouched-{number:03}",
                "lang": lang,
                "kind": "untouched",
                "study": study_value(report.study),
                "clean": report.sections,
            }


def write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines."""
    text = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    path.write_text(text, encoding="utf-8")


def write_uids(
    path: Path, cases: Iterable[tuple[str, str, Planted]], untouched: Mapping[str, Sequence[Report]]
) -> None:
    """Write language, use and uid of every report that was used."""
    rows = [(lang, kind, case.clean.uid) for lang, kind, case in cases]
    rows += [(lang, "untouched", report.uid) for lang in untouched for report in untouched[lang]]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def print_counts(
    cases: Sequence[tuple[str, str, Planted]], untouched: Mapping[str, Sequence[Report]]
) -> None:
    """Print how many of each kind there are."""
    counts = Counter((lang, kind) for lang, kind, _ in cases)
    for (lang, kind), number in sorted(counts.items()):
        print(f"{lang:5} {kind:22} {number}")
    print(
        {
            lang: sum(n for (tongue, _), n in counts.items() if tongue == lang)
            for lang in ("en", "zh", "both")
        }
    )
    print({lang: len(reports) for lang, reports in untouched.items()})


if __name__ == "__main__":
    main()
