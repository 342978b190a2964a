"""`radraft draft`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.cli.context import Context, opened
from radraft.cli.intake import nothing_taken, take_in
from radraft.cli.output import Output, rejections_text
from radraft.cli.render import report_json, report_text
from radraft.core.errors import DraftingError
from radraft.reports.check import check
from radraft.reports.values import Coverage
from radraft.store import cases, drafts

if TYPE_CHECKING:
    from radraft.studies.values import Rejection


CASE_ID = re.compile(r"c-[0-9a-f]{16}")


def draft(target: str, again: bool, out: Output) -> None:
    """Draft what `target` names. Exit 1 when a draft failed, 3 when only some files were bad."""
    began = time.monotonic()
    with opened() as context:
        rejections: tuple[Rejection, ...] = ()
        if not CASE_ID.fullmatch(target):
            taken = take_in(Path(target), context, out)
            rejections = taken.rejections
            case_ids = taken.cases + taken.known
            if not case_ids:
                nothing_taken(taken, out)
        else:
            case_ids = (target,)
        todo = _claim(case_ids, again, context)
        if todo:
            _draft(todo, context, out)
        results = [drafted_json(case_id, context) for case_id in case_ids]
    for result in results:
        result["seconds"] = round(time.monotonic() - began, 3)
    _print(results, rejections, out)


def _claim(case_ids: Sequence[str], again: bool, context: Context) -> tuple[str, ...]:
    """The cases this process must draft; a running service may be drafting others of them."""
    mine = []
    with context.store.begin() as session:
        for case_id in case_ids:
            state = cases.get_case(session, case_id).state
            if again or state is cases.CaseState.FAILED:
                cases.requeue(session, case_id)
            if cases.claim_case(session, case_id):
                mine.append(case_id)
    return tuple(mine)


def _draft(case_ids: tuple[str, ...], context: Context, out: Output) -> None:
    from radraft.llm.server import connect
    from radraft.pipeline.draft_batch import draft_many, load_vision_model

    try:
        with (
            out.waiting("Starting vLLM") as move,
            connect(context.settings, context.profile, on_progress=move) as endpoint,
        ):
            vision = load_vision_model(context.profile)
            with out.progress() as progress:
                drafting = progress.add_task("Drafting", total=len(case_ids))
                asyncio.run(
                    draft_many(
                        case_ids,
                        store=context.store,
                        settings=context.settings,
                        profile=context.profile,
                        endpoint=endpoint,
                        vision=vision,
                        on_draft=lambda result: progress.advance(drafting),
                    )
                )
    except DraftingError as error:
        _give_up(case_ids, error, context)
        raise


def _give_up(case_ids: tuple[str, ...], error: DraftingError, context: Context) -> None:
    """Leave every study with an empty skeleton to write in, and the reason."""
    from radraft.llm import draft as llm_draft
    from radraft.pipeline import draft as line

    for case_id in case_ids:
        with context.store.begin() as session:
            line.save(session, llm_draft.failed(case_id, context.profile, error.code))


def drafted_json(case_id: str, context: Context) -> dict[str, Any]:
    """The printed form of a case's newest draft; `error` in place of a report where it failed."""
    with context.store.read() as session:
        case = cases.get_case(session, case_id)
        stored = drafts.latest(session, case_id)
    if stored is None:
        error = DraftingError("draft_pending", case_id=case_id)
        return {"case_id": case_id, "error": error.as_json()}
    result = stored.draft
    if result.coverage is Coverage.FAILED:
        error = DraftingError(result.error_code or "llm_unreachable")
        return {"case_id": case_id, "error": error.as_json()}
    covered = result.coverage is Coverage.DRAFTED
    printed: dict[str, Any] = {
        "case_id": case_id,
        "modality": case.modality,
        "covered": covered,
        "model": result.model_id if covered else None,
        "adapter": result.adapter_id,
        "report": report_json(result.report),
        "issues": check(result.report, result) if covered else (),
        "usage": result.usage,
    }
    if not covered and result.error_code:
        reason = DraftingError(result.error_code)
        printed["notice"] = {"zh": reason.message_zh, "en": reason.message_en}
    else:
        printed["notice"] = {"zh": context.profile.notice.zh, "en": context.profile.notice.en}
    return printed


def _print(results: list[dict[str, Any]], rejections: tuple[Rejection, ...], out: Output) -> None:
    value = results[0] if len(results) == 1 else {"drafts": results}
    if rejections:
        value = {**value, "rejections": rejections}
    text = "\n".join(_text(result) for result in results) + rejections_text(rejections)
    out.result(value, text)
    if any("error" in result for result in results):
        out.fail(1)
    if rejections:
        out.fail(3)


def _text(result: dict[str, Any]) -> str:
    if "error" in result:
        error = result["error"]
        return (
            f"{result['case_id']}  {error['code']}\n"
            f"  {error['message_zh']}\n  {error['message_en']}\n"
        )
    adapter = f" + {result['adapter']}" if result["adapter"] else ""
    head = f"{result['case_id']}  {result['modality']}  {result['model'] or '-'}{adapter}"
    notice = result["notice"]
    report = report_text(result["report"], result["issues"])
    return f"{head}\n  {notice['zh']}\n  {notice['en']}\n{report}"
