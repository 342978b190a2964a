"""Drafts a set through the same line the product uses; a killed run goes on where it was."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from radraft import __version__
from radraft.core import canonical
from radraft.core.errors import EvalError, RadraftError
from radraft.core.settings import Settings
from radraft.eval.looks import perturb as perturbing
from radraft.eval.looks.donors import Candidate, donors
from radraft.eval.looks.intake import Intake, Taken, read_json, take_in, write_json
from radraft.eval.looks.values import Change, Perturbation
from radraft.eval.values import NOT_COVERED, WITHHELD, Drafted, SetItem
from radraft.llm.support import SCORED_AT_ONCE, Score, Scorer, SentenceSupport
from radraft.pipeline import draft, eligibility
from radraft.pipeline.encoders import extractor_loader
from radraft.prompts.templates import load_template
from radraft.reports import codec
from radraft.reports.values import Coverage, Report
from radraft.store import images
from radraft.store.database import Store, open_store

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.prompts.values import DraftRequest
    from radraft.studies.values import KeyImages

log = logging.getLogger("radraft.eval")

AT_ONCE = 16
TAKEN_AT_ONCE = 2
"""Every intake decodes in a process of its own."""
PASSING = frozenset({"llm_unreachable", "llm_refused", "llm_timeout", "llm_cut_off"})
"""Failures that say something of the moment and not of the item: tried again by the next run."""
BLANK = Perturbation(Change.BLANK)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Model:
    """A model that is served and ready to draft."""

    profile: Profile
    endpoint: Endpoint
    vision: draft.VisionModel | None
    adapter_id: str | None = None
    """Name of an adapter that vLLM has loaded. It must stand for one set of weights for ever:
    drafts are kept by it."""
    timeout_s: float = 300.0

    @cached_property
    def sha(self) -> str:
        """Canonical SHA-256 of everything beside the item that a draft depends on."""
        return canonical.sha256(
            {
                "radraft": __version__,
                "profile": self.profile.profile_hash,
                "template": load_template(self.profile.template).sha,
                "adapter": self.adapter_id,
                "encoder": self.vision.encoder.encoder_id if self.vision else None,
                "projector": self.vision.projector.projector_id if self.vision else None,
            }
        )


def draft_set(
    items: Sequence[SetItem],
    model: Model,
    *,
    keep: Path,
    perturb: Perturbation | None = None,
    support: bool = False,
    quality_gate: bool = False,
    progress: Progress | None = None,
) -> list[Drafted]:
    """One draft for each item, in order, up to 16 at once, as the profile samples them.

    `perturb` changes the key images before they are encoded; the prompt's text stays the item's
    own. With `support`, each sentence's image support is measured against a blank image. With
    `quality_gate`, what the product would not draft from is not drafted here (`WITHHELD`). What is
    finished is kept in `keep` (and so are the studies, which may hold identity) and never drafted
    again, except after a failure of vLLM's. What goes wrong with one item is its `failed` code.
    `progress(done, total)`. EvalError `eval_items_repeated`, `eval_looks_one_patient`.
    """
    for item_id, count in Counter(item.id for item in items).items():
        if count > 1:
            raise EvalError("eval_items_repeated", item=item_id)
    # A study that was judged stays judged: both kinds of run keep their own.
    taken = keep / "gated" if quality_gate else keep
    taken.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(Settings(data_dir=taken / "store"))
    judges = extractor_loader(store, lambda: model.vision) if quality_gate else None
    intake = Intake(store, model.profile, taken, judges)
    try:
        run = _Run(model, store, keep, perturb, support, intake)
        return asyncio.run(run.all(items, progress or (lambda done, total: None)))
    finally:
        store.close()


def drafted(item_id: str, report: Report, support: Sequence[SentenceSupport] = ()) -> Drafted:
    """A report as the metrics take it."""
    return Drafted(
        item_id,
        zh=tuple(sentence.zh for sentence in report.sentences),
        en=tuple(sentence.en for sentence in report.sentences),
        support=tuple(gain.nats for gain in support),
    )


@dataclass(frozen=True)
class _Run:
    """One call of `draft_set`."""

    model: Model
    store: Store
    keep: Path
    perturb: Perturbation | None
    support: bool
    intake: Intake

    async def all(self, items: Sequence[SetItem], progress: Progress) -> list[Drafted]:
        model = self.model
        readers = asyncio.Semaphore(TAKEN_AT_ONCE)

        async def taken_in(item: SetItem) -> Taken:
            async with readers:
                return await asyncio.to_thread(take_in, item, self.intake)

        taken = {study.item.id: study for study in await asyncio.gather(*map(taken_in, items))}
        given = self._donors(taken.values())
        slots = asyncio.Semaphore(min(AT_ONCE, model.profile.vllm.max_num_seqs))
        scoring = asyncio.Semaphore(SCORED_AT_ONCE)
        done = 0
        async with httpx.AsyncClient(trust_env=False) as client:

            async def one(own: Taken) -> Drafted:
                nonlocal done
                donor = taken[given[own.item.id]] if own.item.id in given else None
                result = await _Item(self, own, donor, client).drafted(slots, scoring)
                done += 1
                progress(done, len(items))
                return result

            return list(await asyncio.gather(*map(one, taken.values())))

    def _donors(self, taken: Iterable[Taken]) -> dict[str, str]:
        if self.perturb is None:
            return {}
        covers = self.model.profile.covers
        covered = [
            Candidate(study.item.id, study.case.patient_ref, study.case.view.value)
            for study in taken
            if study.case and covers(study.case.modality, study.case.body_part, study.case.view)
        ]
        return donors(covered, self.perturb)


@dataclass(frozen=True)
class _Item:
    """One item of a run."""

    run: _Run
    own: Taken
    donor: Taken | None
    client: httpx.AsyncClient

    async def drafted(self, slots: asyncio.Semaphore, scoring: asyncio.Semaphore) -> Drafted:
        item_id = self.own.item.id
        if self.own.failed is not None:
            return Drafted(item_id, (), (), failed=self.own.failed)
        # Before what is kept: a run without the gate may have drafted from what this one withholds.
        barred = await asyncio.to_thread(self._barred)
        if barred is not None:
            return Drafted(item_id, (), (), failed=barred)
        path = self.run.keep / "drafts" / f"{self._key()}.json"
        kept = read_json(path)
        if kept is None:
            async with slots:
                kept = await self._draft()
            if kept["failed"] not in PASSING:
                write_json(path, kept)
        if kept["failed"] is not None:
            return Drafted(item_id, (), (), failed=kept["failed"])
        report = codec.stored_report(kept["report"])
        if not self.run.support:
            return drafted(item_id, report)
        return await self._supported(report, scoring)

    def _barred(self) -> str | None:
        """Return why the product would not draft from the item; None where it would."""
        assert self.own.case is not None
        with self.run.store.read() as session:
            no = eligibility.barred(session, self.run.model.profile, self.own.case)
        if no is None:
            return None
        return WITHHELD if no.why in eligibility.WITHHELD.values() else NOT_COVERED

    async def _draft(self) -> dict[str, Any]:
        model = self.run.model
        try:
            request = await asyncio.to_thread(self._prepare, self.run.perturb)
            assert not isinstance(request, eligibility.Barred)
            result = await draft.ask(
                request,
                store=self.run.store,
                profile=model.profile,
                endpoint=model.endpoint,
                client=self.client,
                timeout_s=model.timeout_s,
            )
        except RadraftError as error:
            return {"failed": error.code}
        if result.coverage is not Coverage.DRAFTED:
            return {"failed": result.error_code}
        return {
            "failed": None,
            "report": codec.report_to_json(result.report),
            "request_sha": result.request_sha,
            "usage": asdict(result.usage) if result.usage else None,
        }

    async def _supported(self, report: Report, scoring: asyncio.Semaphore) -> Drafted:
        key = canonical.sha256([self._key(), BLANK.name, perturbing.VERSION])
        path = self.run.keep / "support" / f"{key}.json"
        kept = read_json(path)
        if kept is None:
            try:
                async with scoring:
                    measured = await self._measure(report)
            except RadraftError as error:
                log.warning("support of %s was not measured: %s", report.case_id, error.code)
                unknown = (None,) * len(report.sentences)
                return replace(drafted(self.own.item.id, report), support=unknown)
            kept = [asdict(draft) for draft in measured]
            write_json(path, kept)
        support = [
            SentenceSupport(row["sentence_id"], Score(**row["zh"]), Score(**row["en"]))
            for row in kept
        ]
        return drafted(self.own.item.id, report, support)

    async def _measure(self, report: Report) -> tuple[SentenceSupport, ...]:
        model = self.run.model
        request = await asyncio.to_thread(self._prepare, self.run.perturb)
        blank = await asyncio.to_thread(self._prepare, BLANK)
        assert not isinstance(request, eligibility.Barred)
        assert not isinstance(blank, eligibility.Barred)
        scorer = Scorer(model.profile, model.endpoint, self.client, model.timeout_s)
        return await scorer.support(report, request, blank)

    def _prepare(self, perturbation: Perturbation | None) -> DraftRequest | eligibility.Barred:
        """Return the line's own preparation, with the key images changed."""
        assert self.own.case is not None
        run = self.run
        return draft.prepare(
            self.own.case.case_id,
            store=run.store,
            profile=run.model.profile,
            vision=run.model.vision,
            adapter_id=run.model.adapter_id,
            images=self._changed_images(perturbation) if perturbation is not None else None,
        )

    def _changed_images(self, perturbation: Perturbation) -> KeyImages:
        """Return the item's key images, changed."""
        assert self.own.case is not None
        store, donor = self.run.store, None
        with store.read() as session:
            own = images.load(session, store.objects, self.own.case.case_id)
            if self.donor is not None and self.donor.case is not None:
                donor = images.load(session, store.objects, self.donor.case.case_id)
        return perturbing.changed(own, perturbation, donor)

    def _key(self) -> str:
        changed = self.run.perturb
        return canonical.sha256(
            {
                "content": self.own.sha,
                "model": self.run.model.sha,
                "change": changed.name if changed else None,
                "change_version": perturbing.VERSION if changed else None,
                "donor": self.donor.sha if self.donor else None,
            }
        )
