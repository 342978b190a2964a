"""The functions of `radraft.eval` that others build on; docs/eval-python.md shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radraft.core import canonical
from radraft.core.errors import EvalError
from radraft.eval import json_lines
from radraft.eval.bootstrap import RESAMPLES, SEED
from radraft.eval.cache import Cache
from radraft.eval.clinical.score import score_clinical
from radraft.eval.compare import Comparison, compare
from radraft.eval.reports_in import Reports, Texts, texts_of
from radraft.eval.result import Result, read_result, rounded
from radraft.eval.run import as_result
from radraft.eval.score import Scorer
from radraft.eval.text.score import score_texts
from radraft.eval.values import Pair
from radraft.reports.values import Lang

if TYPE_CHECKING:
    import pandas as pd

BEST_OF = "eval_best_of_references"


def read_reports(path: str | Path, lang: Lang) -> pd.DataFrame:
    """Return the reports in a CSV or JSONL file as a frame with columns `id` and `report`.

    `report`, or `findings` and `impression`, or a line of `drafts.jsonl`; a study with several
    references has a row for each. EvalError, naming file, line and id, for what cannot be scored.
    """
    import pandas as pd

    found = texts_of(path, lang, str(path))
    rows = [(key, text) for key, texts in found.items() for text in texts]
    return pd.DataFrame(rows, columns=["id", "report"])


def score_reports(
    predictions: Reports,
    references: Reports,
    *,
    lang: Lang,
    name: str = "predictions",
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Result:
    """Score one report of each study against its references, with 95% bootstrap intervals.

    Both are a CSV or JSONL file, a frame, texts by id, or lists of texts in the same order. Of
    several references of a study the one counts that the prediction agrees with most, by
    `report_score` and then by characters. `name` is what the result calls the predictions.
    EvalError where something cannot be scored honestly: other ids, an empty report, another
    language.
    """
    hyps, refs = _texts(predictions, references, lang)
    scorer = Scorer(Cache(None), resamples=resamples, seed=seed, workers=1)
    result = as_result(scorer.reports(_pairs(hyps, refs, lang), lang), name, scorer)
    if all(len(texts) == 1 for texts in refs.values()):
        return result
    # Two systems that are compared were scored against all of them, whichever came nearest.
    sha = canonical.sha256([[key, refs[key]] for key in hyps])
    sections = tuple(
        replace(section, refs_sha=sha, notes=(*section.notes, BEST_OF))
        for section in result.sections
    )
    return replace(result, sections=sections)


def compute(
    *,
    predictions: Reports,
    references: Reports,
    lang: Lang,
    measures: Sequence[str] | None = None,
) -> dict[str, float | None]:
    """Return the corpus value of each measure, or of those named, as the metrics of Hugging Face's
    `evaluate` do: no intervals, None where a measure is undefined on these reports.

    The values are those of `score_reports`. EvalError as there, and `eval_unknown_measure`.
    """
    hyps, refs = _texts(predictions, references, lang)
    pairs = _pairs(hyps, refs, lang)
    values = score_clinical(pairs, lang).corpus() | score_texts(pairs, lang).corpus()
    for name in measures or ():
        if name not in values:
            raise EvalError("eval_unknown_measure", name=name, known=", ".join(values))
    return {name: rounded(values[name]) for name in measures or values}


def compare_results(first: Result, second: Result) -> Comparison:
    """Say in which measures `second` is better or worse than `first`, by paired bootstrap.

    EvalError `eval_results_differ` where they are not of the same reports and references.
    """
    return compare(first, second)


def as_frame(found: Result | Comparison) -> pd.DataFrame:
    """Return a result or a comparison as a frame, one row for each section and measure."""
    import pandas as pd

    if isinstance(found, Comparison):
        return pd.DataFrame(
            {
                "section": row.section,
                "measure": row.measure.name,
                "first": row.first,
                "second": row.second,
                "difference": row.difference,
                "low": row.low,
                "high": row.high,
                "verdict": row.verdict.value,
            }
            for row in found.differences
        )
    return pd.DataFrame(
        {
            "section": section.key,
            "measure": value.measure.name,
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "n": value.n,
            "better": value.measure.better.value,
            "definition": value.measure.definition,
        }
        for section in found.sections
        for value in section.values
    )


def per_report_frame(result: Result, section: str) -> pd.DataFrame:
    """Return the values of single reports of a section (`clinical_en`, `text_zh`...), by id; NaN
    where a measure is undefined for a report.

    A loaded result has none: EvalError `eval_no_section`, as for an unknown section.
    """
    import pandas as pd

    for known in result.sections:
        if known.key == section and known.ids:
            return pd.DataFrame(dict(known.per_report), index=pd.Index(known.ids, name="id"))
    raise EvalError(
        "eval_no_section", name=section, known=", ".join(s.key for s in result.sections)
    )


def save_result(result: Result, path: str | Path) -> None:
    """Write `result` to a JSON file that `load_result` and `radraft eval compare` read.

    EvalError `eval_not_written`.
    """
    try:
        text = canonical.dumps(result.as_json()) + "\n"
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError:
        raise EvalError("eval_not_written", file=str(path)) from None


def load_result(path: str | Path) -> Result:
    """Return a result from its JSON file or its folder, as far as results are compared.

    EvalError `eval_result_unreadable`.
    """
    return read_result(Path(path))


def _texts(predictions: Reports, references: Reports, lang: Lang) -> tuple[Texts, Texts]:
    """Return (predictions, references) of the same studies: lists as they come, others in the order
    of their ids, as `radraft eval score` takes them (the draws of the bootstrap rest on it)."""
    hyps = texts_of(predictions, lang, "predictions")
    refs = texts_of(references, lang, "references")
    for row, (key, texts) in enumerate(hyps.items(), start=1):
        if len(texts) > 1:
            raise EvalError("eval_duplicate_id", file="predictions", line=row, id=key, first=row)
    if refs.keys() != hyps.keys():
        raise json_lines.ids_differ(
            "predictions", dict(sorted(refs.items())), dict(sorted(hyps.items()))
        )
    order = hyps if isinstance(predictions, list | tuple) else sorted(hyps)
    return {key: hyps[key] for key in order}, refs


def _pairs(hyps: Texts, refs: Texts, lang: Lang) -> list[Pair]:
    """Pair each prediction with the reference that it agrees with most."""
    from rapidfuzz.distance import Levenshtein

    several = [
        Pair(key, ref, hyp)
        for key, (hyp,) in hyps.items()
        if len(refs[key]) > 1
        for ref in refs[key]
    ]
    best: dict[str, tuple[float, float, str]] = {}
    agreement = score_clinical(several, lang).per_report["report_score"] if several else ()
    for pair, value in zip(several, agreement, strict=True):
        # Neither states anything: they agree.
        stated = 1.0 if np.isnan(value) else float(value)
        near = (stated, Levenshtein.normalized_similarity(pair.ref, pair.hyp), pair.ref)
        if pair.id not in best or near[:2] > best[pair.id][:2]:
            best[pair.id] = near
    return [
        Pair(key, best[key][2] if key in best else refs[key][0], hyp)
        for key, (hyp,) in hyps.items()
    ]
