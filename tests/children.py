"""What child processes of tests run, forked from one that has imported it and read the words."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.orm import Session

from radraft.core.errors import AdapterError, ReportError
from radraft.core.settings import Settings
from radraft.reports import editing
from radraft.reports.training_pair import make_pair
from radraft.reports.values import Report, ReportState
from radraft.store import adapters, cases, drafts, leases, report_steps, reports
from radraft.store.database import open_store
from radraft.store.leases import Owner
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from tests.builders import actor, make_deid, make_sentence, make_study, person

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.children", "tests.words_read"])

_barrier: Barrier


def together(function: Callable[..., Any], *arguments: Any, processes: int) -> list[Any]:
    """What `function(*arguments)` gives in each of `processes` processes that start it at once."""
    return together_each(function, [arguments] * processes)


def together_each(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What `function` gives for the arguments of each call, in processes that start at once."""
    barrier = context.Barrier(len(calls))
    with context.Pool(len(calls), initializer=_hold, initargs=(barrier,)) as pool:
        return pool.starmap(_at_once, [(function, call) for call in calls], chunksize=1)


def killed(
    target: Callable[..., None], *arguments: Any, chance: Random, most: int, within: float
) -> list[Any]:
    """What a process that runs `target(*arguments, pipe)` told by `pipe` until it was killed: after
    fewer than `most` messages and up to `within` seconds, as `chance` has it."""
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=target, args=(*arguments, theirs))
    child.start()
    theirs.close()
    heard = [ours.recv() for _ in range(chance.randrange(1, most))]
    # The child goes on meanwhile, so the kill falls anywhere within what it does next.
    child.join(chance.uniform(0, within))
    child.kill()
    child.join()
    assert child.exitcode == -9
    # A message may have been cut off half way.
    with suppress(EOFError, OSError):
        while True:
            heard.append(ours.recv())
    ours.close()
    return heard


