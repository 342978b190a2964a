"""The values of `finetune/adapt`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from radraft.finetune.train.recipe import Lora
from radraft.reports.training_pair import TrainingPair

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.finetune.adapt.recipe import AdaptRecipe
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store


class Start(StrEnum):
    """What training goes on from."""

    SERVING = "serving"
    """The site's serving adapter, the base where none serves."""
    BASE = "base"


class Stage(StrEnum):
    """A stage of training; each has its folder in the run's."""

    SFT = "sft"
    DPO = "dpo"


@dataclass(frozen=True)
class Base:
    """What adapters of a profile lie on."""

    checkpoint: Path
    """LLaVA checkpoint folder."""
    projector: Path
    heads: Path
    """Finding heads, for the check of a batch."""
    encoder_id: str
    """Of the encoder whose tokens the projector takes."""
    image_token: str
    tokens_per_image: int
    parts: int | None = None
    """As `Projector.pool`."""
    whole: ClassVar[bool] = False
    """Its language model alone is tuned (`peft_files`)."""
    heads_encoder: str | None = None
    """Of the encoder that the heads belong to; None: the same."""

    @property
    def heads_encoder_id(self) -> str:
        """Return the id of the encoder whose tokens the heads take."""
        return self.heads_encoder or self.encoder_id


@dataclass(frozen=True)
class PixelBase:
    """A native vision-language model that adapters of a profile lie on."""

    checkpoint: Path
    """The model's own folder."""
    architecture: str
    """Its class, as transformers names it."""
    heads: Path
    """Finding heads of the shipped encoder, for the check of a batch."""
    heads_encoder_id: str
    whole: ClassVar[bool] = True
    """It is tuned as it is served."""
    encoder_id: None = None
    """It takes images as they are."""
    projector: None = None


@dataclass(frozen=True)
class Origin:
    """What training begins with."""

    parent: str | None
    """Adapter id; None: the base itself."""
    adapter: Path | None
    """The parent's weights under the trainer's names."""
    projector: Path | None
    """None for a native vision-language model."""
    own_projector: bool
    """Whether that is the parent's own and not the base's."""
    lora: Lora


@dataclass(frozen=True)
class Task:
    """What a run is asked for."""

    site: str
    store: Store
    settings: Settings
    profile: Profile
    recipe: AdaptRecipe
    seed: int
    start: Start
    base: Base | PixelBase


@dataclass(frozen=True)
class Plan:
    """Which pairs a run trains on: fixed when it begins, so that a resumed run is the same."""

    parent: str | None
    train: tuple[str, ...]
    """Pair ids, new to the parent."""
    replay: tuple[str, ...]
    """Pair ids it was trained on before."""
    valid: tuple[str, ...]
    left_out: Mapping[str, int]
    """Reason -> signed reports that were not used."""
    frozen: int
    """Pairs of the frozen set."""
    batch: tuple[Mapping[str, Any], ...] = ()
    """What the check of the new pairs found, without case ids."""


@dataclass(frozen=True)
class Chosen:
    """A plan's pairs."""

    train: tuple[TrainingPair, ...] = field(repr=False)
    """New ones, then those that are gone over again."""
    valid: tuple[TrainingPair, ...] = field(repr=False)


@dataclass(frozen=True)
class Progress:
    """How far a run is, over both stages."""

    stage: Stage
    done: int
    """Steps of the stage."""
    total: int
    loss: float
    part: float
    """Of the whole run, 0 to 1."""
    seconds: float
    """Left, as it went so far."""
