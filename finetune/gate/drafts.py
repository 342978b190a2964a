"""Drafts of the frozen cases by the candidate and by what serves, side by side on one vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from radraft.core import canonical
from radraft.core.errors import DraftingError, EvalError
from radraft.eval.draft_set import AT_ONCE, PASSING, drafted
from radraft.eval.looks import perturb
from radraft.eval.looks.donors import Candidate, donors
from radraft.eval.looks.intake import read_json, write_json
from radraft.eval.looks.values import Change, Perturbation
from radraft.eval.values import NOT_COVERED, Drafted
from radraft.finetune.gate.limits import AdapterLimits
from radraft.pipeline import adapter_router, draft as draft_steps
from radraft.pipeline.eligibility import Barred
from radraft.reports import codec
from radraft.reports.values import Coverage
from radraft.store import cases, images

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.prompts.values import DraftRequest
    from radraft.store.database import Store

OTHERS = Perturbation(Change.SHUFFLED)
"""Another patient's key images of the same view."""
ELSEWHERE = frozenset({"llm_unreachable", "llm_refused"})
"""Failures that say nothing of who drafts."""
TRIES = 2
FOLDER = "gate"

Progress = Callable[[str, float], None]
"""Called with what is done and the part of it, 0 to 1."""


@dataclass(frozen=True)
class Writer:
    """What drafts: the base model, or an adapter that vLLM is to load."""

    adapter_id: str | None
    folder: Path | None
    """The adapter's verified files."""
    vision: draft_steps.VisionModel | None

    @classmethod
    def of(
        cls, adapter_id: str | None, folder: Path | None, vision: draft_steps.VisionModel | None
    ) -> Writer:
        """With the adapter's own projector where it has one."""
        own = None if folder is None else adapter_router.own_projector(folder)
        return cls(adapter_id, folder, adapter_router.seeing_by(vision, own))


@dataclass(frozen=True)
class Pace:
    """What one draft cost that was made in this run."""

    seconds: float
    tokens: int
    """Written ones."""


@dataclass(frozen=True)
class Drafts:
    """All drafts of one writer."""

    own: tuple[Drafted, ...]
    """In the order of the cases."""
    others: tuple[Drafted, ...]
    """From another patient's images, of the cases in `Both.shuffled`."""
    paces: tuple[Pace, ...]


@dataclass(frozen=True)
class Both:
    """What the checks compare."""

    candidate: Drafts
    serving: Drafts
    shuffled: tuple[str, ...]
    """Cases that were drafted from another patient's images too; empty where one patient has so
    many of the cases that there is no other."""


@dataclass(frozen=True)
class Desk:
    """Where drafts are made and kept."""

    store: Store
    settings: Settings
    profile: Profile
    endpoint: Endpoint
    candidate: Writer
    serving: Writer
    on_progress: Progress = field(default=lambda text, part: None)

    @property
    def writers(self) -> tuple[Writer, Writer]:
        """Candidate and serving."""
        return self.candidate, self.serving

    def draft(self, case_ids: Sequence[str], held: AdapterLimits) -> Both:
        """Drafts of `case_ids` by both writers, at most 16 at once, the two taking turns so that
        load hits both alike.

        The first `held.speed_most` cases are drafted anew by both, which gives the paces; what
        else was drafted before is read from `gate/` in the data folder, so a killed run goes on
        and a serving adapter's drafts last. DraftingError `llm_unreachable` or `llm_refused` where
        that is why a case has no draft; what a writer does wrong is its draft's `failed`.
        """
        return asyncio.run(_Run(self, held).both(case_ids))


@dataclass(frozen=True)
class _Job:
    case_id: str
    writer: Writer
    donor: str | None = None
    """Case whose key images take the place of its own."""
    anew: bool = False


@dataclass(frozen=True)
class _Kept:
    failed: str | None
    report: str | None
    """Canonical JSON."""
    seconds: float
    tokens: int
    anew: bool = False


