"""How far the report score falls for errors that were put into reports on purpose.

python -m radraft.bench.eval_perturbations [--reports FILE] [--lang zh|en] [--half heldout]

Every report is its own reference; then one thing is changed: other words for the same, an invented
prior, the side of one finding, that finding denied, an invented critical finding, and another
patient's report. The score must fall from row to row, in both languages. Rows are over the same
reports: those without a word of a prior that state a one-sided finding. Where the score does not
fall the table says so, and the exit code is 1.

FILE is JSONL with `uid`, `zh` and `en` (../shared/data/reports_iu_zh_en where it is not given).
One text a patient is read, and only of the half that rules and weights may be chosen on (SHA-256 of
the uid, even); `--half heldout` reads the other one, which nothing may be chosen on.
Intervals are 95%, by bootstrap over reports; those of a step are paired.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import yaml

from radraft.eval.clinical.score import score_clinical
from radraft.eval.text.score import score_texts
from radraft.eval.values import FloatArray, Pair
from radraft.reports.findings.extract import claims_prior, extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as, lineage, vocabulary
from radraft.reports.values import LANGS, Certainty, Lang, Laterality

REPORTS = (
    Path(__file__).resolve().parents[1] / "../shared" / "data" / "reports_iu_zh_en" / "pairs.jsonl"
)
SEED = 20261130
HALVES = ("dev", "heldout")
CHAIN = ("synonym", "prior", "side", "negation", "invention", "wrong report")
"""Rows in the order in which the score must fall; the first two may be equal."""
MISSED = "missed critical"
"""A row of its own, over the reports that state a critical finding."""
_ENDS = {"en": re.compile(r"[^.!?\n]+[.!?]*\s*"), "zh": re.compile(r"[^。；！？\n]+[。；！？]*\s*")}
_FLIP = {"left": "right", "right": "left", "左": "右", "右": "左"}


@dataclass(frozen=True)
class Row:
    """One kind of change over `scores`, the report score of each report, shape (n,)."""

    name: str
    scores: FloatArray
    beside: dict[str, float]
    """Other measures over the same reports."""


@dataclass(frozen=True)
class Step:
    """How much lower a row is than the one before it."""

    fall: float
    low: float
    high: float
    holds: bool


def main() -> int:
    """Print the table of each language; return 1 where a score does not fall."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reports", type=Path, default=REPORTS)
    parser.add_argument("--lang", choices=LANGS)
    parser.add_argument("--half", choices=HALVES, default=HALVES[0])
    parser.add_argument("--resamples", type=int, default=2000)
    given = parser.parse_args()
    failed = 0
    for lang in (given.lang,) if given.lang else LANGS:
        texts = list(read_reports(given.reports, lang, given.half))
        found, missed = rows(texts, lang), missed_row(texts, lang)
        failed += print_table(lang, len(texts), found, missed, given.resamples)
    return 1 if failed else 0


def read_reports(file: Path, lang: Lang, half: str = HALVES[0]) -> Iterator[str]:
    """Yield one text of each patient of a half."""
    seen = set()
    for text in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(text)
        heldout = int(hashlib.sha256(row["uid"].encode()).hexdigest(), 16) % 2
        if row["uid"] not in seen and HALVES[heldout] == half:
            seen.add(row["uid"])
            yield row[lang].strip()


def rows(texts: Sequence[str], lang: Lang) -> list[Row]:
    """Return the rows of `CHAIN`, all over the same reports."""
    stated = [(text, code) for text in texts if (code := one_sided(text, lang)) is not None]
    changed: dict[str, list[str]] = {name: [] for name in CHAIN}
    for place, (text, code) in enumerate(stated):
        changed["synonym"].append(reworded(text, lang))
        changed["prior"].append(f"{text}\n{_words(lang)['prior']}")
        changed["side"].append(flipped(text, code, lang))
        changed["negation"].append(denied(text, code, lang))
        changed["invention"].append(f"{text}\n{invention(text, lang)}")
        changed["wrong report"].append(stated[(place + 1) % len(stated)][0])
    refs = [text for text, _ in stated]
    return [_row(name, refs, hyps, lang) for name, hyps in changed.items()]


def missed_row(texts: Sequence[str], lang: Lang) -> Row | None:
    """Return the row of reports whose critical findings were taken out; None where none has one."""
    refs, hyps = [], []
    for text in texts:
        codes = {
            mention.code
            for mention in _present(text, lang)
            if any(vocabulary()[code].critical for code in lineage(mention.code))
        }
        if not codes:
            continue
        rest = "".join(
            sentence
            for sentence in _sentences(text, lang)
            if not codes & {mention.code for mention in _present(sentence, lang)}
        )
        refs.append(text)
        hyps.append(rest.strip() or "∅")
    return _row(MISSED, refs, hyps, lang) if refs else None


def one_sided(text: str, lang: Lang) -> str | None:
    """Return the code of the first finding present on one side; None where there is none, or the
    report speaks of a prior."""
    if claims_prior(text, lang):
        return None
    for mention in _present(text, lang):
        one_side = mention.laterality in (Laterality.LEFT, Laterality.RIGHT)
        if one_side and mention.code != "no_finding":
            return mention.code
    return None


