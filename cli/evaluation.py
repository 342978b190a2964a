"""`radraft eval ...`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.output import Output

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.eval.draft_set import Model
    from radraft.eval.looks.values import Perturbation
    from radraft.eval.score import Scorer
    from radraft.eval.values import Drafted, EvalSet
    from radraft.reports.values import Lang


def score(
    refs: Path, hyps: Path, lang: Lang, out_dir: Path | None, resamples: int, out: Output
) -> None:
    """Score report files; with a folder, leave the result's JSON, Markdown and HTML there."""
    from radraft.core.settings import load
    from radraft.eval.pairs import read_pairs
    from radraft.eval.report.markdown import tables
    from radraft.eval.run import as_result, pair_cases
    from radraft.ui.pages.evaluation.write import write

    settings = load()
    pairs = read_pairs(refs, hyps, lang)
    with out.waiting("Scoring") as move:
        scored = scorer(settings, resamples, move).reports(pairs, lang)
    result = as_result(scored, hyps.name, scorer(settings, resamples))
    if out_dir is not None:
        write(result, pair_cases(pairs, result), out_dir)
    out.result(result.as_json(), tables(result))


def findings(lang: Lang, out: Output, labels: str | None = None) -> None:
    """What each line of stdin states: a table, or a JSON object a line. With `labels`, what that
    is in a published label set, of `schemes.NAMES`."""
    import json

    from radraft.cli.evaluation_text import mentions_text
    from radraft.core.canonical import plain
    from radraft.reports.findings.extract import extract, labelled
    from radraft.reports.findings.schemes import scheme

    chosen = scheme(labels) if labels else None
    for number, text in _lines():
        if chosen is not None:
            # A line without a word is no normal report: it states nothing.
            given = labelled(text, lang, chosen) if text else {}
            if out.json:
                said = json.dumps({"line": number, "labels": given}, ensure_ascii=False)
            else:
                said = f"{number}: " + ", ".join(f"{name} {one}" for name, one in given.items())
            sys.stdout.write(said + "\n")
            continue
        mentions = extract(text, lang)
        if out.json:
            found = [{**plain(one), "text": text[one.start : one.end]} for one in mentions]
            value = {"line": number, "findings": found}
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(mentions_text(number, text, mentions, lang))
    sys.stdout.flush()


def compare(first: Path, second: Path, out: Output) -> None:
    """How the second result differs from the first."""
    from radraft.core.canonical import plain
    from radraft.eval.compare import compare as compared
    from radraft.eval.report.markdown import comparison_markdown
    from radraft.eval.result import read_result

    found = compared(read_result(first), read_result(second))
    out.result(plain(found), comparison_markdown(found))


def sets(out: Output) -> None:
    """The ready evaluation sets."""
    from radraft.eval.card_file import card_file, names

    cards = [card_file(name) for name in names()]
    rows = [
        {
            "name": card.name,
            "splits": card.splits,
            "source": card.source,
            "licence": card.licence,
            "note": card.note,
        }
        for card in cards
    ]
    text = "\n".join(
        f"{card.name}  ({', '.join(card.splits)})\n  {card.source}\n  {card.licence}\n  {card.note}"
        for card in cards
    )
    out.result({"sets": rows}, text)


def run(
    model: str,
    set_name: str,
    out_dir: Path,
    *,
    data: Path | None,
    split: str | None,
    limit: int | None,
    seed: int,
    support: bool,
    quality_gate: bool,
    resamples: int,
    out: Output,
) -> None:
    """Draft a set as the product would, score it and write the result.

    Exit 1 when no study at all was drafted.
    """
    from radraft.cli.evaluation_text import run_text
    from radraft.core.settings import load
    from radraft.eval.card_file import card_file
    from radraft.eval.run import check_out, evaluate
    from radraft.eval.sets import load_set
    from radraft.ui.pages.evaluation.write import write

    settings = load()
    shown = shown_id(model)
    with _wrapped(settings) as wrapped:
        with out.waiting("Reading the set") as _:
            chosen = load_set(
                set_name, data=data, cache=wrapped, split=split, limit=limit, seed=seed
            )
        check_out(out_dir, chosen, shown)
        drafts = drafted(
            chosen, model, settings, support=support, quality_gate=quality_gate, out=out
        )
        with out.waiting("Scoring") as move:
            outcome = evaluate(
                chosen,
                drafts,
                shown,
                scorer(settings, resamples, move),
                quality_gate=quality_gate,
                pictures=card_file(set_name).pictures,
            )
            write(outcome.result, outcome.cases, out_dir)
    out.result(
        {**outcome.result.as_json(), "out": str(out_dir.resolve())},
        run_text(outcome.result, out_dir),
    )
    if not any(draft.failed is None for draft in drafts):
        out.fail(1)


