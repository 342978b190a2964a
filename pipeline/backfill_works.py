"""The four kinds of work on old studies: each makes what a study lacks, and says what is to be
written in the transaction that settles it.

Making is repeatable: who is killed in between leaves nothing that a second try would double. What a
person writes or has signed is changed by none of them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import httpx

from radraft.core.errors import BackfillError, NotFound, RadraftError, SettingsError
from radraft.core.scratch import ScratchFolder
from radraft.llm.endpoint import Probe
from radraft.llm.support import SCORED_AT_ONCE
from radraft.pipeline import adapter_router, draft as draft_steps
from radraft.pipeline.draft_worker import GONE
from radraft.prompts.build import request_json
from radraft.reports.values import Coverage, ReportState
from radraft.store import backfills, cases, drafts, images, instances, quality, retention
from radraft.store.backfills import WAITING_FOR_READERS, Work
from radraft.store.tables import ReportRow
from radraft.studies.deidentify import deidentify
from radraft.studies.quality.check import check
from radraft.studies.quality.judge import judge
from radraft.studies.read import read
from radraft.studies.values import CheckedStudy

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.core.settings import Settings
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.prompts.values import DraftRequest
    from radraft.reports.draft import Draft
    from radraft.store.database import Store
    from radraft.studies.features import FeatureExtractor
    from radraft.vision_encoder.encode import Encoder

Keep = Callable[["Session"], None]
"""Writes what was made, in the transaction that settles the study. LeftOut where it must not."""
IMAGES_GONE = frozenset({"images_dropped", "image_not_found", "backfill_originals_gone"})
"""Codes of a study whose images are not there any more: no failure, and no other try helps."""
MADE_WITHOUT = (ReportState.DRAFTED, ReportState.SIGNED)
"""States of a report that nobody is writing."""


class LeftOut(BackfillError):
    """Nothing is to be done for this study; its code says why."""


class Worked(Protocol):
    """One kind of work."""

    async def __aenter__(self) -> Self:
        """Have ready what it needs."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""

    async def ready(self) -> bool:
        """Whether work can be done now; where not, nothing is taken."""

    async def blames(self, error: RadraftError) -> bool:
        """Whether a failure counts against its study, and not against what all of them need."""

    async def make(self, case_id: str) -> Keep:
        """Make what the study lacks. LeftOut; RadraftError as the steps raise it."""


class _OnThisMachine:
    """Work that needs no vLLM."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def ready(self) -> bool:
        """Whether work can be done now: always."""
        return True

    async def blames(self, error: RadraftError) -> bool:
        """Whether a failure counts against its study: always."""
        return True

    async def make(self, case_id: str) -> Keep:
        """Make what the study lacks, in a thread."""
        return await asyncio.to_thread(self._make, case_id)

    def _make(self, case_id: str) -> Keep:
        raise NotImplementedError


class Drafting:
    """Drafts past studies that have no report. The draft stands by itself: no report is opened and
    no worklist changes."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        profile: Profile,
        *,
        endpoint: Callable[[], Endpoint | None],
        vision: Callable[[], draft_steps.VisionModel | None],
    ) -> None:
        """`endpoint()` gives a vLLM that answers now, or None while there is none."""
        self._store = store
        self._profile = profile
        self._endpoint = endpoint
        self._vision = vision
        self._timeout_s = settings.draft_timeout_s
        self._router = adapter_router.Router(store, settings.adapters_dir)
        self._stack = AsyncExitStack()
        self._gone = False

    async def __aenter__(self) -> Self:
        client = httpx.AsyncClient(trust_env=False)
        self._client = await self._stack.enter_async_context(client)
        self._scoring = asyncio.Semaphore(SCORED_AT_ONCE)
        self._loading = asyncio.Lock()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def ready(self) -> bool:
        """Whether vLLM answers; it is asked itself after a draft that broke off."""
        endpoint = self._endpoint()
        if endpoint is None:
            return False
        if self._gone:
            self._gone = not await asyncio.to_thread(Probe(endpoint).healthy)
        return not self._gone

    async def blames(self, error: RadraftError) -> bool:
        """Whether a failure counts against its study: not where vLLM went away."""
        if error.code not in GONE:
            return True
        self._gone = True
        return await self.ready()

    async def make(self, case_id: str) -> Keep:
        """Draft the study with what its site serves."""
        endpoint = self._endpoint()
        if endpoint is None:
            raise BackfillError("llm_unreachable")
        if not await asyncio.to_thread(self._wanted, case_id):
            raise LeftOut("backfill_has_report")
        made, request = await adapter_router.make_draft(
            case_id, store=self._store, router=self._router, base=await self._drafter(endpoint)
        )
        code = made.error_code or "llm_bad_format"
        if made.coverage is Coverage.FAILED:
            raise BackfillError(code)
        if made.coverage is not Coverage.DRAFTED:
            raise LeftOut(code)
        return lambda session: _keep_draft(session, made, request)

    def _wanted(self, case_id: str) -> bool:
        with self._store.read() as session:
            return drafts.may_be_kept(session, case_id)

    async def _drafter(self, endpoint: Endpoint) -> draft_steps.Drafter:
        # One at a time: the first loads the encoder, and the others find it.
        async with self._loading:
            vision = await asyncio.to_thread(self._vision)
        return draft_steps.Drafter(
            self._profile, endpoint, self._client, vision, self._timeout_s, self._scoring
        )