def _hold(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _at_once(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    # Nobody passes before all have come, so no process can take two of the calls.
    _barrier.wait()
    return function(*arguments)


def open_once(settings: Settings) -> bytes:
    """Open the store; its secret."""
    store = open_store(settings)
    store.close()
    return store.secret


def ingest(settings: Settings, numbers: list[int]) -> int:
    """Take the studies in, one transaction each; how many were new."""
    store = open_store(settings)
    added = 0
    for number in numbers:
        with store.begin() as session:
            added += cases.add_study(
                session,
                site="site-a",
                study=make_study(number),
                deid=make_deid(number),
                issues=(),
                original_keys=(),
            )
    store.close()
    return added


def claim_all(settings: Settings) -> list[str]:
    """Claim cases one by one until none is left."""
    store = open_store(settings)
    claimed: list[str] = []
    owner = Owner()
    while True:
        with store.begin() as session:
            got = leases.claim(session, owner, limit=1)
        if not got:
            store.close()
            return claimed
        claimed += got


def claim_as_told(settings: Settings, told: Connection) -> None:
    """Claim what waits, keep it, draft it, each when told so; says what came of it."""
    from tests.builders import make_draft, save_draft

    store = open_store(settings)
    owner = Owner()
    claimed: tuple[str, ...] = ()
    while True:
        what = told.recv()
        try:
            with store.begin() as session:
                if what == "claim":
                    claimed = leases.claim(session, owner, limit=9)
                    answer: object = claimed
                elif what == "beat":
                    answer = leases.beat(session, owner)
                else:
                    for case_id in claimed:
                        save_draft(session, make_draft(case_id), owner)
                    answer = "stored"
        except leases.LeaseLost as lost:
            answer = lost.code
        told.send(answer)


def save_and_sign(settings: Settings, case_ids: list[str], told: Connection) -> None:
    """Save, sign with its pair, amend, for ever; tells each commit once it is sure of it."""
    store = open_store(settings)
    counted = count()
    while True:
        for case_id in case_ids:
            for _ in range(3):
                text = f"第{next(counted)}句{os.getpid()}"
                with store.begin() as session:
                    before = reports.current(session, case_id)
                    report = replace(before.report, findings=(make_sentence("f1", text, text),))
                    saved = reports.save(
                        session, case_id, report, base_revision=before.revision, editor=person("李")
                    )
                told.send(("saved", case_id, saved.revision, text))
            with store.begin() as session:
                draft = drafts.basis(session, case_id)
                assert draft is not None
                now = datetime.now(UTC)
                signed = sign(
                    session, case_id, base_revision=saved.revision, signer=person("王"), now=now
                )
                ref = cases.get_case(session, case_id).patient_ref
                save_pair(session, make_pair(draft, signed, site="a", patient_ref=ref))
            told.send(("signed", case_id, signed.version, signed.content_sha))
            with store.begin() as session:
                report_steps.amend(
                    session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
                )


def pass_and_promote(settings: Settings, adapter_ids: list[str]) -> int:
    """Have each adapter pass the gate and be promoted; how many promotions were let in."""
    from tests.store.adapter_builders import decision

    store = open_store(settings)
    promoted = 0
    for adapter_id in adapter_ids:
        try:
            with store.begin() as session:
                adapters.record(session, decision(session, adapter_id))
            with store.begin() as session:
                adapters.promote(session, adapter_id, by=str(os.getpid()))
            promoted += 1
        except AdapterError:
            continue
    store.close()
    return promoted


def promote_and_roll_back(settings: Settings, folder: str, told: Connection) -> None:
    """Promote two new adapters and roll one back, for ever; tells what serves once it is sure."""
    from radraft.llm.profiles import load_profile
    from radraft.pipeline import promotion
    from tests.store.adapter_builders import SITE, decision, installed

    store = open_store(settings)
    profile = load_profile("qwen3-vl-8b-instruct")
    for number in count(os.getpid() * 1000):
        with store.begin() as session:
            adapter_id = installed(
                session, settings.adapters_dir, Path(folder), number, base=profile.model_id
            )
            adapters.record(session, decision(session, adapter_id))
        promotion.promote(adapter_id, store=store, settings=settings, profile=profile, by="李")
        told.send(adapter_id)
        if number % 2:
            back = promotion.roll_back(
                SITE, store=store, settings=settings, profile=profile, by="李", reason="差"
            )
            told.send(back.adapter_id if back else None)


def race_to_save(settings: Settings, case_id: str, base_revision: int) -> str:
    """Save a sentence of this process's own onto `base_revision`: what came of it."""
    store = open_store(settings)
    me = str(os.getpid())
    report = Report(case_id, (make_sentence("f1", me, me),), ())
    try:
        with store.begin() as session:
            reports.save(session, case_id, report, base_revision=base_revision, editor=person(me))
    except editing.RevisionConflict as conflict:
        assert conflict.changes[0].editor == conflict.current.editor
        return "conflict"
    finally:
        store.close()
    return me


def race_to_dismiss(settings: Settings, case_id: str, key: str) -> str:
    """Dismiss a warning as this process's own reader: what came of it."""
    from radraft.pipeline.proofreading import Proofreader
    from radraft.reports.dismissal import DismissalReason

    store = open_store(settings)
    try:
        Proofreader(store).dismiss(
            case_id,
            key,
            base_revision=1,
            reason=DismissalReason.WRONG_WARNING,
            text="",
            actor=actor(f"reader-{os.getpid()}"),
        )
    except ReportError as error:
        return error.code
    finally:
        store.close()
    return "dismissed"


def sign_and_amend(settings: Settings, case_ids: list[str], times: int) -> int:
    """Sign each case `times` times over with an amendment between; how many versions that made."""
    store = open_store(settings)
    for _ in range(times):
        for case_id in case_ids:
            with store.begin() as session:
                now = reports.current(session, case_id)
                sign(
                    session,
                    case_id,
                    base_revision=now.revision,
                    signer=person("王"),
                    now=datetime.now(UTC),
                )
                report_steps.amend(
                    session, case_id, editor=person("王"), reason="更正", now=datetime.now(UTC)
                )
    store.close()
    return times * len(case_ids)


def reopen(session: Session, case_id: str) -> None:
    """Amend the case's report where it is signed."""
    if reports.current(session, case_id).state is ReportState.SIGNED:
        report_steps.amend(
            session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
        )
