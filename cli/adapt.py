"""`radraft adapt`."""

from __future__ import annotations

import time
from collections.abc import Callable
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.cli.training import left
from radraft.core import run_folder
from radraft.llm.adapter import ARCHIVE, AdapterState

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.finetune.adapt.values import Progress
    from radraft.llm.adapter import Adapter

NAMES = {"sft": "Learning what was signed", "dpo": "Preferring it over the draft"}


def adapt(
    site: str | None,
    start: str,
    recipe_name: str,
    seed: int | None,
    run: Path | None,
    by: str | None,
    processes: int,
    out: Output,
    archive: Path | None = None,
) -> None:
    """Train the next candidate of `site`, or go on with a run that was killed, and say what came of
    it. `site` is the installation's own, `seed` the recipe's and `by` the user's name where they
    are not given; `archive` a folder of archived reports to learn from."""
    from radraft.finetune.adapt.base import trainable
    from radraft.finetune.adapt.recipe import load_recipe
    from radraft.finetune.adapt.run import adapt as train

    recipe = load_recipe(recipe_name)
    with opened() as context:
        where = site or context.settings.site
        folder = run or next_run(context.settings, where if archive is None else f"{where}.archive")
        with out.waiting("Building the language model") as move:
            base = trainable(context.profile, context.settings.cache_dir, move)
        began = time.monotonic()
        with out.waiting("Reading reports") as move:
            made = train(
                where,
                store=context.store,
                settings=context.settings,
                profile=context.profile,
                recipe=recipe,
                run=folder,
                seed=recipe.seed if seed is None else seed,
                start=start,
                by=by or getuser(),
                on_step=teller(move),
                base=base,
                processes=processes,
                archive=archive,
            )
        minutes = (time.monotonic() - began) / 60
    value = {"adapter_id": made.adapter_id, "site": made.site, "run": str(folder)}
    out.result(
        {**value, "minutes": minutes, "state": made.state, "card": dict(made.card)},
        told(made, minutes),
    )


def next_run(settings: Settings, site: str) -> Path:
    """`adapt/<site>-<n>` in the data folder: the newest run that has not ended, else a new one."""
    root = settings.data_dir / "adapt"
    name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in site)
    number = 1
    while (root / f"{name}-{number}" / run_folder.RUN_FILE).exists():
        number += 1
    newest = root / f"{name}-{number - 1}"
    if number > 1 and run_folder.read(newest)["finished"] is None:
        return newest
    return root / f"{name}-{number}"


def told(made: Adapter, minutes: float) -> str:
    """What a person wants to know of a new candidate."""
    card = made.card
    counts, losses = card["counts"], card["losses"]
    what = "Archived reports" if card.get("kind") == ARCHIVE else "Pairs"
    lines = [
        f"{what}: {counts['new']} new, {counts['replay']} again, {counts['valid']} to validate,"
        f" {counts['preferences']} with a changed draft; {counts['frozen']} frozen, untouched",
        *(f"  left out, {reason}: {count}" for reason, count in card["left_out"].items()),
        *(f"Validation loss after {name}: {one['valid']:.4f}" for name, one in losses.items()),
        f"Kept: the weights of {card['kept']}. {minutes:.1f} minutes",
        f"Adapter: {made.adapter_id} ({made.state.value}), site {made.site},"
        f" from {made.parent or 'the base'}",
    ]
    # The same run again finds what became of its candidate.
    if made.state is AdapterState.CANDIDATE:
        lines.append(f"next: radraft adapters gate {made.adapter_id}")
    return "\n".join(lines)


def teller(move: Callable[[str, float], None]) -> Callable[[Progress], None]:
    """One bar over both stages, with what is left of the whole."""

    def tell(now: Progress) -> None:
        text = f"{NAMES[now.stage.value]}: step {now.done} of {now.total}, loss {now.loss:.3f}"
        move(f"{text}, {left(now.seconds)} left", now.part)

    return tell