class Embedding(_OnThisMachine):
    """Embeds key images; those that are embedded are left as they are. With `reads` it keeps what
    the encoder's finding heads make of them too."""

    def __init__(self, store: Store, encoder: Encoder, *, reads: bool) -> None:
        """SettingsError `backfill_no_heads` where findings are wanted of an encoder without."""
        if reads and not encoder.heads.ids:
            raise SettingsError("backfill_no_heads", encoder=encoder.encoder_id)
        self._store = store
        self._encoder = encoder
        self._reads = reads

    def _make(self, case_id: str) -> Keep:
        from radraft.vision_encoder.encode import encode

        with self._store.read() as session:
            shown = images.load(session, self._store.objects, case_id)
        if not shown.images:
            raise LeftOut("backfill_no_images")
        found = encode(shown, self._encoder, self._store.objects)

        def keep(session: Session) -> None:
            if self._reads:
                scores = {str(code): float(score) for code, score in found.finding_scores.items()}
                backfills.save_scores(session, case_id, found.encoder_id, scores, found.image_ids)

        return keep


class Measuring(_OnThisMachine):
    """Judges the image quality of studies anew, from the files that they came as. The verdict of a
    study that waits for its draft, or whose report is being written, stays."""

    def __init__(
        self, store: Store, scratch: Path, extractor: Callable[[], FeatureExtractor | None]
    ) -> None:
        self._store = store
        self._scratch = scratch
        self._extractor = extractor

    def _make(self, case_id: str) -> Keep:
        with self._store.read() as session:
            _not_in_work(session, case_id)
            shown = images.load(session, self._store.objects, case_id)
            keys = instances.original_keys(session, case_id)
        if not shown.images:
            raise LeftOut("backfill_no_images")
        with ScratchFolder(self._scratch, "backfill-") as folder:
            found = judge(self._checked(case_id, keys, folder), shown, self._extractor())

        def keep(session: Session) -> None:
            cases.lock(session, case_id)
            _not_in_work(session, case_id)
            quality.save(session, case_id, found)

        return keep

    def _checked(self, case_id: str, keys: tuple[str, ...], folder: Path) -> CheckedStudy:
        """Return the study as its files say. StudyRejected; LeftOut where one of them is gone."""
        here = Path(tempfile.mkdtemp(dir=folder))
        for number, key in enumerate(keys):
            try:
                self._store.objects.get_file(key, here / f"{number:06d}.dcm")
            except NotFound:
                with self._store.read() as session:
                    dropped = retention.dropped(session, case_id) is not None
                code = "images_dropped" if dropped else "backfill_originals_gone"
                raise LeftOut(code, date="…") from None
        for study in read(here, folder).studies:
            checked = check(study)
            if deidentify(checked, self._store.secret).case_id == case_id:
                return checked
        raise LeftOut("backfill_originals_gone")


def made_for(
    work: Work,
    store: Store,
    settings: Settings,
    profile: Profile,
    endpoint: Callable[[], Endpoint | None],
) -> Worked:
    """Return the work of a kind. Errors as loading the encoder or checking weights has them."""
    from radraft.llm.launch import shares_cpu
    from radraft.pipeline.draft_batch import load_vision_model
    from radraft.pipeline.encoders import LoadedOnce, extractor_loader

    beside = shares_cpu(settings)
    if work is Work.DRAFT:
        profile.check_weights()
        vision = LoadedOnce(lambda: load_vision_model(profile, beside_llm=beside))
        return Drafting(store, settings, profile, endpoint=endpoint, vision=vision)
    if work is Work.QUALITY:
        return Measuring(store, settings.data_dir / "scratch", extractor_loader(store))
    from radraft.vision_encoder.encode import Encoder

    own = profile.encoder if profile.image_way == "embeds" else None
    encoder = Encoder.of(own, edition=profile.edition, beside_llm=beside)
    return Embedding(store, encoder, reads=work is Work.FINDINGS)


def _keep_draft(session: Session, made: Draft, request: DraftRequest | None) -> None:
    tokens = request.image_tokens if request is not None else None
    kept = drafts.keep_for_archived(
        session,
        made,
        request_json=request_json(request) if request is not None else None,
        encoder_id=tokens.encoder_id if tokens is not None else None,
        image_ids=request.image_ids if request is not None else (),
    )
    if not kept:
        raise LeftOut("backfill_has_report")


def _not_in_work(session: Session, case_id: str) -> None:
    """LeftOut `backfill_in_work` where a study waits for its draft or its report is written."""
    report = session.get(ReportRow, case_id, populate_existing=True)
    written = report is not None and report.state not in MADE_WITHOUT
    if written or cases.get_case(session, case_id).state in WAITING_FOR_READERS:
        raise LeftOut("backfill_in_work")
