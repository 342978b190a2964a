"""`radraft draft`."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.cli.context import Context, opened
from radraft.cli.intake import nothing_taken, take_in
from radraft.cli.output import Output, rejections_text
from radraft.cli.render import report_json, report_text
from radraft.core.errors import DraftingError, RadraftError, stored_message
from radraft.reports.checks.run import proofread
from radraft.reports.values import Coverage
from radraft.store import cases, drafts
from radraft.store.values import CaseState

if TYPE_CHECKING:
    from radraft.pipeline.draft_case import DraftOutcome
    from radraft.reports.draft import Draft
    from radraft.studies.values import Rejection


CASE_ID = re.compile(r"c-[0-9a-f]{16}")


def draft(target: str, again: bool, out: Output) -> None:
    """Draft what `target` names, and print what came of each case.

    Exit 3 when only some could be drafted or some files were bad, 1 when none could.
    """
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
        outcomes = _draft(case_ids, again, context, out)
        errors = {outcome.case_id: outcome.error for outcome in outcomes}
        results = [drafted_json(case_id, context, errors.get(case_id)) for case_id in case_ids]
    for result in results:
        result["seconds"] = round(time.monotonic() - began, 3)
    _print(results, rejections, out)


def _draft(
    case_ids: tuple[str, ...], again: bool, context: Context, out: Output
) -> tuple[DraftOutcome, ...]:
    """Draft those of the cases that wait or failed, `again` all; a running service may be drafting
    others of them."""
    from radraft.llm.launch import shares_cpu
    from radraft.llm.server import connect
    from radraft.pipeline import draft_batch
    from radraft.pipeline.claims import Claims
    from radraft.reports.critical import load_rules

    rules = load_rules(context.settings.critical_values)
    with Claims(context.store, critical_rules=rules) as claims:
        todo = claims.claim_cases(case_ids, again=again)
        if not todo:
            return ()
        try:
            with (
                out.waiting("Starting vLLM") as move,
                connect(context.settings, context.profile, on_progress=move) as endpoint,
            ):
                vision = draft_batch.load_vision_model(
                    context.profile, beside_llm=shares_cpu(context.settings)
                )
                with out.progress() as progress:
                    drafting = progress.add_task("Drafting", total=len(todo))
                    return asyncio.run(
                        draft_batch.draft_claimed(
                            todo,
                            claims=claims,
                            settings=context.settings,
                            profile=context.profile,
                            endpoint=endpoint,
                            vision=vision,
                            on_outcome=lambda outcome: progress.advance(drafting),
                        )
                    )
        except DraftingError as error:
            # There is no vLLM: every study has an empty report to write in, and the reason.
            return draft_batch.give_up(todo, error, claims=claims, profile=context.profile)


def drafted_json(
    case_id: str, context: Context, error: RadraftError | None = None
) -> dict[str, Any]:
    """The printed form of a case's newest draft; `error` in place of a report where it failed.

    `error` given: why nothing was stored of the draft that was just made.
    """
    with context.store.read() as session:
        case = cases.get_case(session, case_id)
        stored = drafts.latest(session, case_id)
    if error is None and stored is None:
        error = DraftingError("draft_pending", case_id=case_id)
    elif error is None and case.state in (CaseState.RECEIVED, CaseState.DRAFTING):
        error = DraftingError("draft_not_claimed", case_id=case_id)
    if error is not None:
        return {"case_id": case_id, "error": error.as_json()}
    assert stored is not None
    result = stored.draft
    if result.coverage is Coverage.FAILED:
        return {"case_id": case_id, "error": _reason(result)}
    covered = result.coverage is Coverage.DRAFTED
    printed: dict[str, Any] = {
        "case_id": case_id,
        "modality": case.modality,
        "covered": covered,
        "model": result.model_id if covered else None,
        "adapter": result.adapter_id,
        "report": report_json(result.report),
        "issues": [i.as_json() for i in proofread(result.report, draft=result)] if covered else [],
        "usage": result.usage,
    }
    if not covered and result.error_code:
        zh, en = stored_message(result.error_code, result.error_details)
    else:
        notice = context.profile.notice_of(result.adapter_id)
        zh, en = notice.zh, notice.en
    printed["notice"] = {"zh": zh, "en": en}
    return printed


def _reason(draft: Draft) -> dict[str, Any]:
    code = draft.error_code or "llm_unreachable"
    zh, en = stored_message(code, draft.error_details)
    return {"code": code, "message_en": en, "message_zh": zh, "file": None}


def _print(results: list[dict[str, Any]], rejections: tuple[Rejection, ...], out: Output) -> None:
    value = results[0] if len(results) == 1 else {"drafts": results}
    if rejections:
        value = {**value, "rejections": rejections}
    text = "\n".join(_text(result) for result in results) + rejections_text(rejections)
    out.result(value, text)
    failed = sum("error" in result for result in results)
    if failed == len(results):
        out.fail(1)
    if failed or rejections:
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
