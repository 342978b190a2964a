"""The commands of `radraft eval`, a line of help each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from radraft.cli.output import Output, reporting

app = typer.Typer(
    help="Measure drafts: text, findings, and whether a model looks.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class Language(StrEnum):
    """Language of reports."""

    ZH = "zh"
    EN = "en"


class LabelSet(StrEnum):
    """Published label sets (`reports/findings/schemes/`)."""

    CHEXPERT14 = "chexpert14"
    NIH14 = "nih14"
    NEGBIO14 = "negbio14"
    LABELS49 = "labels49"


Lang = Annotated[Language, typer.Option("--lang", help="Language of the reports.")]
Model = Annotated[str, typer.Option("--model", help="PROFILE or PROFILE:ADAPTER.")]
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


@app.command("run")
def eval_run(
    model: Model,
    set_name: SetName,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the result.")],
    data: Data = None,
    split: Split = None,
    limit: Limit = None,
    seed: Seed = 0,
    support: Annotated[
        bool, typer.Option("--support", help="Measure each sentence's image support.")
    ] = False,
    without_quality_gate: Annotated[
        bool,
        typer.Option("--without-quality-gate", help="Draft from films too poor for the product."),
    ] = False,
    resamples: Resamples = 2000,
    json: Json = False,
) -> None:
    """Draft a set as the product would, quality gate included, and score it."""
    with reporting(Output(json)) as out:
        from radraft.cli import evaluation

        evaluation.run(
            model, set_name, out_dir, data=data, split=split, limit=limit, seed=seed,
            support=support, quality_gate=not without_quality_gate, resamples=resamples, out=out,
        )  # fmt: skip


@app.command("score")
def eval_score(
    refs: Annotated[Path, typer.Option("--refs", help="Reference reports, JSONL.")],
    hyps: Annotated[Path, typer.Option("--hyps", help="Reports to score, JSONL.")],
    lang: Lang,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for JSON, Markdown and HTML.")
    ] = None,
    resamples: Resamples = 2000,
    json: Json = False,
) -> None:
    """Score report files: JSONL with `id` and `report`, or `findings` and `impression`."""
    with reporting(Output(json)) as out:
        from radraft.cli import evaluation

        evaluation.score(refs, hyps, lang.value, out_dir, resamples, out)


@app.command("findings")
def eval_findings(
    lang: Lang,
    labels: Annotated[
        LabelSet | None, typer.Option("--labels", help="Give a published set's labels instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Read reports on stdin, one a line, and print what they state."""
    with reporting(Output(json)) as out:
        from radraft.cli import evaluation

        evaluation.findings(lang.value, out, labels.value if labels else None)


@app.command("compare")
def eval_compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A result's folder or JSON file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, on the same reports.")],
    json: Json = False,
) -> None:
    """Say in which measures B is better or worse than A (paired bootstrap, 95% intervals)."""
    with reporting(Output(json)) as out:
        from radraft.cli import evaluation

        evaluation.compare(first, second, out)


@app.command("looks")
def eval_looks(
    model: Model,
    set_name: SetName,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for looks.json and looks.md.")
    ] = None,
    data: Data = None,
    split: Split = None,
    limit: Limit = None,
    seed: Seed = 0,
    resamples: Resamples = 2000,
    json: Json = False,
) -> None:
    """Draft a set from changed images too, and say whether the model looks."""
    with reporting(Output(json)) as out:
        from radraft.cli import evaluation

        evaluation.looks(
            model, set_name, out_dir, data=data, split=split, limit=limit, seed=seed,
            resamples=resamples, out=out,
        )  # fmt: skip


@app.command("radeval")
def eval_radeval(
    refs: Annotated[Path, typer.Option("--refs", help="Reference reports, JSONL.")],
    hyps: Annotated[Path, typer.Option("--hyps", help="Reports to score, JSONL.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="radgraph, f1chexbert, green, ratescore, radcliq; all by default."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Hugging Face cache with the weights.")
    ] = None,
    json: Json = False,
) -> None:
    """Model-based metrics of English reports, by RadEval (`make radeval`)."""
    with reporting(Output(json)) as out:
        from radraft.cli import radeval

        radeval.score(refs, hyps, tuple(metric or ()), weights, out)


@app.command("sets")
def eval_sets(json: Json = False) -> None:
    """List the ready evaluation sets with source, splits and licence."""
    with reporting(Output(json)) as out:
        from radraft.cli import evaluation

        evaluation.sets(out)