@dataclass
class _Run:
    desk: Desk
    held: AdapterLimits
    done: int = 0
    total: int = 0

    async def both(self, case_ids: Sequence[str]) -> Both:
        given = self._donors(case_ids[: self.held.others_most])
        timed = case_ids[: self.held.speed_most]
        plan = [
            [*self._turns(timed, anew=True)],
            [*self._turns(case_ids[len(timed) :])],
            [*self._turns([*given], given)],
        ]
        self.total = sum(map(len, plan))
        slots = asyncio.Semaphore(min(AT_ONCE, self.desk.profile.vllm.max_num_seqs))
        found: dict[_Job, _Kept] = {}
        async with httpx.AsyncClient(trust_env=False) as client:
            await self._load(client)
            # The timed ones by themselves: nothing read from disk makes one writer's load lighter.
            for jobs in plan:
                answers = await asyncio.gather(*(self._one(job, slots, client) for job in jobs))
                found |= dict(zip(jobs, answers, strict=True))
        candidate, serving = (self._of(writer, found, case_ids) for writer in self.desk.writers)
        return Both(candidate, serving, tuple(given))

    def _turns(
        self, case_ids: Sequence[str], given: dict[str, str] | None = None, *, anew: bool = False
    ) -> Iterator[_Job]:
        for place, case_id in enumerate(case_ids):
            donor = given[case_id] if given else None
            # Who is first takes turns too.
            writers = self.desk.writers if place % 2 else self.desk.writers[::-1]
            for writer in writers:
                yield _Job(case_id, writer, donor, anew)

    async def _load(self, client: httpx.AsyncClient) -> None:
        from radraft.llm import adapter_loader

        for writer in self.desk.writers:
            if writer.adapter_id is not None and writer.folder is not None:
                await adapter_loader.ensure(
                    self.desk.endpoint, writer.adapter_id, writer.folder, client
                )

    def _donors(self, case_ids: Sequence[str]) -> dict[str, str]:
        with self.desk.store.read() as session:
            studies = [cases.deid_study(session, case_id) for case_id in case_ids]
        candidates = [
            Candidate(study.case_id, study.patient_ref, study.view.value) for study in studies
        ]
        try:
            return donors(candidates, OTHERS)
        except EvalError:
            return {}

    async def _one(self, job: _Job, slots: asyncio.Semaphore, client: httpx.AsyncClient) -> _Kept:
        async with slots:
            request = await asyncio.to_thread(self._prepare, job)
            kept = await self._answer(job, request, client)
        self.done += 1
        self.desk.on_progress("drafting", self.done / self.total)
        return kept

    async def _answer(
        self, job: _Job, request: DraftRequest | Barred, client: httpx.AsyncClient
    ) -> _Kept:
        if isinstance(request, Barred):
            return _Kept(NOT_COVERED, None, 0.0, 0)
        path = self._path(job, request)
        known: Any = None if job.anew else read_json(path)
        if known is not None:
            return _Kept(**known)
        for _ in range(TRIES):
            kept = await self._ask(job, request, client)
            if kept.failed not in PASSING:
                plain = {
                    name: getattr(kept, name) for name in ("failed", "report", "seconds", "tokens")
                }
                write_json(path, plain)
                return kept
        if kept.failed in ELSEWHERE:
            raise DraftingError(kept.failed)
        return kept

    async def _ask(self, job: _Job, request: DraftRequest, client: httpx.AsyncClient) -> _Kept:
        desk = self.desk
        result = await draft_steps.ask(
            request,
            store=desk.store,
            profile=desk.profile,
            endpoint=desk.endpoint,
            client=client,
            timeout_s=desk.settings.draft_timeout_s,
        )
        done = result.coverage is Coverage.DRAFTED
        return _Kept(
            failed=None if done else result.error_code,
            report=codec.report_to_json(result.report) if done else None,
            seconds=result.usage.seconds if result.usage else 0.0,
            tokens=result.usage.completion_tokens if result.usage else 0,
            anew=job.anew,
        )

    def _prepare(self, job: _Job) -> DraftRequest | Barred:
        store, shown = self.desk.store, None
        if job.donor is not None:
            with store.read() as session:
                own = images.load(session, store.objects, job.case_id)
                donor = images.load(session, store.objects, job.donor)
            shown = perturb.changed(own, OTHERS, donor)
        return draft_steps.prepare(
            job.case_id,
            store=store,
            profile=self.desk.profile,
            vision=job.writer.vision,
            adapter_id=job.writer.adapter_id,
            images=shown,
        )

    def _path(self, job: _Job, request: DraftRequest) -> Path:
        vision = job.writer.vision
        key = {
            "adapter": job.writer.adapter_id,
            "request": request.request_sha,
            "profile": self.desk.profile.profile_hash,
            "projector": vision.projector.projector_id if vision else None,
        }
        return self.desk.settings.data_dir / FOLDER / f"{canonical.sha256(key)}.json"

    def _of(self, writer: Writer, found: dict[_Job, _Kept], case_ids: Sequence[str]) -> Drafts:
        mine = {job: kept for job, kept in found.items() if job.writer is writer}
        own = {job.case_id: kept for job, kept in mine.items() if job.donor is None}
        return Drafts(
            own=tuple(_drafted(case_id, own[case_id]) for case_id in case_ids),
            others=tuple(_drafted(job.case_id, kept) for job, kept in mine.items() if job.donor),
            paces=tuple(
                Pace(kept.seconds, kept.tokens)
                for kept in own.values()
                if kept.anew and kept.failed is None
            ),
        )


def _drafted(case_id: str, kept: _Kept) -> Drafted:
    if kept.report is None:
        return Drafted(case_id, (), (), failed=kept.failed)
    return drafted(case_id, codec.stored_report(kept.report))
