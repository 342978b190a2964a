"""The commands of `radraft eval`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from radraft.cli.output import Output, command
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.eval.draft_set import Model
    from radraft.eval.looks.values import Perturbation
    from radraft.eval.run import Outcome
    from radraft.eval.score import Scorer
    from radraft.eval.values import Drafted, EvalSet


app = typer.Typer(
    help="Measure drafts: text, findings, and whether a model looks.", no_args_is_help=True
)
Reports = Annotated[Lang, typer.Option("--lang", help="Language of the reports.")]
LabelSet = Literal["chexpert14", "nih14", "negbio14", "labels49"]
"""Published label sets (`reports/findings/schemes/`)."""
Refs = Annotated[Path, typer.Option("--refs", help="Reference reports, JSONL.")]
Hyps = Annotated[Path, typer.Option("--hyps", help="Reports to score, JSONL.")]
ModelName = Annotated[str, typer.Option("--model", help="PROFILE or PROFILE:ADAPTER.")]
SetName = Annotated[
    str, typer.Option("--set", help="A set's name (`radraft eval sets`), or a card's path.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="RADRAFT_EVAL_DATA", help="Folder that the set's paths start at."
    ),
]
Split = Annotated[
    str | None, typer.Option("--split", help="Split of the set; the card's first where not given.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Most studies, drawn by patient.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the draw of patients.")]
Resamples = Annotated[int, typer.Option("--resamples", min=100, help="Bootstrap resamples.")]


@command(app, "score")
def score(
    refs: Annotated[Path | None, typer.Option("--refs", help="Reference reports, JSONL.")] = None,
    hyps: Annotated[
        Path | None, typer.Option("--hyps", help="Reports to score, JSONL (`drafts.jsonl` too).")
    ] = None,
    lang: Annotated[Lang | None, typer.Option("--lang", help="Language of the reports.")] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for JSON, Markdown and HTML.")
    ] = None,
    resamples: Resamples = 2000,
    *,
    set_name: Annotated[
        str | None,
        typer.Option(
            "--set", help="Score the `drafts.jsonl` of `eval run` against its set, as `run` did."
        ),
    ] = None,
    data: Data = None,
    split: Split = None,
    limit: Limit = None,
    seed: Seed = 0,
    out: Output,
) -> None:
    """Score report files: JSONL with `id` and `report`, or `findings` and `impression`.

    With `--set` the drafts of a run are scored again, to the digit: give the run's own `--data`,
    `--split`, `--limit` and `--seed`.
    """
    from radraft.core.settings import load
    from radraft.eval.pairs import read_pairs
    from radraft.eval.report.markdown import tables
    from radraft.eval.run import as_result, pair_cases
    from radraft.eval.sets import load_set
    from radraft.ui.pages.evaluation.write import write

    settings = load()
    if hyps is None:
        raise typer.BadParameter("--hyps is needed")
    if set_name is not None:
        if refs is not None or lang is not None:
            raise typer.BadParameter("--set has references in both languages: no --refs, no --lang")
        with _wrapped(settings) as wrapped:
            chosen = load_set(
                set_name, data=data, cache=wrapped, split=split, limit=limit, seed=seed
            )
            outcome = rescored(chosen, hyps, set_name, settings, resamples, out)
            if out_dir is not None:
                write(outcome.result, outcome.cases, out_dir)
        out.result(outcome.result.as_json(), tables(outcome.result))
        return
    if refs is None or lang is None:
        raise typer.BadParameter("--refs and --lang are needed, or --set")
    pairs = read_pairs(refs, hyps, lang)
    with out.waiting("Scoring") as move:
        scored = scorer(settings, resamples, move).reports(pairs, lang)
    result = as_result(scored, hyps.name, scorer(settings, resamples))
    if out_dir is not None:
        write(result, pair_cases(pairs, result), out_dir)
    out.result(result.as_json(), tables(result))


@command(app, "findings")
def findings(
    lang: Reports,
    labels: Annotated[
        LabelSet | None, typer.Option("--labels", help="Give a published set's labels instead.")
    ] = None,
    *,
    out: Output,
) -> None:
    """Read reports on stdin, one a line, and print what they state."""
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
                said = f"{number}: " + ", ".join(
                    f"{name} {certainty}" for name, certainty in given.items()
                )
            sys.stdout.write(said + "\n")
            continue
        mentions = extract(text, lang)
        if out.json:
            found = [
                {**plain(mention), "text": text[mention.start : mention.end]}
                for mention in mentions
            ]
            value = {"line": number, "findings": found}
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(mentions_text(number, text, mentions, lang))
    sys.stdout.flush()


@command(app, "compare")
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A result's folder or JSON file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, on the same reports.")],
    *,
    out: Output,
) -> None:
    """Say in which measures B is better or worse than A (paired bootstrap, 95% intervals)."""
    from radraft.core.canonical import plain
    from radraft.eval.compare import compare as compared
    from radraft.eval.report.markdown import comparison_markdown
    from radraft.eval.result import read_result

    found = compared(read_result(first), read_result(second))
    out.result(plain(found), comparison_markdown(found))


@command(app, "sets")
def sets(*, out: Output) -> None:
    """List the ready evaluation sets with source, splits and licence."""
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


@command(app, "run")
def run(
    model: ModelName,
    set_name: SetName,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the result.")],
    *,
    data: Data = None,
    split: Split = None,
    limit: Limit = None,
    seed: Seed = 0,
    support: Annotated[
        bool, typer.Option("--support", help="Measure each sentence's image support.")
    ] = False,
    quality_gate: Annotated[
        bool,
        typer.Option(
            "--quality-gate/--without-quality-gate",
            help="Withhold films too poor to draft from, as `radraft draft` does.",
        ),
    ] = True,
    resamples: Resamples = 2000,
    out: Output,
) -> None:
    """Draft a set as the product would, quality gate included, and score it.

    Exit 1 when no study at all was drafted.
    """
    from radraft.cli.evaluation_text import run_text
    from radraft.core.settings import load
    from radraft.eval.card_file import card_file
    from radraft.eval.drafts_file import NAME, DraftsFile, write_drafts
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
        # Before scoring: what was drafted is the dear part.
        write_drafts(out_dir / NAME, DraftsFile(tuple(drafts), shown, quality_gate))
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


@command(app, "looks")
def looks(
    model: ModelName,
    set_name: SetName,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for looks.json and looks.md.")
    ] = None,
    *,
    data: Data = None,
    split: Split = None,
    limit: Limit = None,
    seed: Seed = 0,
    resamples: Resamples = 2000,
    out: Output,
) -> None:
    """Draft a set from changed images too, and say whether the model looks."""
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


@command(app, "radeval")
def radeval(
    refs: Refs,
    hyps: Hyps,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="radgraph, f1chexbert, green, ratescore, radcliq; all by default."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Hugging Face cache with the weights.")
    ] = None,
    *,
    out: Output,
) -> None:
    """Model-based metrics of English reports, by RadEval (`make radeval`).

    Exit 3 where some metrics cannot be had, 1 where none can.
    """
    from radraft.core import settings
    from radraft.eval.pairs import read_pairs
    from radraft.eval.radeval.bridge import CLINICAL, RadEvalMetric, score_radeval
    from radraft.eval.radeval.measures import MEASURES
    from radraft.eval.report.markdown import table

    asked_for = metric or []
    pairs = list(read_pairs(refs, hyps, "en"))
    known = {known_metric.value: known_metric for known_metric in RadEvalMetric}
    if unknown := [name for name in asked_for if name not in known]:
        raise typer.BadParameter(f"{unknown[0]}: one of {', '.join(known)}")
    asked = tuple(known[name] for name in asked_for) or CLINICAL
    python = settings.program(settings.load().radeval_python)
    with out.waiting("RadEval"):
        found = score_radeval(pairs, asked, python=python, weights=weights)
    rows = [
        [f"`{name}`", f"{value:.4f}", MEASURES[name].better.value, MEASURES[name].definition]
        for name, value in found.scores.items()
        if name in MEASURES
    ]
    missing = [
        f"{one.value}: {error.code}\n  {error.message_zh}\n  {error.message_en}"
        for one, error in found.unavailable.items()
    ]
    tables = [table(["measure", "value", "better", "definition"], rows)] if rows else []
    out.result(
        {
            "n": len(pairs),
            "scores": found.scores,
            "unavailable": {m.value: error.as_json() for m, error in found.unavailable.items()},
        },
        "\n".join([*tables, *missing]),
    )
    if missing:
        out.fail(3 if rows else 1)


@command(app, "ask")
def ask(
    questions: Annotated[Path, typer.Option("--questions", help="Questions, JSONL.")],
    reports: Annotated[Path, typer.Option("--reports", help="The reports they ask about, JSONL.")],
    *,
    profile: Annotated[str, typer.Option("--model", help="PROFILE.")] = "starter",
    with_model: Annotated[
        bool,
        typer.Option(
            "--with-model/--without-model", help="Serve the profile's model, as when vLLM is up."
        ),
    ] = False,
    half_hidden: Annotated[
        bool, typer.Option("--half-hidden", help="Counts only: a half that nobody may read.")
    ] = False,
    list_misses: Annotated[
        bool, typer.Option("--misses", help="List what was not answered rightly, with its text.")
    ] = False,
    opened: Annotated[
        bool,
        typer.Option("--opened", help="Open each report before, as its page does, and time after."),
    ] = False,
    out: Output,
) -> None:
    """Put questions about signed reports to the engine and score its answers.

    `--misses` is refused with `--half-hidden` and for files whose name ends in `_unseen`.
    """
    from contextlib import nullcontext

    from radraft.core.errors import EvalError
    from radraft.core.settings import load
    from radraft.eval.asking.engine import FollowupEngine
    from radraft.eval.asking.files import read_question_set
    from radraft.eval.asking.run import ask_all
    from radraft.eval.asking.table import misses_text, tally_tables
    from radraft.eval.asking.tally import misses, tally
    from radraft.llm.profiles import load_profile
    from radraft.llm.sentences import SentenceEncoder
    from radraft.llm.server import connect

    hidden = half_hidden or any(path.stem.endswith("_unseen") for path in (questions, reports))
    if hidden and list_misses:
        raise EvalError("eval_ask_hidden")
    asked = read_question_set(questions, reports)
    chosen = load_profile(profile)
    with (
        connect(load(), chosen) if with_model else nullcontext() as endpoint,
        out.progress() as progress,
    ):
        engine = FollowupEngine(chosen, endpoint, SentenceEncoder.load())
        bar = progress.add_task("Asking", total=len(asked.questions))
        replies = ask_all(
            asked,
            engine,
            lambda done, total: progress.update(bar, completed=done, total=total),
            opened=opened,
        )
    found = tally(replies, asked)
    value = {**found.as_json(), "model": profile, "with_model": with_model, "opened": opened}
    text = tally_tables(found)
    if list_misses:
        value["misses"] = misses(replies)
        text += "\n\n" + misses_text(misses(replies))
    out.result(value, text)


def rescored(
    chosen: EvalSet, file: Path, set_name: str, settings: Settings, resamples: int, out: Output
) -> Outcome:
    """Score the drafts in `file` as the run that left them did."""
    from radraft.eval.card_file import card_file
    from radraft.eval.drafts_file import in_order_of, read_drafts
    from radraft.eval.run import evaluate

    kept = read_drafts(file)
    drafts = in_order_of(chosen, kept.drafts, file)
    with out.waiting("Scoring") as move:
        return evaluate(
            chosen,
            drafts,
            kept.model,
            scorer(settings, resamples, move),
            quality_gate=kept.quality_gate,
            pictures=card_file(set_name).pictures,
        )


@command(app, "marks")
def marks(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.")],
    site: Annotated[str | None, typer.Option("--site", help="One site; else all.")] = None,
    *,
    out: Output,
) -> None:
    """Write what people said of answers about reports as a question set for `eval ask`.

    Without identity. What somebody called wrong is in judge.jsonl, for a person to say what is
    right. The audit knows of it.
    """
    from radraft.cli.context import opened
    from radraft.cli.export import note_export
    from radraft.core.canonical import plain
    from radraft.core.errors import SettingsError
    from radraft.finetune.marked import export_marked

    with opened() as context:
        note_export(context.store, "marked questions", site=site or "")
        with context.store.read() as session:
            try:
                count = export_marked(session, folder, None if site is None else {site})
            except OSError:
                raise SettingsError("cannot_write", file=str(folder)) from None
    written = {"folder": str(folder), **plain(count)}
    out.result(written, "\n".join(f"{name}: {value}" for name, value in written.items()))


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
