"""The commands of `radraft train`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from radraft.cli.output import Output, command
from radraft.core import run_folder

if TYPE_CHECKING:
    from radraft.finetune.recipe import Recipe
    from radraft.finetune.train.dataset import Dataset
    from radraft.finetune.train.embedding import Embedded
    from radraft.llm.profiles import Profile
    from radraft.vision_encoder.config import Look
    from radraft.vision_encoder.train.data import Fold, Images
    from radraft.vision_encoder.train.recipe import EncoderRecipe

Counted = TypeVar("Counted")
SAMPLE = 256
"""Images whose tokens give the projector its mean and scale."""

app = typer.Typer(help="Train models by a recipe.", no_args_is_help=True)
RecipeName = Annotated[
    str, typer.Option("--recipe", help="A recipe's name (`finetune/recipes/`), or a YAML file.")
]
Data = Annotated[Path, typer.Option("--data", help="Folder that the recipe's paths start at.")]
Weights = Annotated[
    Path | None, typer.Option("--encoder", help="Weights of `train encoder`; else the shipped.")
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", help="A model profile with a projector; else the starter."),
]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="In place of the recipe's.")]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, max=2**31 - 1, help="In place of the recipe's.")
]
Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        min=1,
        help="Processes that train together on this machine, one a GPU where there are GPUs, each "
        "holding a share of the model.",
    ),
]
Run = Annotated[
    Path, typer.Option("--out", help="Folder of the run; an interrupted run there goes on.")
]


MOST_FOLDS = 20


class PointsBy(StrEnum):
    """`PairRecipe.points`."""

    F1 = "f1"
    PRECISION = "precision"


@command(app, "encoder")
def train_encoder(
    data: Data,
    run: Run,
    recipe_name: RecipeName = "starter",
    fraction: Annotated[
        float, typer.Option("--fraction", min=0.0, max=1.0, help="Share of the patients to use.")
    ] = 1.0,
    seed: Seed = None,
    steps: Steps = None,
    fold: Annotated[
        str,
        typer.Option(
            "--leave-out",
            metavar="NUMBER/FOLDS",
            help="A fold of the patients to train without, as 0/3: to score their films by eyes "
            "that never saw them.",
        ),
    ] = "",
    *,
    out: Output,
) -> None:
    """Train the vision encoder and its finding heads; the weight files lie in OUT/export."""
    import torch

    from radraft.finetune.recipe import load_recipe
    from radraft.vision_encoder import weights
    from radraft.vision_encoder.config import load_config
    from radraft.vision_encoder.train import data as labelled, model, plot
    from radraft.vision_encoder.train.export import export
    from radraft.vision_encoder.train.run import train

    recipe = load_recipe(recipe_name)
    config = load_config(recipe.encoder.config)
    plan = recipe.encoder.model_copy(update={"steps": steps} if steps else {})
    chosen_seed = recipe.seed if seed is None else seed
    device = "cuda" if torch.cuda.is_available() else "cpu"
    left_out = _fold(fold)
    images = read_images(plan, data, fraction, out, look=config.look, fold=left_out)
    identity = {
        "recipe": {"name": recipe.name, "encoder": plan.model_dump(mode="json")},
        "seed": chosen_seed,
        "fraction": fraction,
        "data_sha256": images.sha,
        "trunk_sha256": weights.SOURCE_SHA256,
    }
    if left_out is not None:
        identity["left_out"] = list(left_out)
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
            on_step=teller(move),
        )
    (run / "loss.svg").write_text(plot.loss_svg(run), encoding="utf-8")
    exported = export(run, plan, config, run / "export")
    counts = {split: len(images.where(split)) for split in labelled.SPLITS}
    run_folder.finish(run, device=device, images=counts, sha256=exported.sha256)
    result = {"run": str(run), "export": str(exported.folder), **run_folder.read(run)}
    files = "\n".join(f"  {name}  {sha}" for name, sha in exported.sha256.items())
    out.result(result, f"{exported.folder}\n{files}\nLoss and validation AUROC: {run / 'loss.svg'}")


@command(app, "pairs")
def train_pairs(
    data: Data,
    pairs: Annotated[Path, typer.Option("--out", help="Folder for the pairs.")],
    recipe_name: RecipeName = "starter",
    encoder: Weights = None,
    fraction: Annotated[
        float, typer.Option("--fraction", min=0.0, max=1.0, help="Share of patients and pairs.")
    ] = 1.0,
    seed: Seed = None,
    points: Annotated[
        PointsBy | None,
        typer.Option("--points", help="What decides what a film is said to show; else the recipe."),
    ] = None,
    fold_runs: Annotated[
        list[Path] | None,
        typer.Option(
            "--fold-run",
            help="A finished run of `train encoder --leave-out`, whose fold helps to choose the "
            "points of `precision`; may be given again.",
        ),
    ] = None,
    *,
    out: Output,
) -> None:
    """Make the starter's training pairs: films, and what the encoder sees in them as reports."""
    from dataclasses import asdict

    from radraft.finetune.recipe import load_recipe
    from radraft.finetune.starter.pairs import make
    from radraft.vision_encoder import shipped
    from radraft.vision_encoder.encode import Encoder

    recipe = load_recipe(recipe_name).smaller(fraction)
    if seed is not None:
        recipe = recipe.model_copy(update={"seed": seed})
    if points is not None:
        changed = recipe.pairs.model_copy(update={"points": points.value})
        recipe = recipe.model_copy(update={"pairs": changed})
    vision = Encoder.load(encoder or shipped.FOLDER)
    images = read_images(recipe.encoder, data, fraction, out)
    with out.waiting("Making pairs") as move:
        chosen = make(
            recipe,
            images,
            vision,
            pairs,
            lambda done, total: move("Making pairs", done / total),
            fold_runs or (),
        )
    out.result({"pairs": str(pairs), "points": asdict(chosen)}, f"{pairs}\n{chosen}")