def reworded(text: str, lang: Lang) -> str:
    """Return `text` in other words for the same."""
    pairs = dict(_words(lang)["synonyms"])
    pattern = "|".join(map(re.escape, sorted(pairs, key=len, reverse=True)))
    return re.sub(pattern, lambda match: pairs[match[0].lower()], text, flags=re.IGNORECASE)


def flipped(text: str, code: str, lang: Lang) -> str:
    """Return `text` with left and right exchanged in the sentences that state `code`."""

    def other(match: re.Match[str]) -> str:
        word = _FLIP[match[0].lower()]
        return word.capitalize() if match[0][0].isupper() else word

    return "".join(
        re.sub(_words(lang)["side"], other, sentence, flags=re.IGNORECASE) if states else sentence
        for sentence, states in _stating(text, code, lang)
    )


def denied(text: str, code: str, lang: Lang) -> str:
    """Return `text` with the sentences that state `code` turned into denials of what they state."""
    words = _words(lang)
    parts = []
    for sentence, states in _stating(text, code, lang):
        if states:
            named = dict.fromkeys(mention.code for mention in _present(sentence, lang))
            names = [
                entry.zh if lang == "zh" else entry.en.lower()
                for entry in map(vocabulary().__getitem__, named or (code,))
            ]
            sentence = words["denied"].format(findings=words["and"].join(names)) + " "
        parts.append(sentence)
    return "".join(parts).strip()


def invention(text: str, lang: Lang) -> str:
    """Return a sentence with a critical finding of which `text` says nothing."""
    known = {counted_as(mention.code) for mention in extract(text, lang)}
    for code, sentence in _words(lang)["inventions"]:
        if not known & set(lineage(code)):
            return cast(str, sentence)
    return cast(str, _words(lang)["inventions"][-1][1])


def steps(found: Sequence[Row], resamples: int) -> list[Step]:
    """Return the fall from each row to the next, with its paired interval."""
    out = []
    for before, after in pairwise(found):
        fall = before.scores - after.scores
        low, high = _interval(fall, resamples)
        enough = low >= 0 if before.name == CHAIN[0] else low > 0
        out.append(Step(float(fall.mean()), low, high, enough))
    return out


def print_table(
    lang: Lang, n: int, found: Sequence[Row], missed: Row | None, resamples: int
) -> int:
    """Print one language's table and return how many steps do not hold."""
    falls = steps(found, resamples)
    beside = list(found[0].beside)
    print(f"\n{lang}: {len(found[0].scores)} of {n} reports state a one-sided finding and no prior")
    print("| change | n | report score | 95% | falls by | 95% | | " + " | ".join(beside) + " |")
    print("|---" * (7 + len(beside)) + "|")
    last: Sequence[tuple[Row, Step | None]] = [(missed, None)] if missed else []
    for row, step in [*zip(found, [None, *falls], strict=True), *last]:
        low, high = _interval(row.scores, resamples)
        fell = [f"{step.fall:.3f}", f"{step.low:.3f} to {step.high:.3f}"] if step else ["", ""]
        verdict = "" if step is None else ("falls" if step.holds else "DOES NOT FALL")
        cells = [row.name, str(len(row.scores)), f"{row.scores.mean():.3f}",
                 f"{low:.3f} to {high:.3f}", *fell, verdict,
                 *(f"{row.beside[name]:.3f}" for name in beside)]  # fmt: skip
        print("| " + " | ".join(cells) + " |")
    failed = sum(not step.holds for step in falls)
    print(f"{lang}: monotone" if not failed else f"{lang}: NOT monotone, {failed} steps fail")
    return failed


def _row(name: str, refs: Sequence[str], hyps: Sequence[str], lang: Lang) -> Row:
    pairs = [Pair(str(at), ref, hyp) for at, (ref, hyp) in enumerate(zip(refs, hyps, strict=True))]
    scores = score_clinical(pairs, lang)
    values = scores.corpus() | score_texts(pairs, lang).corpus()
    shown = ("severity_score", "finding_f1_micro", "finding_f1_macro", "bleu4_coco_raw")
    own = np.nan_to_num(scores.per_report["report_score"], nan=1.0)
    return Row(name, own, {measure: values[measure] for measure in shown})


def _interval(values: FloatArray, resamples: int) -> tuple[float, float]:
    # The same draws for every row of as many reports.
    random = np.random.default_rng([SEED, len(values)])
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _present(text: str, lang: Lang) -> list[Mention]:
    return [mention for mention in extract(text, lang) if mention.polarity is Certainty.PRESENT]


def _sentences(text: str, lang: Literal["zh", "en"]) -> list[str]:
    return _ENDS[lang].findall(text)


def _stating(text: str, code: str, lang: Lang) -> Iterator[tuple[str, bool]]:
    """Yield each sentence and whether it states `code`, or what implies it, as present."""
    for sentence in _sentences(text, lang):
        codes = {link for mention in _present(sentence, lang) for link in lineage(mention.code)}
        yield sentence, counted_as(code) in codes or code in codes


@cache
def _words(lang: Lang) -> dict[str, Any]:
    path = Path(__file__).with_suffix(".yaml")
    return cast(dict[str, Any], yaml.safe_load(path.read_text(encoding="utf-8"))[lang])


if __name__ == "__main__":
    raise SystemExit(main())
