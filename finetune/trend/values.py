"""The values of `finetune/trend`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from radraft.core.weeks import Week
from radraft.reports.edits import Edit


@dataclass(frozen=True, slots=True)
class Fact:
    """What one signature says, without any text. Every version of a report has its own."""

    site: str
    signed_at: datetime
    first: bool
    """Version 1; an amendment is none."""
    drafted: bool
    """Whether a model's draft was there; without one a person wrote the report alone."""
    adapter_id: str | None
    """What drafted it; None for the base model."""
    edits: Mapping[Edit, int]
    """Sentences by what became of them."""
    unchanged: bool
    """Every sentence kept, none moved or added."""
    distance: float
    """Normalised edit distance of the whole report, 0 to 1: mean of Chinese and English."""
    seconds: float | None
    """From opening to signing; None where it is not known."""
    corrections: Mapping[str, Edit]
    """Finding code -> how the reader changed it: deleted, added, else corrected."""
    untouched: int
    """Characters, Chinese and English, of signed sentences that the model wrote and nobody
    changed."""
    characters: int
    """Characters of all signed sentences."""


@dataclass(frozen=True)
class Spread:
    """How values lie; quartiles by linear interpolation."""

    n: int
    mean: float
    low: float
    """First quartile."""
    median: float
    high: float
    """Third quartile."""


@dataclass(frozen=True)
class Corrected:
    """How often readers changed one finding, in reports: a report counts once."""

    code: str
    corrected: int
    """Certainty or side changed, or taken out in one place and put in at another."""
    deleted: int
    """Drafted, and taken out."""
    added: int
    """Not drafted, and put in."""

    @property
    def reports(self) -> int:
        """Reports in which it was changed."""
        return self.corrected + self.deleted + self.added


@dataclass(frozen=True)
class Figures:
    """Signatures of one group: of a week, of an adapter, of some weeks together."""

    drafts: int
    """Drafts made, redrafts too, whether signed by now or not."""
    signed: int
    """First versions signed; all figures below are of these."""
    amended: int
    """Later versions signed; counted here and nowhere else."""
    unchanged: int
    edits: Mapping[Edit, int]
    """Every `Edit` -> sentences."""
    distance: Spread | None
    """None without a signature on a draft."""
    minutes: Spread | None
    """From opening to signing, over the signatures for which that is known."""
    corrected: tuple[Corrected, ...]
    """Most often corrected first."""
    untouched: int
    characters: int

    @property
    def sentences(self) -> int:
        """Drafted and added sentences."""
        return sum(self.edits.values())

    @property
    def unchanged_share(self) -> float | None:
        """0 to 1; None without a signature."""
        return self.unchanged / self.signed if self.signed else None

    @property
    def untouched_share(self) -> float | None:
        """Share of the signed characters that is model text left as it was."""
        return self.untouched / self.characters if self.characters else None

    @property
    def shares(self) -> Mapping[Edit, float] | None:
        """What became of the sentences, adding up to 1; None without one."""
        total = self.sentences
        return {edit: n / total for edit, n in self.edits.items()} if total else None

    @property
    def changes(self) -> int:
        """Sentences that state something else than the draft did: corrected, deleted, added."""
        return sum(self.edits[edit] for edit in (Edit.CORRECTED, Edit.DELETED, Edit.ADDED))


class Kind(StrEnum):
    """Why another model serves from now on."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Turn:
    """A promotion or a rollback, and what readers did before and after it."""

    at: datetime
    kind: Kind
    adapter_id: str | None
    """What serves from then on; None for the base model."""
    before: Figures
    """Of the 28 days before it, from the turn before on where that is nearer."""
    after: Figures
    """Of the 28 days after it, up to the next turn where that is nearer."""


@dataclass(frozen=True)
class AdapterFigures:
    """What became of one adapter's drafts in one week."""

    adapter_id: str | None
    """None for the base model."""
    figures: Figures


@dataclass(frozen=True)
class WeekFigures:
    """One week of one site."""

    week: Week
    all: Figures
    """Of all drafts, whichever adapter made them."""
    adapters: tuple[AdapterFigures, ...]
    """The same by what drafted; the base model first."""
    unaided: Figures
    """Reports that people wrote without a draft; their edits and distances mean nothing."""


@dataclass(frozen=True)
class Slope:
    """A least-squares line through weekly values, each week counting the same."""

    per_week: float
    low: float
    """95% interval of `per_week`, by Student's t with `weeks` - 2 degrees of freedom."""
    high: float
    weeks: int


@dataclass(frozen=True)
class Guard:
    """Whether the loop may be feeding on itself; see `guard.watch` for the rule."""

    slope: Slope | None
    """Of the untouched share per week over the shown weeks; None below three weeks."""
    recent: Figures
    """Of the last four weeks up to the newest signature on a draft."""
    earlier: Figures
    """Of the four weeks before those."""
    warning: bool


@dataclass(frozen=True)
class SiteTrend:
    """All that is known of one site."""

    site: str
    weeks: tuple[WeekFigures, ...]
    """Weeks in which something was drafted, signed or turned, oldest first."""
    shown: tuple[WeekFigures, ...]
    """Those of the newest `SHOWN_WEEKS` calendar weeks."""
    turns: tuple[Turn, ...]
    """Oldest first."""
    total: Figures
    """Of all drafts in `shown`."""
    unaided: int
    """Reports in `shown` that people wrote without a draft."""
    guard: Guard