def looks(
    model: str,
    set_name: str,
    out_dir: Path | None,
    *,
    data: Path | None,
    split: str | None,
    limit: int | None,
    seed: int,
    resamples: int,
    out: Output,
) -> None:
    """Whether the model looks: the same set drafted from changed images, and what that costs."""
    from radraft.cli.evaluation_text import looks_text
    from radraft.core.canonical import dumps, plain
    from radraft.core.settings import load
    from radraft.eval.draft_set import draft_set
    from radraft.eval.looks.run import run as look
    from radraft.eval.sets import load_set

    settings = load()
    with (
        _wrapped(settings) as wrapped,
        served(model, settings, out) as loaded,
        out.progress() as progress,
    ):
        chosen = load_set(set_name, data=data, cache=wrapped, split=split, limit=limit, seed=seed)

        def draft(change: Perturbation | None) -> list[Drafted]:
            bar = progress.add_task(
                change.name if change else "true image", total=len(chosen.items)
            )
            return draft_set(
                chosen.items,
                loaded,
                keep=_keep(settings),
                perturb=change,
                progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )

        found = look(chosen.items, draft, model_id=shown_id(model), resamples=resamples)
    value = {"card": plain(chosen.card), **plain(found)}
    text = f"{found.verdict.zh}\n\n{found.verdict.en}\n\n{looks_text(found)}"
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
        (out_dir / "looks.json").write_text(dumps(value), encoding="utf-8")
        (out_dir / "looks.md").write_text(text, encoding="utf-8")
    out.result(value, text)


def shown_id(model: str) -> str:
    """`PROFILE[:ADAPTER]` with the hash of the profile's checkpoint."""
    from radraft.llm.profiles import load_profile

    name, _, adapter = model.partition(":")
    return load_profile(name).model_id + (f":{adapter}" if adapter else "")


@contextmanager
def served(model: str, settings: Settings, out: Output) -> Iterator[Model]:
    """The model `PROFILE[:ADAPTER]`, served and ready to draft."""
    from radraft.eval.draft_set import Model
    from radraft.llm.launch import shares_cpu
    from radraft.llm.profiles import load_profile
    from radraft.llm.server import connect
    from radraft.pipeline.draft_batch import load_vision_model

    name, _, adapter = model.partition(":")
    profile = load_profile(name)
    with ExitStack() as stack:
        with out.waiting("Starting vLLM") as move:
            endpoint = stack.enter_context(connect(settings, profile, on_progress=move))
        yield Model(
            profile=profile,
            endpoint=endpoint,
            vision=load_vision_model(profile, beside_llm=shares_cpu(settings)),
            adapter_id=adapter or None,
            timeout_s=settings.draft_timeout_s,
        )


def drafted(
    chosen: EvalSet,
    model: str,
    settings: Settings,
    *,
    support: bool,
    quality_gate: bool,
    out: Output,
) -> list[Drafted]:
    """A draft for each item; those of an earlier run that was stopped are not drafted again."""
    from radraft.eval.draft_set import draft_set

    with served(model, settings, out) as loaded, out.progress() as progress:
        bar = progress.add_task("Drafting", total=len(chosen.items))
        return draft_set(
            chosen.items,
            loaded,
            keep=_keep(settings),
            support=support,
            quality_gate=quality_gate,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )


def scorer(
    settings: Settings, resamples: int, move: Callable[[str, float], None] | None = None
) -> Scorer:
    """A scorer that keeps what it computed in the cache folder."""
    from radraft.eval.cache import Cache
    from radraft.eval.score import Scorer

    made = Scorer(Cache(_cache(settings) / "scores"), resamples=resamples)
    return made if move is None else replace(made, move=move)


def _keep(settings: Settings) -> Path:
    # Drafted studies may hold identity, so they stay in the folder that may.
    return settings.data_dir / "eval"


@contextmanager
def _wrapped(settings: Settings) -> Iterator[Path]:
    """Give a folder for pictures as DICOM, which hold what a set's table says of patients.

    It is removed afterwards, or at the next start where this process is killed.
    """
    from radraft.core.scratch import ScratchFolder, sweep

    scratch = settings.data_dir / "scratch"
    sweep(scratch)
    # Where earlier versions left them.
    shutil.rmtree(_cache(settings) / "sets", ignore_errors=True)
    with ScratchFolder(scratch, "eval-") as folder:
        yield folder


def _cache(settings: Settings) -> Path:
    return settings.cache_dir / "eval"


def _lines() -> Iterator[tuple[int, str]]:
    """Yield (number from 1, text) of each line of stdin, blank ones too."""
    from radraft.core.errors import EvalError

    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise EvalError("eval_not_utf8", line=number) from None
        yield number, text
