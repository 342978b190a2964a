"""`radraft ask`."""

from __future__ import annotations

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.llm.link import LlmState
from radraft.pipeline.service import Llm, Service
from radraft.reports.people import ActorRole, typed_actor


def ask(case_id: str, question: str, out: Output) -> None:
    """Answer from the newest signed version, keep the turn, print answer and citations."""
    from radraft.llm.server import connect

    with opened() as context:
        Service(context.store, context.settings, context.profile).signed(case_id)
        with (
            out.waiting("Starting vLLM") as move,
            connect(context.settings, context.profile, on_progress=move) as endpoint,
        ):
            service = Service(
                context.store,
                context.settings,
                context.profile,
                llm=Llm(state=lambda: LlmState.READY, endpoint=lambda: endpoint),
            )
            actor = typed_actor("cli", ActorRole.SERVICE, context.settings.site)
            turn = service.ask(case_id, question, actor=actor)
    cited = " ".join(f"[{item}]" for item in turn.citations)
    out.result(
        {
            "answer": turn.answer,
            "lang": turn.lang,
            "citations": turn.citations,
            "refused": turn.refused,
        },
        f"{turn.answer} {cited}",
    )
