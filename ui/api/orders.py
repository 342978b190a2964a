"""A study's orders in its page, and what a reader says of one that may be its own.

Identity goes to the reader's eyes only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from radraft.core import canonical
from radraft.core.errors import message
from radraft.pipeline import orders as case_orders
from radraft.pipeline.orders import ShownOrder
from radraft.reports.order_matching import LinkState
from radraft.ui.access import SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.service import Service

CaseId = Annotated[str, Path(pattern=r"^c-[0-9a-f]{16}$")]
OrderId = Annotated[int, Path(ge=1, lt=10**9)]


class OfStudyRequest(BaseModel):
    """Whether the study was made for the order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    same: bool


def add_orders(app: FastAPI, service: Service) -> None:
    """Serve `/api/cases/ID/orders`, and take what a reader says of one of them."""
    store = service.store

    @app.get("/api/cases/{case_id}/orders")
    def shown(case_id: CaseId, caller: SignedIn) -> Response:
        with store.read() as session:
            found = case_orders.shown_orders(session, case_id)
        if caller.reading_site:
            # Who reads it for another site sees its own orders, and nobody else's.
            held = {LinkState.LINKED, LinkState.CONFIRMED}
            found = tuple(order for order in found if order.case_order.state in held)
        return JSONResponse({"orders": list(map(_form, found))})

    @app.post("/api/cases/{case_id}/orders/{order_id}")
    def said(
        case_id: CaseId, order_id: OrderId, body: OfStudyRequest, caller: SignedIn
    ) -> Response:
        with store.begin() as session:
            case_orders.decide(
                session,
                case_id,
                order_id,
                same=body.same,
                by=caller.account.person,
                now=datetime.now(UTC),
            )
            found = case_orders.shown_orders(session, case_id)
        return JSONResponse({"orders": list(map(_form, found))})


def _form(shown: ShownOrder) -> dict[str, Any]:
    stored = shown.case_order.stored
    form: dict[str, Any] = canonical.plain(stored.order)
    # For taking names out of texts; who asks stands in `referring`.
    del form["people"]
    notes = []
    for note in shown.notes:
        zh, en = message(note.value, {})
        notes.append({"code": note.value, "message_zh": zh, "message_en": en})
    return form | {
        "order_id": stored.order_id,
        "received_at": stored.received_at.isoformat(),
        "changed_at": stored.changed_at.isoformat(),
        "link": shown.case_order.state.value,
        "reasons": list(shown.case_order.reasons),
        "by": shown.case_order.by,
        "notes": notes,
    }
