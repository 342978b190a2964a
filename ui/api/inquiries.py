"""Questions to radiologists under `/api/cases`, and what clinicians think of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.reports.inquiry import MOST_ANSWER, MOST_QUESTION, InquiryMove
from radraft.reports.values import Lang
from radraft.store.turn_marks import MOST_CORRECTION, TurnVerdict
from radraft.ui.access import APerson, SignedIn
from radraft.ui.api import forms
from radraft.ui.api.reports import CaseId, Revision

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.inquiries import InquiryRecord

Number = Annotated[int, Path(ge=1, lt=2**31)]
# Longer than the longest by so much that what is a little too long is refused in words.
Question = Annotated[str, Field(max_length=4 * MOST_QUESTION, repr=False)]
Answer = Annotated[str, Field(max_length=4 * MOST_ANSWER, repr=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskRequest(_Strict):
    """A question to the radiologist; `turn_id`: the answer that did not help."""

    question: Question
    lang: Lang
    turn_id: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class StepRequest(_Strict):
    """A step with a question whose newest known event is `base_revision`."""

    base_revision: Revision


class AnswerRequest(StepRequest):
    """An answer."""

    text: Answer


class AddendumRequest(_Strict):
    """An addendum that begins with the newest answer; the report's newest known step."""

    base_step: Annotated[int, Field(ge=0)]
    reason: Annotated[str, Field(max_length=4000, repr=False)]


class MarkRequest(_Strict):
    """What somebody thinks of an answer."""

    verdict: TurnVerdict
    correction: Annotated[str, Field(max_length=4 * MOST_CORRECTION, repr=False)] = ""


def add_inquiries(app: FastAPI, service: Service) -> None:
    """Serve the steps of clinicians and of radiologists."""
    api = APIRouter(prefix="/api/cases/{case_id}")
    _add_asking(api, service)
    _add_answering(api, service)
    app.include_router(api)


def _add_asking(api: APIRouter, service: Service) -> None:
    inquiries = service.inquiries

    @api.post("/inquiries")
    def ask(case_id: CaseId, body: AskRequest, caller: APerson) -> Response:
        asked = inquiries.ask(
            case_id, body.question, lang=body.lang, actor=caller.actor, turn_id=body.turn_id
        )
        return _standing(asked)

    @api.post("/inquiries/{inquiry_id}/withdraw")
    def withdraw(
        case_id: CaseId, inquiry_id: Number, body: StepRequest, caller: APerson
    ) -> Response:
        return _standing(
            inquiries.take(
                case_id,
                inquiry_id,
                InquiryMove.WITHDRAW,
                base_revision=body.base_revision,
                actor=caller.actor,
            )
        )

    @api.post("/turns/{turn_id}/mark")
    def mark(case_id: CaseId, turn_id: Number, body: MarkRequest, caller: APerson) -> Response:
        kept = inquiries.mark(
            case_id, turn_id, body.verdict, correction=body.correction, actor=caller.actor
        )
        return JSONResponse({"turn_id": kept.turn_id, "verdict": kept.verdict.value})


def _add_answering(api: APIRouter, service: Service) -> None:
    inquiries = service.inquiries

    @api.post("/inquiries/{inquiry_id}/see")
    def see(case_id: CaseId, inquiry_id: Number, body: StepRequest, caller: SignedIn) -> Response:
        seen = inquiries.take(
            case_id,
            inquiry_id,
            InquiryMove.SEE,
            base_revision=body.base_revision,
            actor=caller.actor,
        )
        return _standing(seen)

    @api.post("/inquiries/{inquiry_id}/take")
    def take(case_id: CaseId, inquiry_id: Number, body: StepRequest, caller: SignedIn) -> Response:
        taken = inquiries.take(
            case_id,
            inquiry_id,
            InquiryMove.TAKE,
            base_revision=body.base_revision,
            actor=caller.actor,
        )
        return _standing(taken)

    @api.post("/inquiries/{inquiry_id}/answer")
    def answer(
        case_id: CaseId, inquiry_id: Number, body: AnswerRequest, caller: SignedIn
    ) -> Response:
        answered = inquiries.take(
            case_id,
            inquiry_id,
            InquiryMove.ANSWER,
            base_revision=body.base_revision,
            actor=caller.actor,
            text=body.text,
        )
        return _standing(answered)

    @api.post("/inquiries/{inquiry_id}/addendum")
    def addendum(
        case_id: CaseId, inquiry_id: Number, body: AddendumRequest, caller: SignedIn
    ) -> Response:
        working = service.addendum_of_answer(
            case_id,
            inquiry_id,
            actor=caller.actor,
            base_step=body.base_step,
            reason=body.reason,
        )
        return JSONResponse(forms.working(working))


def _standing(record: InquiryRecord) -> Response:
    inquiry = record.inquiry
    return JSONResponse(
        {
            "inquiry_id": inquiry.inquiry_id,
            "state": inquiry.state.value,
            "revision": inquiry.revision,
            "to": None if inquiry.to is None else inquiry.to.name,
        }
    )
