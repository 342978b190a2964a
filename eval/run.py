"""A set and its drafts in, a result and its worst cases out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from radraft import __version__
from radraft.core.errors import EvalError
from radraft.eval.cache import metrics_sha, versions
from radraft.eval.looks.calibration import calibrate
from radraft.eval.looks.correct import judged
from radraft.eval.report import cases as worst_cases
from radraft.eval.report.cases import Case, Column
from radraft.eval.report.summary import main
from radraft.eval.result import Drafting, Result, Support, read_result, rounded
from radraft.eval.score import Scored, Scorer
from radraft.eval.values import NOT_COVERED, NOTHING, WITHHELD, Drafted, EvalSet, Pair, SetItem
from radraft.reports.values import LANGS, Lang


@dataclass(frozen=True)
class Outcome:
    """A result with what its page shows of single studies."""

    result: Result
    cases: tuple[Case, ...]


def evaluate(
    chosen: EvalSet,
    drafts: Sequence[Drafted],
    model: str,
    scorer: Scorer,
    *,
    quality_gate: bool = False,
    pictures: bool = True,
) -> Outcome:
    """Score `drafts`, one for each item of the set and in its order.

    Each language is scored against reference reports where items have them and against labels
    where items have those; both languages of a draft are compared with each other. A study without
    a draft states nothing (`values.NOTHING`) and stays in every measure but that agreement.
    `quality_gate` says whether the drafts passed by the product's own.
    """
    scored: list[Scored] = []
    for lang in LANGS:
        scored += _against_reports(chosen, drafts, lang, scorer)
        scored += _against_labels(chosen, drafts, lang, scorer)
    written = [draft for draft in drafts if draft.failed is None and draft.zh and draft.en]
    if written:
        ids, texts = [draft.id for draft in written], [(draft.zh, draft.en) for draft in written]
        scored.append(scorer.agreement(ids, texts))
    result = as_result(scored, model, scorer)
    sentences = judged(chosen.items, drafts)
    result = replace(
        result,
        card=chosen.card,
        drafting=_drafting(drafts, quality_gate=quality_gate),
        support=_support(drafts, len(sentences)),
        calibration=calibrate(sentences, resamples=scorer.resamples) if sentences else None,
    )
    return Outcome(result, _cases(chosen, drafts, result, pictures))


def as_result(scored: Sequence[Scored], model: str, scorer: Scorer) -> Result:
    """A result of sections alone, as two report files give it."""
    return Result(
        card=None,
        model=model,
        seed=scorer.seed,
        resamples=scorer.resamples,
        versions={"radraft": __version__, **versions()},
        metrics_sha=metrics_sha(),
        sections=tuple(score.section for score in scored),
        findings={score.section.key: score.findings for score in scored if score.findings},
    )


def pair_cases(pairs: Sequence[Pair], result: Result) -> tuple[Case, ...]:
    """The worst reports of two report files."""
    found = []
    for lang, section in main(result.sections).items():
        for at in worst_cases.worst(section):
            column = worst_cases.against_report(pairs[at], lang)
            found.append(Case(pairs[at].id, (column,)))
    return tuple(found)


def check_out(out: Path, chosen: EvalSet, model: str) -> None:
    """Refuse to write over the result of another set or model: EvalError `eval_out_not_empty`."""
    if not (out / "result.json").exists():
        return
    known = read_result(out)
    if known.card is None or known.card.sha256 != chosen.card.sha256:
        raise EvalError("eval_out_not_empty", file=str(out), field="set")
    if known.model != model:
        raise EvalError("eval_out_not_empty", file=str(out), field="model")


def _against_reports(
    chosen: EvalSet, drafts: Sequence[Drafted], lang: Lang, scorer: Scorer
) -> tuple[Scored, ...]:
    pairs, priors = [], []
    for item, draft in zip(chosen.items, drafts, strict=True):
        if ref := item.report(lang):
            pairs.append(Pair(item.id, ref, draft.text(lang)))
            priors.append(item.has_prior)
    return scorer.reports(pairs, lang, priors) if pairs else ()


def _against_labels(
    chosen: EvalSet, drafts: Sequence[Drafted], lang: Lang, scorer: Scorer
) -> tuple[Scored, ...]:
    known = [(item, draft) for item, draft in zip(chosen.items, drafts, strict=True) if item.labels]
    if not known:
        return ()
    ids = [item.id for item, _ in known]
    labels = [item.labels for item, _ in known]
    return (scorer.labels(ids, labels, [draft.text(lang) for _, draft in known], lang),)


def _drafting(drafts: Sequence[Drafted], *, quality_gate: bool) -> Drafting:
    codes = Counter(draft.failed for draft in drafts if draft.failed is not None)
    not_covered = codes.pop(NOT_COVERED, 0)
    codes.pop(WITHHELD, None)
    return Drafting(
        items=len(drafts),
        drafted=sum(draft.failed is None for draft in drafts),
        not_covered=not_covered,
        failed=dict(codes),
        quality_gate=quality_gate,
        withheld=tuple(draft.id for draft in drafts if draft.failed == WITHHELD),
    )


def _support(drafts: Sequence[Drafted], checked: int) -> Support | None:
    nats = [gain for draft in drafts for gain in draft.support if gain is not None]
    if not nats:
        return None
    return Support(len(nats), sum(nat > 0 for nat in nats), rounded(fmean(nats)) or 0.0, checked)


def _cases(
    chosen: EvalSet, drafts: Sequence[Drafted], result: Result, pictures: bool
) -> tuple[Case, ...]:
    """The worst of both languages, in turn, each study once."""
    ranked = [
        [section.ids[at] for at in worst_cases.worst(section)]
        for section in main(result.sections).values()
    ]
    longest = max(map(len, ranked), default=0)
    order = [ids[rank] for rank in range(longest) for ids in ranked if rank < len(ids)]
    items = {item.id: (item, draft) for item, draft in zip(chosen.items, drafts, strict=True)}
    chosen_ids = list(dict.fromkeys(order))[: worst_cases.MOST]
    return tuple(_case(*items[key], pictures) for key in chosen_ids)


def _case(item: SetItem, draft: Drafted, pictures: bool) -> Case:
    return Case(
        id=item.id,
        columns=tuple(_column(item, draft, lang) for lang in LANGS),
        labels=dict(item.labels) or None,
        failed=draft.failed,
        picture=worst_cases.picture(item.study) if pictures else None,
    )


def _column(item: SetItem, draft: Drafted, lang: Lang) -> Column:
    hyp, ref = draft.text(lang), item.report(lang)
    if ref is None:
        return worst_cases.against_labels(item.labels, hyp, lang, failed=hyp == NOTHING)
    return worst_cases.against_report(Pair(item.id, ref, hyp), lang, failed=hyp == NOTHING)