@command(app, "language")
def train_language(
    pairs: Annotated[Path, typer.Option("--pairs", help="Folder of `train pairs`.")],
    run: Run,
    recipe_name: RecipeName = "starter",
    encoder: Weights = None,
    profile_name: ProfileName = None,
    seed: Seed = None,
    steps: Steps = None,
    processes: Processes = 1,
    *,
    out: Output,
) -> None:
    """Train projector and LoRA of the language model on pairs; the weight files lie in OUT.

    With --profile it is the profile's language model, and the pairs are those of `train embed`.
    """
    from radraft.core import settings
    from radraft.finetune.recipe import load_recipe
    from radraft.finetune.starter.pairs import sha
    from radraft.finetune.train import dataset, ground, launch, plot
    from radraft.finetune.train.run import Pairs
    from radraft.finetune.train.text import Tokenizer, fitting_file

    recipe = load_recipe(recipe_name)
    profile = load_trainable(profile_name)
    plan = recipe.language.model_copy(update={"steps": steps} if steps else {})
    plan = plan.over(profile.lora_targets if profile else None)
    chosen_seed = recipe.seed if seed is None else seed
    found = dataset.read(pairs)
    if profile is not None:
        ground.require_encoder(profile, found)
    identity = {
        "recipe": {"name": recipe.name, "language": plan.model_dump(mode="json")},
        "seed": chosen_seed,
        "pairs_sha256": sha(pairs),
        "base": ground.base_id(profile),
    }
    run_folder.begin(run, identity)
    with out.waiting("Building the language model") as move:
        base = ground.build(profile, settings.load().cache_dir, move)
    tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
    with out.waiting("Reading the pairs") as move:
        counted = counting(move, "Reading the pairs", len(found.train) + len(found.held_out))
        encoded = (tokenizer.encode(counted(example)) for example in found.train)
        known, left_out = fitting_file(encoded, plan.longest, run)
        encoded = (tokenizer.encode(counted(example)) for example in found.held_out)
        valid, _ = fitting_file(encoded, plan.longest, run)
    if profile is None:
        start = _begin(run, recipe, found, base.checkpoint, encoder, chosen_seed)
    else:
        start = ground.begin(run, base, found, chosen_seed)
    with out.waiting("Training the language model") as move:
        material = Pairs(known, valid, found.tokens, tokenizer.image_id, base.parts)
        model = launch.TextModel(base.checkpoint, start)
        job = launch.Job(model, material, plan, run, chosen_seed)
        trained = launch.train(job, processes, teller(move))
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


