"""`make starter-eval`: every figure of the starter's model card, and the card.

    python bench/starter_eval.py [--profile starter2] [--data ../shared/data] [--out docs/models]
        [--stage STAGE] [--limit N] [--encoder-run DIR] [--language-run DIR] [--pairs DIR]

Stages: encoder, speed, draft, said (these three start vLLM), card; all of them without --stage.
Their figures are kept in OUT/PROFILE.json and used again while weights and data are the same; what
was drafted is kept in the data folder, so a run that was stopped goes on. The folders of the
training runs, once given, are kept in the result as curves. With --limit the figures are not the
final ones and the card says so: use another --out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from radraft.bench import drafted_statements as statements
from radraft.bench.starter_card import card, drafts, encoder, facts, material, said, speed, training
from radraft.bench.starter_card.baselines import nearest
from radraft.bench.starter_card.features import features
from radraft.bench.starter_card.goals import goals
from radraft.bench.starter_card.kept import Kept
from radraft.bench.starter_card.material import Source
from radraft.bench.starter_card.questions import questions
from radraft.bench.starter_card.tables import goal_table
from radraft.cli.evaluation import served
from radraft.cli.output import Output
from radraft.core.errors import RadraftError
from radraft.core.settings import Settings, load as load_settings
from radraft.eval.cache import Cache
from radraft.eval.draft_set import Model, draft_set
from radraft.eval.sets import load_set
from radraft.finetune.recipe import Recipe, load_recipe
from radraft.llm.endpoint import Endpoint
from radraft.llm.profiles import Profile, load_profile
from radraft.llm.starter_model import PROFILES
from radraft.pipeline.draft_batch import load_vision_model
from radraft.vision_encoder.train.data import Row, rows
from radraft.vision_encoder.train.recipe import EncoderRecipe

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("encoder", "speed", "draft", "said", "card")
LABELS_BY = "starter"
"""Recipe whose labels every edition is measured by: those that came with the films. Another recipe
may have put a radiologist's reading in the place of some, and two editions would be asked
different things."""


def main() -> None:
    """Run the stages that are asked for and print what was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", choices=sorted(PROFILES.values()), default=PROFILES[1])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "models")
    parser.add_argument("--stage", choices=STAGES, help="only this one")
    parser.add_argument("--limit", type=int, help="draft this many studies of each set")
    parser.add_argument("--encoder-run", type=Path, help="run folder of the encoder")
    parser.add_argument("--language-run", type=Path, help="run folder of the language model")
    parser.add_argument("--pairs", type=Path, help="folder of the training pairs")
    arguments = parser.parse_args()
    say = Output(json=False)
    with ExitStack() as stack:
        run = Evaluation(
            arguments.profile, arguments.data, arguments.out, arguments.limit, say, stack
        )
        try:
            run.keep_training(arguments.encoder_run, arguments.language_run, arguments.pairs)
            for stage in (arguments.stage,) if arguments.stage else STAGES:
                getattr(run, stage)()
            print(goal_table(goals(run.kept.read())))
        except RadraftError as error:
            say.error(error)
            raise SystemExit(1) from None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: of which edition, where its data lie and where its figures go."""

    name: str
    """Of the profile, and of the recipe that made its weights."""
    data: Path
    out: Path
    limit: int | None
    say: Output
    stack: ExitStack
    """Stops vLLM in the end."""
    settings: Settings = field(default_factory=load_settings)

    @cached_property
    def recipe(self) -> Recipe:
        """Of the edition's weights."""
        return load_recipe(self.name)

    @cached_property
    def profile(self) -> Profile:
        """The edition's."""
        return load_profile(self.name)

    @property
    def kept(self) -> Kept:
        """The figures."""
        return Kept(self.out / f"{self.name}.json")

    @property
    def cache(self) -> Path:
        """What can be made again."""
        return self.settings.cache_dir / "eval"

    @property
    def keep(self) -> Path:
        """Drafts and studies; these may hold identity."""
        return self.settings.data_dir / "eval"

    @cached_property
    def judged(self) -> EncoderRecipe:
        """What the encoder is asked, whatever the edition."""
        return load_recipe(LABELS_BY).encoder

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Labelled images that it is asked of."""
        return rows(self.judged, self.data)

    @cached_property
    def seeing(self) -> encoder.Seeing:
        """The encoder and what it is compared with."""
        return encoder.open_seeing(self.settings.cache_dir, self.profile.edition)

    @cached_property
    def unserved(self) -> Model:
        """The model as far as its figures depend on it."""
        return Model(self.profile, Endpoint("", "", ""), load_vision_model(self.profile))

    @cached_property
    def model(self) -> Model:
        """The model, served from the first time it is needed."""
        return self.stack.enter_context(served(self.name, self.settings, self.say))

    def keep_training(self, seen: Path | None, said: Path | None, pairs: Path | None) -> None:
        """Adds the courses of the runs that are given."""
        found: dict[str, Any] = dict(self.kept.read().get("training", {}).get("values", {}))
        for name, folder in (("encoder", seen), ("language", said)):
            if folder is not None:
                found[name] = training.read(folder)
        if pairs is not None:
            found["points"] = training.points(pairs)
        if any((seen, said, pairs)):
            self.kept.stage("training", {"runs": found}, lambda: found)

    def encoder(self) -> None:
        """AUROC on the test splits."""
        with self.say.waiting("Encoder") as move:
            self.kept.stage(
                "encoder",
                encoder.inputs(self.judged, self.rows, self.seeing),
                lambda: encoder.measure(
                    self.judged,
                    self.rows,
                    self.seeing,
                    Cache(self.cache / "features"),
                    move=move,
                ),
            )

    def speed(self) -> None:
        """Seconds, tokens and images/s. Before the drafts: they leave the machine warm."""
        one = self._material(Source.NIH14)
        with self.say.waiting("Speed"):
            self.kept.stage(
                "speed",
                {"model": self.unserved.sha, "machine": speed.machine()},
                lambda: speed.measure(one.items, one.images, self.model, self.keep),
            )

    def draft(self) -> None:
        """Drafts of every set, beside what nobody drafted."""
        for source in Source:
            self._draft(self._material(source))

    def said(self) -> None:
        """What drafts state, deny and leave open, of the same sets and of the demo's studies."""
        adults, children = (self._material(one) for one in (Source.NIH14, Source.KERMANY))
        demo = load_set(said.DEMO, data=None, cache=self.cache)
        inputs = {
            "sets": [adults.sha, children.sha, demo.card.sha256],
            "model": self.unserved.sha,
        }
        self.kept.stage(
            "said",
            inputs,
            lambda: said.measure(
                self._films(adults),
                self._films(children),
                demo,
                draft_set(demo.items, self.model, keep=self.keep),
            ),
        )

    def _films(self, one: material.Material) -> list[statements.Film]:
        drafts = draft_set(one.items, self.model, keep=self.keep)
        return statements.read(material.CARDS[one.source][0], self.data, drafts)

    def card(self) -> None:
        """The card and its pictures."""
        trained_on = rows(self.recipe.encoder, self.data)
        found = facts.facts(self.recipe, trained_on, self.profile, self.data)
        self.kept.stage("facts", found, lambda: found)
        card.write(self.kept.read(), self.out, self.data)
        self.say.say(f"{self.out / self.name}.md")

    def _material(self, source: Source) -> material.Material:
        return material.load(source, self.data, self.cache, self.limit)

    def _draft(self, one: material.Material) -> None:
        with self._progress(one.source.value) as progress:
            self.kept.stage(
                f"draft_{one.source.value}",
                drafts.inputs(one, self.unserved),
                lambda: drafts.measure(
                    one,
                    questions(one, self.data, self.cache),
                    self._neighbours(one),
                    self.model,
                    self.keep,
                    progress=progress,
                ),
            )

    def _neighbours(self, one: material.Material) -> Any:
        cache, trained = Cache(self.cache / "features"), self.seeing.trained
        own, pool = (
            features(paths, trained, cache).pooled for paths in (one.images, one.pool_images)
        )
        return nearest(own, pool)

    @contextmanager
    def _progress(self, source: str) -> Iterator[drafts.Progress]:
        with self.say.progress() as progress:
            bars: dict[str, Any] = {}

            def move(what: str, done: int, total: int) -> None:
                if what not in bars:
                    bars[what] = progress.add_task(f"{source}: {what}", total=total)
                progress.update(bars[what], completed=done)

            yield move


if __name__ == "__main__":
    main()
