"""Adapting: a site's signed reports become its next candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radraft.core import canonical, run_folder
from radraft.core.errors import AdapterError
from radraft.core.locks import locked
from radraft.core.settings import Settings
from radraft.finetune.adapt import card, data, peft_files, stages
from radraft.finetune.adapt.base import origin, trainable
from radraft.finetune.adapt.rare import repeated
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.stages import Course, Material
from radraft.finetune.adapt.values import Base, Chosen, Origin, PixelBase, Plan, Progress, Start
from radraft.finetune.register import enter
from radraft.finetune.train.native import PixelPairs, Processor
from radraft.finetune.train.run import Pairs
from radraft.finetune.train.text import Tokenizer, fitting
from radraft.finetune.train.values import Encoded, Example
from radraft.llm import native_layers
from radraft.llm.adapter import Adapter, Check, GateRecord, GateStage
from radraft.llm.profiles import Profile
from radraft.reports.training_pair import TrainingPair
from radraft.store import adapters
from radraft.store.database import Store

EXPORT = "export"


def adapt(
    site: str,
    *,
    store: Store,
    settings: Settings,
    profile: Profile,
    recipe: AdaptRecipe,
    run: Path,
    seed: int,
    start: str = "serving",
    by: str,
    on_step: Callable[[Progress], None] = lambda progress: None,
    base: Base | PixelBase | None = None,
    processes: int = 1,
) -> Adapter:
    """Trains in the folder `run` on what was signed at `site`, and registers the candidate.

    Killed at any point, the same call goes on and ends with the same files; one whose candidate is
    registered already changes nothing. One run at a time in a data folder: a second waits. `base`
    stands for the profile's own. `processes` train together on this machine (`train.launch`).

    AdapterError `adapt_profile_untrainable`, `adapt_base_not_pinned`, `adapt_rank_too_large`,
    `adapt_no_projector`, `adapt_tower_not_in_profile`, `adapt_base_differs`, `adapt_too_few_pairs`,
    `adapt_batch_stopped` (kept as a record of the gate), `adapt_pairs_too_long`, `adapt_diverged`;
    SettingsError `profile_layers_unserved`; TrainingError `training_run_differs` where `run` holds
    another run, else as `launch.train`.
    """
    recipe = recipe.over(profile.lora_targets)
    if recipe.lora.rank > profile.vllm.max_lora_rank:
        raise AdapterError(
            "adapt_rank_too_large", rank=recipe.lora.rank, most=profile.vllm.max_lora_rank
        )
    if recipe.own_projector and profile.image_way == "pixels":
        raise AdapterError("adapt_no_projector", profile=profile.name)
    with locked(settings.data_dir / "adapt.lock"):
        ground = base or trainable(profile, settings.cache_dir)
        if isinstance(ground, PixelBase):
            _require_served(ground, profile, recipe)
        begins = Start(start)
        call = _Call(
            site, store, settings, profile, recipe, run, seed, begins, by, ground, processes
        )
        return call.all(on_step)


def _require_served(base: PixelBase, profile: Profile, recipe: AdaptRecipe) -> None:
    """The layers that a recipe names where the profile names none: as the profile's, and none that
    vLLM would have to be started for."""
    targets = recipe.lora.targets
    native_layers.require_served(base.architecture, targets)
    if profile.lora_targets is None and native_layers.beyond_language(targets):
        raise AdapterError("adapt_tower_not_in_profile", profile=profile.name)


@dataclass(frozen=True)
class _Call:
    """One call of `adapt`."""

    site: str
    store: Store
    settings: Settings
    profile: Profile
    recipe: AdaptRecipe
    run: Path
    seed: int
    start: Start
    by: str
    base: Base | PixelBase
    processes: int

    def all(self, on_step: Callable[[Progress], None]) -> Adapter:
        planned = self._begun()
        if planned is None:
            planned = self._planned()
            if (known := self._known(planned)) is not None:
                return known
        run_folder.begin(self.run, self._identity(planned))
        done = run_folder.read(self.run).get("adapter_id")
        with self.store.read() as session:
            if done and (known := self._registered(str(done))) is not None:
                return known
            found = data.chosen(session, planned)
            parent = adapters.get(session, planned.parent) if planned.parent else None
        begin = origin(
            self.base, parent, self.settings.adapters_dir, self.recipe, self.run / "begin"
        )
        material, too_long = self._material(found)
        course = stages.course(
            self.base,
            begin,
            material,
            self.recipe,
            self.run,
            seed=self.seed,
            on_step=on_step,
            processes=self.processes,
        )
        return self._registers(planned, found, begin, course, too_long)

    def _begun(self) -> Plan | None:
        """The plan of a run that is in the folder already."""
        if not (self.run / run_folder.RUN_FILE).exists():
            return None
        kept = run_folder.read(self.run)["identity"].get("plan")
        # A folder of another kind of run has none; `runs.begin` says so.
        names = ("train", "replay", "valid", "batch")
        return Plan(**kept | {name: tuple(kept[name]) for name in names}) if kept else None

    def _planned(self) -> Plan:
        from radraft.finetune.selection import select

        with self.store.read() as session:
            serving = adapters.route(session, self.site).serving
            parent = serving if self.start is Start.SERVING else None
            if parent is not None and not self.profile.is_base(parent.base):
                raise AdapterError("adapt_base_differs", adapter=parent.adapter_id)
            objects = self.store.objects
            selection = select(session, objects, self.site)
            planned = data.plan(
                session,
                objects,
                selection,
                self.recipe,
                site=self.site,
                parent=parent.adapter_id if parent else None,
                encoder_id=self.base.encoder_id,
                seed=self.seed,
            )
            before = data.trained_on(session, serving.adapter_id if serving else None)
        # What the serving adapter learned from has passed, whatever the new one starts from.
        asked = {*planned.train, *planned.valid} - before
        batch = [pair for pair in selection.train if pair.pair_id in asked]
        history = [pair for pair in selection.train if pair.pair_id in before]
        told = tuple(check.figures for check in self._checked(batch, history, planned))
        return replace(planned, batch=told)

    def _checked(
        self, batch: Sequence[TrainingPair], history: Sequence[TrainingPair], planned: Plan
    ) -> tuple[Check, ...]:
        """AdapterError `adapt_batch_stopped`, the decision kept, where a check fails."""
        from radraft.finetune.gate.batch import check_batch
        from radraft.finetune.sight import sight
        from radraft.vision_encoder.heads import Heads

        heads = Heads.load(self.base.heads)
        seen = {
            pair.case_id: sight(
                self.store.objects, self.base.heads_encoder_id, heads, pair.image_ids
            )
            for pair in (*history, *batch)
        }
        checks = tuple(check_batch(batch, history, seen))
        failed = [check.code for check in checks if not check.passed]
        if failed:
            self._stops(checks, planned, len(batch), len(history))
            raise AdapterError("adapt_batch_stopped", checks=", ".join(failed))
        return checks

    def _stops(self, checks: tuple[Check, ...], planned: Plan, batch: int, history: int) -> None:
        decision = GateRecord(
            site=self.site,
            stage=GateStage.BATCH,
            adapter_id=None,
            serving_id=planned.parent,
            base=self.profile.model_id,
            passed=False,
            checks=checks,
            changed={
                "data_sha": data.data_sha(planned),
                "pairs": batch,
                "left_out": dict(planned.left_out),
                "recipe": self.recipe.name,
                "seed": self.seed,
                "parent": planned.parent,
            },
            tested={"pairs": batch, "history": history, "versions": card.versions()},
            affects={
                "site": self.site,
                "covers": [kind.model_dump(mode="json") for kind in self.profile.covered],
            },
            decided_at=datetime.now(UTC),
        )
        with self.store.begin() as session:
            adapters.record(session, decision)

    def _known(self, planned: Plan) -> Adapter | None:
        """The site's adapter that the very same run gave before."""
        sha, how = data.data_sha(planned), self.recipe.model_dump(mode="json")
        with self.store.read() as session:
            for adapter in adapters.adapters(session, self.site):
                same = (adapter.data_sha, adapter.parent, adapter.base, adapter.card.get("recipe"))
                wanted = (sha, planned.parent, self.profile.model_id, how)
                if same == wanted and adapter.card.get("seed") == self.seed:
                    return adapter
        return None

    def _registered(self, adapter_id: str) -> Adapter | None:
        with self.store.read() as session:
            return adapters.find(session, adapter_id)

    def _identity(self, planned: Plan) -> dict[str, Any]:
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "seed": self.seed,
            "site": self.site,
            "start": self.start.value,
            "base": self.profile.model_id,
            "data_sha256": data.data_sha(planned),
            "plan": canonical.plain(asdict(planned)),
        }

    def _material(self, found: Chosen) -> tuple[Material, int]:
        """The pairs as the model takes them, and how many are too long for it."""
        base, objects = self.base, self.store.objects
        if isinstance(base, PixelBase):
            processor = Processor(base.checkpoint, data.StoredPictures(objects))
            train, valid, too_long = self._encoded(found, processor.encode)
            return Material(PixelPairs(train, valid, processor)), too_long
        tokenizer = Tokenizer(base.checkpoint, base.image_token, base.tokens_per_image)
        train, valid, too_long = self._encoded(found, tokenizer.encode)
        tokens = data.StoredTokens(objects, base.encoder_id)
        return Material(Pairs(train, valid, tokens, tokenizer.image_id, base.parts)), too_long

    def _encoded(
        self, found: Chosen, encode: Callable[[Example], Encoded]
    ) -> tuple[list[Encoded], list[Encoded], int]:
        """Pairs to train and to validate with, and how many are too long for the model."""
        longest = self.recipe.longest
        taught = repeated(found.train, self.recipe.rare)
        train, long = fitting((encode(data.example(pair)) for pair in taught), longest)
        valid, more = fitting((encode(data.example(pair)) for pair in found.valid), longest)
        if not train or not valid:
            raise AdapterError("adapt_pairs_too_long", count=long + more, longest=longest)
        return train, valid, long + more

    def _registers(
        self, planned: Plan, found: Chosen, begin: Origin, course: Course, too_long: int
    ) -> Adapter:
        folder = self.run / EXPORT
        self._exports(begin, course, folder)
        (self.run / "loss.svg").write_text(_curves(course, self.run), encoding="utf-8")
        counts = {"preferences": course.preferences, "too_long": too_long}
        about = card.adapted(
            planned,
            found,
            self.recipe,
            seed=self.seed,
            encoder_id=self.base.encoder_id,
            trained=course.trained,
            kept=course.kept,
            counts=counts,
        )
        registered = enter(
            folder,
            self.settings.adapters_dir,
            self.store,
            site=self.site,
            base=self.profile.model_id,
            parent=planned.parent,
            data_sha=data.data_sha(planned),
            card=about,
            by=self.by,
        )
        run_folder.finish(
            self.run,
            adapter_id=registered.adapter_id,
            files=registered.files,
            losses=about["losses"],
        )
        for stage in course.trained:
            (self.run / stage.value / run_folder.CHECKPOINT).unlink(missing_ok=True)
        return registered

    def _exports(self, begin: Origin, course: Course, folder: Path) -> None:
        from safetensors.torch import load_file

        projector = None
        if self.recipe.own_projector:
            projector = course.projector
        elif begin.own_projector:
            projector = begin.projector
        trained = load_file(course.adapter)
        name = self.profile.model_id
        peft_files.write(folder, trained, begin.lora, name, projector, whole=self.base.whole)


def _curves(course: Course, run: Path) -> str:
    from radraft.finetune.train import plot

    return plot.loss_svg(*(run / stage.value for stage in course.trained))