@command(app, "embed")
def train_embed(
    pairs: Annotated[
        Path, typer.Option("--pairs", help="File of `pairs export --pixels`, or of `archive`.")
    ],
    folder: Annotated[Path, typer.Option("--out", help="Folder for pairs and embeddings.")],
    profile_name: Annotated[
        str, typer.Option("--profile", help="A model profile's name, or a YAML file.")
    ],
    *,
    out: Output,
) -> None:
    """Embed the pictures of exported pairs with a profile's encoder, for `train language` and
    `adapt --archive`. It may be stopped at any moment and goes on; called several times at once,
    the calls share the work."""
    from radraft.core.errors import AdapterError
    from radraft.finetune.train.embedding import embed
    from radraft.llm.profiles import load_profile
    from radraft.vision_encoder.encode import Encoder

    profile = load_profile(profile_name)
    if profile.image_way != "embeds":
        raise AdapterError("adapt_profile_untrainable", profile=profile.name)
    encoder = Encoder.of(profile.encoder, edition=profile.edition)
    with out.waiting("Embedding images") as move:

        def tell(far: Embedded) -> None:
            remains = left(far.seconds * (far.total - far.done))
            text = f"Embedding images: {far.done} of {far.total}, {remains} left"
            move(text, far.done / max(1, far.total))

        made = embed(pairs, encoder, folder, tell)
    value = {"folder": str(folder), "images": made.total, "embedded_now": made.own}
    text = f"{folder}\n{made.total} images, {made.own} of them embedded now, {encoder.encoder_id}"
    out.result(value | {"encoder_id": encoder.encoder_id}, text)


def counting(
    move: Callable[[str, float], None], text: str, total: int
) -> Callable[[Counted], Counted]:
    """Return what passes things through and says how many there were."""
    done = itertools.count(1)

    def passed(thing: Counted) -> Counted:
        number = next(done)
        if number % 100 == 0:
            move(f"{text}: {number} of {total}", number / total)
        return thing

    return passed


def load_trainable(name: str | None) -> Profile | None:
    """The profile `name`, for which projector and LoRA can be trained; None where none is named.

    AdapterError `adapt_profile_untrainable` for one that has no projector.
    """
    from radraft.core.errors import AdapterError
    from radraft.llm.profiles import load_profile

    if name is None:
        return None
    profile = load_profile(name)
    if profile.projector is None:
        raise AdapterError("adapt_profile_untrainable", profile=profile.name)
    return profile


def read_images(
    plan: EncoderRecipe,
    data: Path,
    fraction: float,
    out: Output,
    look: Look = "plain",
    fold: Fold | None = None,
) -> Images:
    """The recipe's labelled films at the encoder's size; `look` where no encoder follows that
    brings them to one look itself."""
    from radraft.vision_encoder.config import load_config
    from radraft.vision_encoder.train import data as labelled

    with out.waiting("Reading images") as move:
        return labelled.load(
            plan,
            data,
            load_config(plan.config).size,
            look=look,
            fraction=fraction,
            fold=fold,
            on_progress=lambda done, total: move("Reading images", done / total),
        )


def _fold(text: str) -> Fold | None:
    from radraft.vision_encoder.train.data import Fold

    if not text:
        return None
    number, slash, of = text.partition("/")
    if not (slash and number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
        raise typer.BadParameter("a fold and how many there are, as 0/3")
    if not 0 <= int(number) < int(of) <= MOST_FOLDS or of == "1":
        raise typer.BadParameter(f"folds are 0/2 to {MOST_FOLDS - 1}/{MOST_FOLDS}")
    return Fold(int(number), int(of))


def _begin(
    run: Path, recipe: Recipe, found: Dataset, base: Path, encoder: Path | None, seed: int
) -> Path:
    """The projector that the run begins with, written once."""
    from radraft.finetune.starter import projector
    from radraft.finetune.train.embedding import sample as first_tokens
    from radraft.vision_encoder import shipped
    from radraft.vision_encoder.heads import Heads

    start = run / "begin.safetensors"
    if not start.exists():
        heads = Heads.load((encoder or shipped.FOLDER) / shipped.HEADS_FILE)
        # Heads stand for what they find, not for its absence.
        words, rms = projector.words_of(base, [h.sentences(True) for h in recipe.encoder.heads])
        sample = first_tokens(found, SAMPLE)
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
