"""What the question whether a model looks at the image gives for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from radraft.eval.values import Better
from radraft.reports.values import Lang


class Change(StrEnum):
    """What is done to an item's key images before the encoder or the vision tower sees them."""

    REPEAT = "repeat"
    """Nothing: the true images once more. What differs then is the server's own noise: vLLM's sums
    depend in their last bits on what else is in the batch."""
    BLANK = "blank"
    """Mid-grey of the same size."""
    NOISE = "noise"
    """The image's own pixels in random order: same mean, spread and histogram, no picture."""
    SHUFFLED = "shuffled"
    """Each item gets another item's images, of another patient and the same view where known."""
    MIRRORED = "mirrored"
    """Left and right exchanged."""
    ANOTHER = "another"
    """All items get one other patient's images."""


@dataclass(frozen=True)
class Perturbation:
    """A change with the seed of what is random in it (`noise`, `shuffled`, `another`)."""

    change: Change
    seed: int = 0

    @property
    def name(self) -> str:
        """Stable name, as `shuffled-0`; without the seed where nothing is random."""
        fixed = self.change in {Change.REPEAT, Change.BLANK, Change.MIRRORED}
        return self.change.value if fixed else f"{self.change.value}-{self.seed}"


ALL = tuple(Perturbation(change) for change in Change)


@dataclass(frozen=True)
class Drop:
    """What one measure loses when the image is changed, on the reports drafted both ways."""

    measure: str
    better: Better
    true: float | None
    """Value with the true image; None where it is undefined."""
    changed: float | None
    drop: float | None
    """How much worse with the changed image: positive is worse, whichever way is better; for a
    measure without direction, true minus changed. None where either value is undefined."""
    low: float | None
    high: float | None
    """95% percentile interval of `drop`, reports resampled in pairs; None where too few resamples
    define the measure."""

    @property
    def lost(self) -> bool:
        """Whether the true image is better beyond chance."""
        return self.better is not Better.NEITHER and self.low is not None and self.low > 0


@dataclass(frozen=True)
class Flips:
    """What became of the sides in the drafts when the images were mirrored.

    Counted over findings that a draft gives one side (left or right, not both) and that the draft
    from the mirrored image gives one side too, or no longer.
    """

    flipped: int
    kept: int
    lost: int
    """The finding, or its side, is not in the draft from the mirrored image."""

    @property
    def rate(self) -> float:
        """Flipped out of flipped and kept, 0 to 1; NaN where there is none. A model that reads
        sides off the image has 1, one that does not look 0."""
        sided = self.flipped + self.kept
        return self.flipped / sided if sided else float("nan")


@dataclass(frozen=True)
class Changed:
    """The set drafted from changed images, against the same set from the true ones."""

    perturbation: Perturbation
    reports: int
    """Drafted both ways."""
    failed: int
    """Not drafted with the changed image though they were with the true one."""
    unchanged: int
    """Drafts that are the same to the last character in both languages."""
    sentences_kept: float | None
    """Share of the true image's sentences that stand word for word in the other draft; None where
    there are none."""
    drops: Mapping[str, tuple[Drop, ...]]
    """By section, as `labels_zh` or `clinical_en`."""
    against_mirrored: Mapping[str, tuple[Drop, ...]] = field(default_factory=dict)
    """Of mirrored images, where there are reference reports: the same, with the sides of the
    reference exchanged for the changed drafts. A model that looks loses nothing here."""
    flips: Mapping[Lang, Flips] = field(default_factory=dict)
    """Of mirrored images."""

    @property
    def unchanged_share(self) -> float:
        """0 to 1; NaN without reports."""
        return self.unchanged / self.reports if self.reports else float("nan")


class Answer(StrEnum):
    """Whether the drafts depend on what the image shows."""

    LOOKS = "looks"
    """A deciding measure is worse with another patient's image, beyond chance."""
    IGNORES = "ignores"
    """Drafts stay the same, word for word, whatever the image, but for what differs between two
    runs with the same images."""
    NO_GAIN = "no_gain"
    """Drafts change with the image, and no better for it."""
    UNDECIDED = "undecided"
    """Too few reports to tell."""


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence for people."""

    answer: Answer
    zh: str
    en: str


@dataclass(frozen=True)
class Looks:
    """The whole examination of one model on one set."""

    model_id: str
    reports: int
    """Drafted from the true image."""
    items: int
    changes: tuple[Changed, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Judged:
    """A drafted sentence whose image support is known and whose findings could be checked."""

    report: str
    """Item id."""
    support: float
    """Nats."""
    correct: bool
    """All its findings, and their sides, agree with labels and reference, in both languages."""


@dataclass(frozen=True)
class Bin:
    """Sentences of about the same support."""

    low: float
    high: float
    """Least and most support, nats."""
    mean: float
    sentences: int
    correct: int
    share_low: float
    share_high: float
    """95% interval of `share`."""

    @property
    def share(self) -> float:
        """Of right sentences, 0 to 1."""
        return self.correct / self.sentences


@dataclass(frozen=True)
class Calibration:
    """Support against correctness. A draft is what its own image made likely, so positive support
    alone says that the image changes the words; only this says whether for the better."""

    bins: tuple[Bin, ...]
    """By rising support."""
    sentences: int
    correct: int
    auroc: float | None
    """Of support for correctness, 0 to 1; None where all sentences are right or all wrong."""
    auroc_low: float | None
    auroc_high: float | None
