"""What `radraft train pairs` and `radraft train language` do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.output import Output
from radraft.core import run_folder

if TYPE_CHECKING:
    from radraft.finetune.recipe import Recipe
    from radraft.finetune.train.dataset import Dataset
    from radraft.vision_encoder.train.data import Images
    from radraft.vision_encoder.train.recipe import EncoderRecipe

SAMPLE = 256
"""Images whose tokens give the projector its mean and scale."""


def pairs(
    recipe_name: str,
    data: Path,
    folder: Path,
    encoder: Path | None,
    fraction: float,
    seed: int | None,
    out: Output,
) -> None:
    """Read the recipe's films, see them with the encoder and write the pairs."""
    from dataclasses import asdict

    from radraft.finetune.recipe import load_recipe
    from radraft.finetune.starter.pairs import make
    from radraft.vision_encoder import shipped
    from radraft.vision_encoder.encode import Encoder

    recipe = load_recipe(recipe_name).smaller(fraction)
    if seed is not None:
        recipe = recipe.model_copy(update={"seed": seed})
    vision = Encoder.load(encoder or shipped.FOLDER)
    images = read_images(recipe.encoder, data, fraction, out)
    with out.waiting("Making pairs") as move:
        points = make(
            recipe, images, vision, folder, lambda done, total: move("Making pairs", done / total)
        )
    out.result({"pairs": str(folder), "points": asdict(points)}, f"{folder}\n{points}")


def train(
    recipe_name: str,
    folder: Path,
    run: Path,
    encoder: Path | None,
    seed: int | None,
    steps: int | None,
    out: Output,
) -> None:
    """Train, or go on; then draw the curve and print what came of it."""
    from radraft.core import settings
    from radraft.finetune.recipe import load_recipe
    from radraft.finetune.starter.pairs import sha
    from radraft.finetune.train import dataset, plot, tuned
    from radraft.finetune.train.run import Pairs, train as run_training
    from radraft.finetune.train.text import Tokenizer, fitting
    from radraft.llm import checkpoint

    recipe = load_recipe(recipe_name)
    plan = recipe.language.model_copy(update={"steps": steps} if steps else {})
    chosen_seed = recipe.seed if seed is None else seed
    found = dataset.read(folder)
    identity = {
        "recipe": {"name": recipe.name, "language": plan.model_dump(mode="json")},
        "seed": chosen_seed,
        "pairs_sha256": sha(folder),
        "base": checkpoint.GGUF_SHA256,
    }
    run_folder.begin(run, identity)
    with out.waiting("Building the language model") as move:
        base = checkpoint.build_base(settings.load().cache_dir, move)
    tokenizer = Tokenizer(base, checkpoint.IMAGE_TOKEN, checkpoint.TOKENS_PER_IMAGE)
    known, left_out = fitting(map(tokenizer.encode, found.train), plan.longest)
    valid, _ = fitting(map(tokenizer.encode, found.held_out), plan.longest)
    start = _begin(run, recipe, found, base, encoder, chosen_seed)
    with out.waiting("Training the language model") as move:
        trained = run_training(
            tuned.build(base, start, plan),
            Pairs(known, valid, found.tokens, tokenizer.image_id),
            plan,
            run,
            seed=chosen_seed,
            on_step=teller(move),
        )
    (run / "loss.svg").write_text(plot.loss_svg(run), encoding="utf-8")
    run_folder.finish(
        run,
        pairs={"train": len(known), "valid": len(valid), "left_out": left_out},
        valid_loss=trained.valid_loss,
        best_step=trained.steps,
    )
    out.result(
        {"run": str(run), **run_folder.read(run)},
        f"{run}\nValidation loss {trained.valid_loss:.4f} at step {trained.steps}",
    )


def read_images(plan: EncoderRecipe, data: Path, fraction: float, out: Output) -> Images:
    """The recipe's labelled films at the encoder's size."""
    from radraft.vision_encoder.config import load_config
    from radraft.vision_encoder.train import data as labelled

    with out.waiting("Reading images") as move:
        return labelled.load(
            plan,
            data,
            load_config().size,
            fraction=fraction,
            on_progress=lambda done, total: move("Reading images", done / total),
        )


def _begin(
    run: Path, recipe: Recipe, found: Dataset, base: Path, encoder: Path | None, seed: int
) -> Path:
    """The projector that the run begins with, written once."""
    from radraft.finetune.starter import projector
    from radraft.vision_encoder import shipped
    from radraft.vision_encoder.heads import Heads

    start = run / "begin.safetensors"
    if not start.exists():
        heads = Heads.load((encoder or shipped.FOLDER) / shipped.HEADS_FILE)
        # Heads stand for what they find, not for its absence.
        words, rms = projector.words_of(base, [h.sentences(True) for h in recipe.encoder.heads])
        sample = [found.tokens(one.images[0]) for one in found.train[:SAMPLE]]
        projector.write(start, projector.begin(sample, heads, words, rms=rms, seed=seed))
    return start


def teller(move: Callable[[str, float], None]) -> Callable[[run_folder.Step], None]:
    """Says after each step how far training is and how long it still takes."""

    def tell(step: run_folder.Step) -> None:
        remains = left(step.seconds * (step.total - step.done))
        text = f"Step {step.done} of {step.total}, loss {step.loss:.3f}, {remains} left"
        move(text, step.done / step.total)

    return tell


def left(seconds: float) -> str:
    """How long something still takes, for a progress bar."""
    return f"{seconds / 60:.0f} min" if seconds >= 60 else "less than a minute"
