"""One site's turns: take in, draft with what serves, have the reader edit and sign, adapt, gate,
promote. Everything but the reader is the product's own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from radraft.bench.rehearsal.course import Move
from radraft.bench.rehearsal.desk import Desk, desk
from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.reader import read
from radraft.bench.rehearsal.values import Film, Truth
from radraft.core.errors import AdapterError
from radraft.eval.result import rounded
from radraft.finetune.adapt.recipe import AdaptRecipe
from radraft.finetune.adapt.run import adapt
from radraft.finetune.adapt.values import Progress
from radraft.finetune.gate.run import gate
from radraft.llm.adapter import Check, GateRecord, GateStage
from radraft.pipeline import draft as draft_steps, draft_batch, promotion
from radraft.pipeline.ingest import ingest
from radraft.pipeline.service import Service
from radraft.reports.values import Coverage, ReportState
from radraft.store import adapters, cases, pairs

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.endpoint import Endpoint
    from radraft.llm.profiles import Profile
    from radraft.store.database import Store

READER = "rehearsal-reader"
PERSON = "rehearsal"
"""Who confirms what a person confirms in a hospital."""
LEAST_S, MOST_S = 60.0, 200.0
"""Seconds from opening a study to signing it, drawn for each."""
TAKEN_AT_ONCE = 2
Cases = Mapping[str, str]
"""Item id -> case id."""


@dataclass(frozen=True)
class Hospital:
    """The product as it runs at both sites: one store, one vLLM."""

    store: Store
    settings: Settings
    profile: Profile
    endpoint: Endpoint
    vision: draft_steps.VisionModel | None
    recipe: AdaptRecipe
    seed: int

    def take_in(self, films: Sequence[Film], site: str, move: Move) -> dict[str, str]:
        """Item id -> case id, of new studies and of known ones; what is rejected is not there."""

        def one(film: Film) -> str | None:
            found = ingest(
                film.item.study,
                store=self.store,
                profile=self.profile,
                site=site,
                scratch=self.settings.data_dir / "scratch",
            )
            return next(iter(found.cases + found.known), None)

        taken: dict[str, str] = {}
        with ThreadPoolExecutor(TAKEN_AT_ONCE) as pool:
            for done, (film, case_id) in enumerate(
                zip(films, pool.map(one, films), strict=True), 1
            ):
                if case_id is not None:
                    taken[film.item.id] = case_id
                move(done / len(films))
        return taken

    def draft(self, taken: Cases, move: Move) -> dict[str, int]:
        """Drafts what waits, by adapter; the base is named `base`."""
        with self.store.read() as session:
            states = {case_id: cases.get_case(session, case_id).state for case_id in taken.values()}
        waiting = [one for one, state in states.items() if state is not cases.CaseState.DRAFTED]
        done = 0

        def count(outcome: object) -> None:
            nonlocal done
            done += 1
            move(done / len(waiting))

        asyncio.run(
            draft_batch.draft_many(
                waiting,
                store=self.store,
                settings=self.settings,
                profile=self.profile,
                endpoint=self.endpoint,
                vision=self.vision,
                on_outcome=count,
            )
        )
        return self._drafters(taken)

    def sign(
        self,
        films: Sequence[Film],
        taken: Cases,
        house: House,
        truths: Mapping[str, Truth],
        move: Move,
    ) -> dict[str, Any]:
        """The reader edits and signs what is not signed yet; figures of all that is."""
        service = Service(self.store, self.settings, self.profile)
        there = [film for film in films if film.item.id in taken]
        with desk(service, READER) as here:
            for done, film in enumerate(there, 1):
                self._sign(here, service, taken[film.item.id], house, truths[film.item.id])
                move(done / len(there))
        return self.edits(set(taken.values()), films[0].site)

    def edits(self, case_ids: set[str], site: str) -> dict[str, Any]:
        """How far the drafts of these cases were from what was signed."""
        with self.store.read() as session:
            found = [pair for pair in pairs.pairs(session, site) if pair.case_id in case_ids]
        changes = Counter(edit.edit.value for pair in found for edit in pair.stats.sentences)
        return {
            "signed": len(found),
            "undrafted": len(case_ids) - len(found),
            "distance_zh": rounded(fmean(pair.stats.distance_zh for pair in found)),
            "distance_en": rounded(fmean(pair.stats.distance_en for pair in found)),
            "sentences": dict(sorted(changes.items())),
            "sided": sum(any(_sides(pair.signed.report.sentences)) for pair in found),
        }

    def adapt(self, site: str, run: Path, move: Move) -> dict[str, Any]:
        """The next candidate, or which check of the signed reports stopped the batch."""

        def step(progress: Progress) -> None:
            move(progress.part)

        try:
            made = adapt(
                site,
                store=self.store,
                settings=self.settings,
                profile=self.profile,
                recipe=self.recipe,
                run=run,
                seed=self.seed,
                start="serving",
                by=PERSON,
                on_step=step,
            )
        except AdapterError as error:
            if error.code != "adapt_batch_stopped":
                raise
            return {"adapter": None, "record": self._stopped(site)}
        return {
            "adapter": made.adapter_id,
            "parent": made.parent,
            "counts": made.card["counts"],
            "left_out": made.card["left_out"],
            "losses": made.card["losses"],
            "batch": made.card["batch"],
        }

    def gate(self, adapter_id: str, move: Move) -> dict[str, Any]:
        """The gate's decision on a candidate; the one it took already, where it did."""
        with self.store.read() as session:
            known = adapters.records(session, adapter_id=adapter_id)
        if known:
            return told(known[-1])
        decided = gate(
            adapter_id,
            store=self.store,
            settings=self.settings,
            profile=self.profile,
            endpoint=self.endpoint,
            vision=self.vision,
            by=PERSON,
            on_progress=lambda what, part: move(part),
        )
        return told(decided)

    def promote(self, site: str, adapter_id: str | None) -> str | None:
        """Has the adapter serve, where one passed; what serves at the site then."""
        if adapter_id is not None and self.serving(site) != adapter_id:
            promotion.promote(
                adapter_id,
                store=self.store,
                settings=self.settings,
                profile=self.profile,
                by=PERSON,
            )
        return self.serving(site)

    def serving(self, site: str) -> str | None:
        """What drafts at the site; None for the base."""
        with self.store.read() as session:
            found = adapters.route(session, site).serving
        return found.adapter_id if found else None

    def _sign(self, here: Desk, service: Service, case_id: str, house: House, truth: Truth) -> None:
        view = service.case_view(case_id)
        drafted = view.draft is not None and view.draft.coverage is Coverage.DRAFTED
        if view.working.state is ReportState.SIGNED or not drafted:
            return
        seconds = random.Random(f"{self.seed}:{case_id}").uniform(LEAST_S, MOST_S)
        here.opened(case_id, seconds)
        report = read(view.working.report, house, truth)
        saved = here.save(case_id, report, view.working.revision)
        here.notify(case_id)
        here.sign(case_id, saved)

    def _drafters(self, taken: Cases) -> dict[str, int]:
        from radraft.store import drafts

        found: Counter[str] = Counter()
        with self.store.read() as session:
            for case_id in taken.values():
                kept = drafts.latest(session, case_id)
                if kept is None or kept.draft.coverage is not Coverage.DRAFTED:
                    found["none"] += 1
                else:
                    found[kept.draft.adapter_id or "base"] += 1
        return dict(sorted(found.items()))

    def _stopped(self, site: str) -> dict[str, Any]:
        with self.store.read() as session:
            found = adapters.records(session, site=site)
        return told(
            next(decision for decision in reversed(found) if decision.stage is GateStage.BATCH)
        )


def told(record: GateRecord) -> dict[str, Any]:
    """A decision as the rehearsal keeps it: figures, and no case."""
    return {
        "stage": record.stage,
        "passed": record.passed,
        "checks": [_check(check) for check in record.checks],
        "failed": [failure.code for failure in record.failed],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        name: rounded(value) if isinstance(value, float) else value
        for name, value in check.figures.items()
    }


def _sides(sentences: Sequence[Any]) -> list[bool]:
    from radraft.reports.checks.sides import named_sides

    return [bool(named_sides(sentence.en, "en")) for sentence in sentences]
