"""The starter's training pairs: images, and the reports that say what the encoder sees in them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radraft.core import canonical
from radraft.core.file_hash import file_sha256
from radraft.finetune.export import assistant, chat
from radraft.finetune.recipe import Recipe
from radraft.finetune.starter import scores, statements, teacher, views
from radraft.finetune.starter.compose import compose
from radraft.finetune.starter.operating import operating_points
from radraft.finetune.starter.statement_points import StatementPoints
from radraft.finetune.starter.teacher import OperatingPoints
from radraft.finetune.starter.values import Seen
from radraft.finetune.starter.views import NOTHING, View
from radraft.prompts.templates import Template, load_template
from radraft.studies.deidentify import age_band
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.train.data import Images, Row

BATCH = 64
TEMPLATE = "starter"
NOTHING_EVERY = 16
"""One in so many held-out films shows nothing."""

Progress = Callable[[int, int], None]
Points = OperatingPoints | StatementPoints


def make(
    recipe: Recipe,
    images: Images,
    encoder: Encoder,
    folder: Path,
    on_progress: Progress,
    fold_runs: Sequence[Path] = (),
) -> Points:
    """Writes `pairs.jsonl` (the form of `finetune.export`), `tokens.npy` ((pairs, n, dim),
    float16), `images.json` (its order) and `points.json` into `folder`.

    The pairs to train on are drawn from the `train` split; the held-out ones are the unchanged
    films of the `valid` split, and some that show nothing. `on_progress(done, total)`. `fold_runs`:
    runs of encoders that each left out a fold, whose films have a say in the points too. Errors as
    `scores.all_of`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    points = _points(recipe, images, encoder, fold_runs)
    maker = _Maker(recipe, images, encoder, points, load_template(TEMPLATE))
    plan = [*maker.drawn(), *maker.held()]
    tokens = np.lib.format.open_memmap(
        folder / "tokens.npy",
        mode="w+",
        dtype=np.float16,
        shape=(len(plan), encoder.tokens_per_image, encoder.dim),
    )
    with (folder / "pairs.jsonl").open("w", encoding="utf-8", newline="\n") as out:
        for start in range(0, len(plan), BATCH):
            some = [maker.view(planned) for planned in plan[start : start + BATCH]]
            for place, (view, seen) in enumerate(
                zip(some, views.tokens(some, encoder), strict=True), start
            ):
                tokens[place] = seen
                out.write(json.dumps(maker.pair(place, view, seen), ensure_ascii=False) + "\n")
            on_progress(min(start + BATCH, len(plan)), len(plan))
    tokens.flush()
    ids = [_image_id(place) for place in range(len(plan))]
    (folder / "images.json").write_text(json.dumps(ids), encoding="utf-8")
    about = {"points": asdict(points), "encoder": encoder.encoder_id, "images": images.sha}
    (folder / "points.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    return points


@dataclass(frozen=True)
class _Planned:
    """A pair to be made: number `number` of its split, from film `row` or a drawn one."""

    number: int
    row: int | None


@dataclass(frozen=True)
class _Maker:
    """Everything a pair is made from."""

    recipe: Recipe
    images: Images
    encoder: Encoder
    points: Points
    template: Template

    def drawn(self) -> list[_Planned]:
        return [_Planned(number, None) for number in range(self.recipe.pairs.count)]

    def held(self) -> list[_Planned]:
        rows = [
            int(row)
            for source in self.recipe.pairs.shares
            for row in self.images.where("valid", source)
        ]
        # In an order of no meaning: a validation that looks at the first ones sees all sets.
        order = np.random.default_rng(self.recipe.seed).permutation(len(rows))
        return [_Planned(number, rows[index]) for number, index in enumerate(order)]

    def view(self, planned: _Planned) -> View:
        recipe, row = self.recipe, planned.row
        if row is None:
            change = recipe.encoder.augment
            return views.draw(self.images, recipe.pairs, change, planned.number, recipe.seed)
        pixels = self.images.pixels[row]
        if planned.number % NOTHING_EVERY == 0:
            random = np.random.default_rng((recipe.seed, row))
            kind = planned.number // NOTHING_EVERY
            return View(NOTHING, row, views.nothing(kind, pixels, random))
        return View(self.images.rows[row].source, row, pixels)

    def pair(self, place: int, view: View, tokens: views.Tokens) -> dict[str, Any]:
        """The line of `pairs.jsonl`."""
        dice = random.Random(f"{self.recipe.seed}:{place}")
        known = dice.random() < self.recipe.pairs.person
        person = _person(self.images.rows[view.row]) if known else {}
        values: dict[str, object] = {"age_band": "", "sex": "", **person}
        values |= {"modality": dice.choice(("CR", "DX")), "view": "frontal"}
        request = canonical.plain(self.template.fill(values, 1))
        asked, images = chat(request, [_image_id(place)])
        answer = assistant(compose(self._seen(view, tokens), dice))
        split = "train" if place < self.recipe.pairs.count else "held_out"
        return {
            "messages": [*asked, answer],
            "images": images,
            "metadata": {"split": split, "source": view.source},
        }

    def _seen(self, view: View, tokens: views.Tokens) -> dict[str, Seen]:
        if view.source == NOTHING:
            return {}
        heads = self.encoder.heads
        values = heads.logits(tokens.astype(np.float32)).tolist()
        logits = dict(zip(heads.ids, values, strict=True))
        child = view.source in self.recipe.pairs.children
        if isinstance(self.points, StatementPoints):
            say = statements.child if child else statements.adult
            return say(logits, self.points)
        teach = teacher.child if child else teacher.adult
        return teach(logits, self.points)


def _points(recipe: Recipe, images: Images, encoder: Encoder, fold_runs: Sequence[Path]) -> Points:
    heads = encoder.heads.ids
    if recipe.pairs.points == "precision":
        return statements.chosen_points(images, scores.all_of(images, encoder, fold_runs), heads)
    return operating_points(images, scores.of_valid(images, encoder).logits, heads)


def _person(row: Row) -> dict[str, str]:
    """Age band and sex as the line would give them, empty where they are not known."""
    known = row.age.replace(".", "", 1).isdecimal()
    band = age_band(round(float(row.age))) if known else ""
    return {"age_band": band, "sex": {"M": "male", "F": "female"}.get(row.sex, "")}


def _image_id(place: int) -> str:
    return f"starter-{place:06d}"


def sha(folder: Path) -> str:
    """Hash of the pairs and their tokens."""
    return canonical.sha256([file_sha256(folder / name) for name in ("pairs.jsonl", "tokens.npy")])
