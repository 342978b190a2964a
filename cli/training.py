"""The commands of `radraft train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radraft.cli import training_language
from radraft.cli.output import Output, reporting
from radraft.core import run_folder

app = typer.Typer(help="Train models by a recipe.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Recipe = Annotated[
    str, typer.Option("--recipe", help="A recipe's name (`finetune/recipes/`), or a YAML file.")
]
Data = Annotated[Path, typer.Option("--data", help="Folder that the recipe's paths start at.")]
Weights = Annotated[
    Path | None, typer.Option("--encoder", help="Weights of `train encoder`; else the shipped.")
]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="In place of the recipe's.")]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, max=2**31 - 1, help="In place of the recipe's.")
]
Run = Annotated[
    Path, typer.Option("--out", help="Folder of the run; an interrupted run there goes on.")
]


@app.command("encoder")
def train_encoder(
    data: Data,
    run: Run,
    recipe: Recipe = "starter",
    fraction: Annotated[
        float, typer.Option("--fraction", min=0.0, max=1.0, help="Share of the patients to use.")
    ] = 1.0,
    seed: Seed = None,
    steps: Steps = None,
    json: Json = False,
) -> None:
    """Train the vision encoder and its finding heads; the weight files lie in OUT/export."""
    with reporting(Output(json)) as out:
        encoder(recipe, data, run, fraction, seed, steps, out)


@app.command("pairs")
def train_pairs(
    data: Data,
    pairs: Annotated[Path, typer.Option("--out", help="Folder for the pairs.")],
    recipe: Recipe = "starter",
    encoder: Weights = None,
    fraction: Annotated[
        float, typer.Option("--fraction", min=0.0, max=1.0, help="Share of patients and pairs.")
    ] = 1.0,
    seed: Seed = None,
    json: Json = False,
) -> None:
    """Make the starter's training pairs: films, and what the encoder sees in them as reports."""
    with reporting(Output(json)) as out:
        training_language.pairs(recipe, data, pairs, encoder, fraction, seed, out)


@app.command("language")
def train_language(
    pairs: Annotated[Path, typer.Option("--pairs", help="Folder of `train pairs`.")],
    run: Run,
    recipe: Recipe = "starter",
    encoder: Weights = None,
    seed: Seed = None,
    steps: Steps = None,
    json: Json = False,
) -> None:
    """Train projector and LoRA of the language model on pairs; the weight files lie in OUT."""
    with reporting(Output(json)) as out:
        training_language.train(recipe, pairs, run, encoder, seed, steps, out)


def encoder(
    recipe_name: str,
    data: Path,
    run: Path,
    fraction: float,
    seed: int | None,
    steps: int | None,
    out: Output,
) -> None:
    """Train, or go on; then draw the curves, export and print what came of it."""
    import torch

    from radraft.finetune.recipe import load_recipe
    from radraft.vision_encoder import weights
    from radraft.vision_encoder.config import load_config
    from radraft.vision_encoder.train import data as labelled, model, plot
    from radraft.vision_encoder.train.export import export
    from radraft.vision_encoder.train.run import train

    recipe, config = load_recipe(recipe_name), load_config()
    plan = recipe.encoder.model_copy(update={"steps": steps} if steps else {})
    chosen_seed = recipe.seed if seed is None else seed
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = training_language.read_images(plan, data, fraction, out)
    identity = {
        "recipe": {"name": recipe.name, "encoder": plan.model_dump(mode="json")},
        "seed": chosen_seed,
        "fraction": fraction,
        "data_sha256": images.sha,
        "trunk_sha256": weights.SOURCE_SHA256,
    }
    run_folder.begin(run, identity)
    start = model.initial(config)
    with out.waiting("Training the encoder") as move:
        train(
            start,
            images,
            plan,
            config,
            run,
            seed=chosen_seed,
            device=device,
            on_step=training_language.teller(move),
        )
    (run / "loss.svg").write_text(plot.loss_svg(run), encoding="utf-8")
    exported = export(run, plan, config, run / "export")
    counts = {split: len(images.where(split)) for split in labelled.SPLITS}
    run_folder.finish(run, device=device, images=counts, sha256=exported.sha256)
    result = {"run": str(run), "export": str(exported.folder), **run_folder.read(run)}
    files = "\n".join(f"  {name}  {sha}" for name, sha in exported.sha256.items())
    out.result(result, f"{exported.folder}\n{files}\nLoss and validation AUROC: {run / 'loss.svg'}")
