"""What an encoder is trained on and how, as data: the `encoder` part of a training recipe."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from radraft.core.yaml_files import Strict
from radraft.reports.findings.vocabulary import vocabulary


class Head(Strict):
    """One yes-or-no question that images are labelled with."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    """A finding code, or a name of its own where no code of the vocabulary means just this."""
    zh: str = ""
    en: str = ""
    not_zh: str = ""
    """What the opposite is called. Default: 未见 and `zh`."""
    not_en: str = ""

    @model_validator(mode="after")
    def _named(self) -> Head:
        if self.id not in vocabulary() and not (self.zh and self.en):
            raise ValueError(f"{self.id} is no finding code and has no names")
        return self

    def sentences(self, present: bool) -> tuple[str, str]:
        """Return (zh, en) that say the answer."""
        finding = vocabulary().get(self.id)
        zh = self.zh or (finding.zh if finding else "")
        en = self.en or (finding.en if finding else "")
        if present:
            return f"{zh}。", f"{en}."
        no_zh = self.not_zh or f"未见{zh}"
        no_en = self.not_en or f"No {en[0].lower()}{en[1:]}"
        return f"{no_zh}。", f"{no_en}."


class LabelSet(Strict):
    """One folder of labelled radiographs: a CSV table with `file`, `split` and label columns."""

    table: str
    """Path of the CSV below the data folder; image paths in it start at its own folder."""
    weight: float = Field(gt=0)
    """How often an epoch draws from this set, relative to the others' weights."""
    patient: str = "patient"
    """Column that names the patient, or the group that must not be split."""
    zero_one: dict[str, str] = Field(default={})
    """Column with 0 or 1 -> head."""
    column: str = ""
    """Column whose values answer heads through `values`."""
    values: dict[str, dict[str, bool]] = Field(default={})
    """Value of `column` -> head -> answer. Rows with other values are left out."""
    trust: float = Field(default=1.0, gt=0)
    """How much an answer of this set counts in the label loss, relative to others'."""
    not_patients_of: str = ""
    """Another set that has patients in common with this one: a row stays only where its patient is
    not in the other set, or is in the same split there."""


class Reading(Strict):
    """What radiologists said of films that stand in sets: it outweighs what was mined."""

    table: str
    """Path of the CSV below the data folder."""
    folder: str = ""
    """Folder of its `file`s below the data folder; default: as the column `set` says."""
    column: str = "rsna_class"
    values: dict[str, dict[str, bool]]
    """Value of `column` -> head -> answer."""
    unsettled: dict[str, tuple[str, ...]] = Field(default={})
    """Value of `column` -> heads whose yes is contradicted by it: nothing is known of them then."""
    yes_no: dict[str, str] = Field(default={})
    """Column with YES or NO -> head."""
    trust: float = Field(default=3.0, gt=0)


class PlaceSet(Strict):
    """Films on which someone drew where something is."""

    table: str
    weight: float = Field(default=0.0, ge=0)
    """How often an epoch draws from films of this table that stand in no label set."""
    folder: str = ""
    """As `Reading.folder`; default: the column `set` if there is one, or the table's own folder."""
    boxes: dict[str, str] = Field(default={})
    """Column with boxes (a JSON list of [x, y, w, h] or [name, x, y, w, h], shares of the film)
    -> place. Outside its boxes a film has none."""
    masks: dict[str, tuple[str, ...]] = Field(default={})
    """Place -> regions of `masks/<film>__<region>.png` whose union it is."""
    gray_masks: dict[str, int] = Field(default={})
    """Place -> gray that stands for it in the picture that column `mask` names."""


class Augment(Strict):
    """Random changes of a training image. There are no flips: left stays left."""

    rotate_degrees: float = 12.0
    zoom: tuple[float, float] = (0.85, 1.2)
    aspect: float = 0.08
    shift: float = 0.08
    gamma: float = 0.4
    """Largest natural logarithm of the exponent."""
    contrast: float = 0.25
    brightness: float = 0.1
    noise: float = 0.04
    edge: float = 0.5
    """Chance that a border or corner, where markers and redaction boxes stand, is covered."""
    coarse: float = Field(default=0.0, ge=0, le=1)
    """Chance that a film is reduced to as little as `coarsest` pixels and enlarged again."""
    coarsest: int = 64
    lungs_covered: float = 0.06
    """Chance that everything but the border is covered; the label is then the set's base rate, so
    that what stands at the border teaches nothing."""


class EncoderRecipe(Strict):
    """How the encoder is trained."""

    heads: tuple[Head, ...] = Field(min_length=1)
    sets: dict[str, LabelSet] = Field(min_length=1)
    readings: tuple[Reading, ...] = ()
    places: tuple[str, ...] = ()
    """What the place head tells of each patch token."""
    place_sets: dict[str, PlaceSet] = Field(default={})
    place_weight: float = Field(default=0.5, ge=0)
    """Weight of the place loss beside the label loss."""
    config: str = "radraft_cxr"
    """Name of the encoder's config: sizes, and how films are brought to them."""
    augment: Augment = Augment()
    sizes: tuple[int, ...] = (192, 224, 256)
    """Sides in pixels; each step draws one."""
    batch: int = Field(default=32, ge=2)
    steps: int = Field(ge=1)
    warm_up: int = Field(default=100, ge=0)
    learning_rate: float = Field(default=4e-4, gt=0)
    head_factor: float = 3.0
    """Learning rate of everything that starts at random, as a multiple."""
    weight_decay: float = 0.05
    dropout: float = Field(default=0.3, ge=0, lt=1)
    smoothing: float = Field(default=0.02, ge=0, lt=0.5)
    contrastive: float = Field(default=0.2, ge=0)
    """Weight of the contrastive loss beside the label loss."""
    ema: float = Field(default=0.998, ge=0, lt=1)
    valid_every: int = Field(default=250, ge=1)
    checkpoint_every: int = Field(default=50, ge=1)
    precision: Literal["bf16", "fp32"] = "bf16"

    @model_validator(mode="after")
    def _consistent(self) -> EncoderRecipe:
        known = set(self.head_ids)
        for name, labels in self.sets.items():
            used = set(labels.zero_one.values()) | {h for v in labels.values.values() for h in v}
            if not used or used - known:
                raise ValueError(f"{name} answers {sorted(used - known) or 'no head'}")
            if labels.not_patients_of and labels.not_patients_of not in self.sets:
                raise ValueError(f"{name}: no set {labels.not_patients_of}")
        for reading in self.readings:
            used = set(reading.yes_no.values()) | {h for v in reading.values.values() for h in v}
            if used - known:
                raise ValueError(f"{reading.table} answers {sorted(used - known)}")
        drawn = {p for s in self.place_sets.values() for p in (*s.boxes.values(), *s.masks)}
        drawn |= {p for s in self.place_sets.values() for p in s.gray_masks}
        if drawn - set(self.places) or set(self.place_sets) & set(self.sets):
            raise ValueError("place_sets: a place or a name that is not its own")
        return self

    @cached_property
    def head_ids(self) -> tuple[str, ...]:
        """In the order of the answer columns."""
        return tuple(head.id for head in self.heads)
