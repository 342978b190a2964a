"""Adapting: a site's signed or archived reports become its next candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from radraft.core import canonical, run_folder
from radraft.core.errors import AdapterError
from radraft.core.locks import locked
from radraft.core.settings import Settings
from radraft.finetune.adapt import card, data, peft_files, stages
from radraft.finetune.adapt.archived_reports import ArchivedReports
from radraft.finetune.adapt.base import origin, trainable
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.signed_reports import SignedReports
from radraft.finetune.adapt.stages import Course, Taught
from radraft.finetune.adapt.values import Base, Origin, PixelBase, Plan, Progress, Start, Task
from radraft.finetune.register import enter
from radraft.llm import native_layers
from radraft.llm.adapter import Adapter
from radraft.llm.profiles import Profile
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
    archive: Path | None = None,
) -> Adapter:
    """Trains in the folder `run` on what was signed at `site`, and registers the candidate; on its
    archived reports where `archive` is a folder of them (`archived_reports`).

    Killed at any point, the same call goes on and ends with the same files; one whose candidate is
    registered already changes nothing. One run at a time in a data folder: a second waits. `base`
    stands for the profile's own. `processes` train together on this machine (`train.launch`).

    AdapterError `adapt_profile_untrainable`, `adapt_base_not_pinned`, `adapt_rank_too_large`,
    `adapt_no_projector`, `adapt_tower_not_in_profile`, `adapt_base_differs`, `adapt_too_few_pairs`,
    `adapt_batch_stopped` (kept as a record of the gate), `adapt_pairs_too_long`, `adapt_diverged`;
    SettingsError `profile_layers_unserved`; TrainingError `training_run_differs` where `run` holds
    another run, else as `launch.train`. Of `archive` as `ArchivedReports.planned` and `taught`
    too.
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
        task = Task(site, store, settings, profile, recipe, seed, Start(start), ground)
        source = SignedReports(task) if archive is None else ArchivedReports(task, archive)
        return _Call(task, source, run, by, processes).all(on_step)


def _require_served(base: PixelBase, profile: Profile, recipe: AdaptRecipe) -> None:
    """The layers that a recipe names where the profile names none: as the profile's, and none that
    vLLM would have to be started for."""
    targets = recipe.lora.targets
    native_layers.require_served(base.architecture, targets)
    if profile.lora_targets is None and native_layers.beyond_language(targets):
        raise AdapterError("adapt_tower_not_in_profile", profile=profile.name)


class Source(Protocol):
    """What a run learns from."""

    @property
    def kind(self) -> str:
        """Of the adapters that come of it (`Adapter.card`)."""

    def planned(self) -> Plan:
        """Return which examples a new run trains on."""

    def taught(self, planned: Plan) -> Taught:
        """Return a plan's examples as the model takes them."""


@dataclass(frozen=True)
class _Call:
    """One call of `adapt`."""

    task: Task
    source: Source
    run: Path
    by: str
    processes: int

    def all(self, on_step: Callable[[Progress], None]) -> Adapter:
        task, planned = self.task, self._begun()
        if planned is None:
            planned = self.source.planned()
            if (known := self._known(planned)) is not None:
                return known
        run_folder.begin(self.run, self._identity(planned))
        done = run_folder.read(self.run).get("adapter_id")
        if done and (known := self._registered(str(done))) is not None:
            return known
        with task.store.read() as session:
            parent = adapters.get(session, planned.parent) if planned.parent else None
        taught = self.source.taught(planned)
        root = task.settings.adapters_dir
        begin = origin(task.base, parent, root, task.recipe, self.run / "begin")
        course = stages.course(
            task.base,
            begin,
            taught.material,
            task.recipe,
            self.run,
            seed=task.seed,
            on_step=on_step,
            processes=self.processes,
        )
        return self._registers(planned, taught, begin, course)

    def _begun(self) -> Plan | None:
        """The plan of a run that is in the folder already."""
        if not (self.run / run_folder.RUN_FILE).exists():
            return None
        kept = run_folder.read(self.run)["identity"].get("plan")
        # A folder of another kind of run has none; `runs.begin` says so.
        names = ("train", "replay", "valid", "batch")
        return Plan(**kept | {name: tuple(kept[name]) for name in names}) if kept else None

    def _known(self, planned: Plan) -> Adapter | None:
        """The site's adapter that the very same run gave before."""
        sha, how = data.data_sha(planned), self.task.recipe.model_dump(mode="json")
        with self.task.store.read() as session:
            for adapter in adapters.adapters(session, self.task.site):
                same = (adapter.data_sha, adapter.parent, adapter.base, adapter.card.get("recipe"))
                wanted = (sha, planned.parent, self.task.profile.model_id, how)
                if same == wanted and adapter.card.get("seed") == self.task.seed:
                    return adapter
        return None

    def _registered(self, adapter_id: str) -> Adapter | None:
        with self.task.store.read() as session:
            return adapters.find(session, adapter_id)

    def _identity(self, planned: Plan) -> dict[str, Any]:
        return {
            "recipe": self.task.recipe.model_dump(mode="json"),
            "seed": self.task.seed,
            "site": self.task.site,
            "start": self.task.start.value,
            "base": self.task.profile.model_id,
            "data_sha256": data.data_sha(planned),
            "plan": canonical.plain(asdict(planned)),
        }

    def _registers(self, planned: Plan, taught: Taught, begin: Origin, course: Course) -> Adapter:
        task, folder = self.task, self.run / EXPORT
        self._exports(begin, course, folder)
        (self.run / "loss.svg").write_text(_curves(course, self.run), encoding="utf-8")
        counts = {"preferences": course.preferences, "too_long": taught.too_long}
        about = card.adapted(
            planned,
            task.recipe,
            kind=self.source.kind,
            image_ids=taught.image_ids,
            seed=task.seed,
            encoder_id=task.base.encoder_id,
            trained=course.trained,
            kept=course.kept,
            counts=counts,
        )
        registered = enter(
            folder,
            task.settings.adapters_dir,
            task.store,
            site=task.site,
            base=task.profile.model_id,
            parent=planned.parent,
            data_sha=data.data_sha(planned),
            card={**about, **taught.about},
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

        projector, base = None, self.task.base
        if self.task.recipe.own_projector:
            projector = course.projector
        elif begin.own_projector:
            projector = begin.projector
        trained = load_file(course.adapter)
        name = self.task.profile.model_id
        peft_files.write(folder, trained, begin.lora, name, projector, whole=base.whole)


def _curves(course: Course, run: Path) -> str:
    from radraft.finetune.train import plot

    return plot.loss_svg(*(run / stage.value for stage in course.trained))
