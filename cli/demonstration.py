"""`radraft demo`: the whole line on the bundled studies, then the workstation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.cli.context import Context, opened
from radraft.cli.drafting import drafted_json
from radraft.cli.http_server import bound_socket
from radraft.cli.intake import take_in
from radraft.cli.output import Output, rejections_text
from radraft.cli.render import report_text
from radraft.cli.serving import announce, workstation
from radraft.cli.shutdown import Shutdown
from radraft.core.errors import DraftingError, StudyRejected
from radraft.llm.link import LlmState
from radraft.store.cases import CaseState

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

PENDING = {CaseState.RECEIVED, CaseState.DRAFTING}


def demo(studies: Path, out: Output, *, leave: bool) -> None:
    """Build what is missing, take in, draft, print one report; then serve unless `leave`."""
    from radraft.cli import starter
    from radraft.pipeline import demo_accounts, demo_site
    from radraft.ui import app

    if not studies.exists():
        raise StudyRejected("file_not_found", file=str(studies))
    with Shutdown() as shutdown, opened() as context:
        starter.build_all(context.settings.cache_dir, context.profile.edition, out)
        settings = context.settings
        out.say(f"Logs: {settings.data_dir / 'logs'}")
        with (
            bound_socket(settings, out) as bound,
            app.running(settings, context.profile, context.store) as service,
            workstation(service, bound, demo=True) as server,
        ):
            demo_accounts.add_all(context.store)
            demo_site.begin_from_templates(context.store, settings.site, service.templates)
            taken = take_in(studies, context, out)
            out.say(rejections_text(taken.rejections)) if taken.rejections else None
            began = time.monotonic()
            _wait_for_drafts(service, context, out)
            _print_one(taken.cases + taken.known, time.monotonic() - began, context, out)
            if not leave:
                announce(settings, out)
                server.wait(shutdown)


def _wait_for_drafts(service: Service, context: Context, out: Output) -> None:
    """Show what is waited for until no case is pending."""
    limit = context.settings.start_timeout_s + context.settings.draft_timeout_s * 2
    deadline = time.monotonic() + limit
    said = ""
    with out.progress() as progress:
        bar = progress.add_task("Waiting", total=None)
        while True:
            states = [row.state for row in service.worklist().rows]
            left = sum(state in PENDING for state in states)
            state = service.status().llm
            if not left:
                progress.update(bar, total=len(states), completed=len(states))
                return
            if state is LlmState.DOWN or time.monotonic() > deadline:
                raise DraftingError("llm_unreachable")
            text = "Drafting" if state.drafts else "Waiting for vLLM (a minute or two)"
            if text != said:
                # A log has no moving bar: say it once in a line of its own.
                out.say(text)
                said = text
            total = len(states) if state.drafts else None
            progress.update(bar, description=text, total=total, completed=len(states) - left)
            time.sleep(0.25)


def _print_one(case_ids: tuple[str, ...], seconds: float, context: Context, out: Output) -> None:
    results = [drafted_json(case_id, context) for case_id in case_ids]
    drafted = [result for result in results if result.get("covered")]
    failed = [result for result in results if "error" in result]
    summary = {
        "drafted": len(drafted),
        "not_covered": len(results) - len(drafted) - len(failed),
        "failed": len(failed),
        "seconds": round(seconds, 1),
    }
    text = (
        f"{summary['drafted']} drafted, {summary['not_covered']} not covered by the model, "
        f"{summary['failed']} failed, in {summary['seconds']} s\n"
    )
    if drafted:
        shown = drafted[0]
        text += f"\n{shown['case_id']}  {shown['modality']}  {shown['model']}\n"
        text += f"  {shown['notice']['zh']}\n  {shown['notice']['en']}\n"
        text += report_text(shown["report"], shown["issues"])
    out.result({**summary, "report": drafted[0] if drafted else None}, text)
    if failed:
        raise DraftingError(failed[0]["error"]["code"])
