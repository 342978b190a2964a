"""`radraft ask`."""

from __future__ import annotations

from radraft.cli.context import opened
from radraft.cli.output import Output
from radraft.core import canonical
from radraft.llm.link import LlmState
from radraft.pipeline.service import Llm, Service
from radraft.reports.people import ActorRole, typed_actor


def ask(case_id: str, question: str, out: Output) -> None:
    """Answer from the newest signed version, keep the turn, print answer and citations."""
    from radraft.llm.server import connect

    with opened() as context:
        signed = Service(context.store, context.settings, context.profile).signed(case_id)
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
            asked = service.ask(case_id, question, actor=actor, sites=None)
    turn, answer = asked.turn, asked.answer
    cited = " ".join(f"[{item}]" for item in turn.citations)
    near = "".join(
        f"\n  [{sentence.id}] {sentence.zh} {sentence.en}"
        for item in turn.nearest
        for sentence in signed.report.sentences
        if sentence.id == item
    )
    if near:
        near = f"\nNearest sentences of the report (not an answer):{near}"
    out.result(
        {
            "answer": turn.answer,
            "lang": turn.lang,
            "citations": turn.citations,
            "refused": turn.refused,
            "nearest": turn.nearest,
            "outcome": answer.outcome.value,
            "polarity": None if answer.polarity is None else answer.polarity.value,
            "quotes": canonical.plain(answer.quotes),
            "related": canonical.plain(answer.related),
            "sizes": canonical.plain(answer.sizes),
        },
        f"{turn.answer} {cited}".rstrip() + near,
    )
