"""The JSON interface under `/api` that the page lives on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.exceptions import HTTPException

from radraft.core import canonical
from radraft.core.errors import (
    DraftingError,
    FollowupError,
    NotFound,
    RadraftError,
    ReportError,
    SettingsError,
    SignInError,
    StorageError,
    TokenError,
)
from radraft.pipeline.inquiries import may_answer
from radraft.pipeline.report_signing import open_moves
from radraft.reports.codec import report_from_json, sent_from_json
from radraft.reports.editing import RevisionConflict
from radraft.reports.roles import Permission
from radraft.reports.second_factor import SecondFactorNeeded
from radraft.reports.sign import SignatureRefused
from radraft.ui.access import APerson, Caller, LetIn, SignedIn, refused_page
from radraft.ui.api import forms, inquiry_forms, worklist
from radraft.ui.api.answers import tagged
from radraft.ui.api.second_factor_form import enrolment_form
from radraft.ui.api.upload import receive_upload
from radraft.ui.refusal import RequestRefused, note_code

if TYPE_CHECKING:
    from radraft.pipeline.service import Service


def add_api(app: FastAPI, service: Service) -> None:
    """Serve `service` under `/api`; every refusal is `{"error": {"code", "message_zh", ...}}`."""
    app.include_router(router(service), prefix="/api")
    app.include_router(worklist.router(service), prefix="/api")
    app.add_exception_handler(RadraftError, _radraft_error)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _no_route)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Revision = Annotated[int, Field(ge=0)]
CaseId = Annotated[str, Path(pattern=r"^c-[0-9a-f]{16}$")]
ImageId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class SaveRequest(_Request):
    """An edited report; `report` is checked by `reports.codec`."""

    base_revision: Revision
    report: dict[str, JsonValue] = Field(repr=False)
    merge: bool = False
    """Whether it is put together with what its person saved since in another page."""
    under_way: dict[str, JsonValue] | None = Field(default=None, repr=False)
    """The save from the same revision that this page did not yet hear of, when it was left."""


class OpenedRequest(_Request):
    """The reader has the study open."""

    seconds_ago: Annotated[float, Field(ge=0, le=86_400)] = 0.0


class QuestionRequest(_Request):
    """A follow-up question."""

    question: Annotated[str, Field(min_length=1, max_length=500, repr=False)]


def router(service: Service) -> APIRouter:
    """Routes over `service`. Handlers are plain functions: FastAPI runs them in its thread pool."""
    api = APIRouter()
    _add_reading(api, service)
    _add_writing(api, service)

    @api.post("/upload")
    async def upload(request: Request) -> Response:
        result = await receive_upload(request, service)
        # Not the paths: they are ours.
        shown = {"cases": result.cases, "known": result.known, "rejections": result.rejections}
        return _json(canonical.plain(shown))

    return api


def _add_reading(api: APIRouter, service: Service) -> None:
    @api.get("/status")
    def status(request: Request) -> Response:
        return tagged(request, canonical.plain(service.status()))

    @api.get("/cases/{case_id}")
    def case(case_id: CaseId, caller: LetIn, request: Request) -> Response:
        view = service.case_view(case_id, sites=caller.sites_with(Permission.READ_SIGNED))
        if not caller.may(Permission.READ_UNSIGNED):
            view = view.signed_only()
        rule = view.rule
        # A program takes no step.
        person = caller if isinstance(caller, Caller) else None
        moves = (
            open_moves(view.working, person.actor, rule)
            if rule is not None and person is not None
            else frozenset()
        )
        reading_site = "" if person is None else person.reading_site
        may = sorted(permission.value for permission in Permission if caller.may(permission))
        asked = [inquiry_forms.inquiry(shown, caller.account_id) for shown in view.inquiries]
        beside = {
            "reading_site": reading_site,
            "may": may,
            "inquiries": asked,
            "may_answer": person is not None
            and bool(view.versions)
            and may_answer(person.actor, view.versions[-1]),
        }
        return tagged(request, forms.view(view, moves) | beside)

    @api.get("/images/{image_id}/png")
    def image_png(image_id: ImageId) -> Response:
        return Response(service.image_png(image_id), media_type="image/png")

    @api.get("/images/{image_id}/values")
    def image_values(image_id: ImageId) -> Response:
        # HTTP's "deflate" is the zlib format (RFC 9110, 8.4.1.2), which is what the store keeps.
        return Response(
            service.image_values(image_id),
            media_type="application/octet-stream",
            headers={"Content-Encoding": "deflate"},
        )


def _add_writing(api: APIRouter, service: Service) -> None:
    @api.post("/cases/{case_id}/opened")
    def opened(case_id: CaseId, body: OpenedRequest, caller: SignedIn) -> Response:
        service.opened(case_id, caller.actor, seconds_ago=body.seconds_ago)
        return _json({"case_id": case_id})

    @api.put("/cases/{case_id}/report")
    def save(case_id: CaseId, body: SaveRequest, caller: SignedIn) -> Response:
        page = sent_from_json(json.dumps(body.report))
        sent = body.under_way
        try:
            working = service.save(
                case_id,
                page.report,
                base_revision=body.base_revision,
                actor=caller.actor,
                merge=body.merge,
                under_way=None if sent is None else report_from_json(json.dumps(sent)),
                confirmed=page.confirmed,
            )
        except ReportError as error:
            if error.code in ("report_is_signed", "report_under_review"):
                return _closed_meanwhile(service, case_id, error)
            raise
        issues = forms.warnings(service.proofreader.of_case(case_id))
        impression = forms.impression(service.impressions.standing(case_id))
        return _json(
            {"working": forms.working(working), "issues": issues, "impression": impression}
        )

    @api.post("/cases/{case_id}/redraft")
    def redraft(case_id: CaseId, body: Annotated[dict[str, JsonValue], Body()]) -> Response:
        service.redraft(case_id)
        return _json({"case_id": case_id})

    @api.post("/cases/{case_id}/questions")
    def ask(case_id: CaseId, body: QuestionRequest, caller: APerson) -> Response:
        sites = caller.sites_with(Permission.READ_SIGNED)
        answered = service.ask(case_id, body.question, actor=caller.actor, sites=sites)
        return _json(forms.answered(answered))


FOLLOWUP_STATUS = {
    "followup_empty": 422,
    "followup_too_long": 422,
    "followup_not_signed": 409,
    "followup_not_asked": 409,
}
"""Statuses of what the asker can mend; every other follow-up error is the model's."""


SIGN_IN_STATUS = {
    "sign_in_needed": 401,
    "sign_in_refused": 401,
    "session_locked": 401,
    "session_of_another": 401,
    "second_factor_needed": 401,
    "second_factor_enrol": 401,
    "second_factor_refused": 401,
    "second_factor_replayed": 401,
    "second_factor_clock": 401,
    "sign_in_wait": 429,
    "openid_unreachable": 503,
    "openid_no_role": 403,
    "openid_replayed": 409,
    "not_allowed": 403,
    "answer_not_yours": 403,
    "visit_ended": 401,
    "study_link_by_token": 403,
    "study_link_invalid": 403,
    "study_link_foreign": 403,
    "study_link_revoked": 403,
    "study_link_expired": 410,
    "study_link_used": 410,
    "login_taken": 409,
    "last_administrator": 409,
    "link_unusable": 410,
}
"""Statuses of who is not let in; every other sign-in error is in what was typed."""

TOKEN_STATUS = {
    "token_unknown": 401,
    "token_expired": 401,
    "token_revoked": 401,
    "token_read_denied": 403,
    "token_scope": 403,
    "token_site": 403,
    "token_unsigned": 403,
    "token_wait": 429,
    "token_with_cookie": 400,
    "token_in_address": 400,
}
"""Statuses of a program that is not let in; every other such error is in what was typed."""

CONFLICTS = {
    "report_is_signed",
    "report_under_review",
    "report_not_submitted",
    "report_not_amended",
    "not_the_author",
    "already_the_author",
    "author_reviews",
    "step_taken_meanwhile",
    "rule_changed_meanwhile",
    "reading_rules_changed_meanwhile",
    "template_changed_meanwhile",
    "second_signature_needed",
    "others_wrote",
    "signature_broken",
    "critical_not_notified",
    "alert_changed",
    "alert_move_refused",
    "warning_gone",
    "retake_changed",
    "inquiry_changed",
    "inquiry_move_refused",
    "inquiry_too_many",
    "inquiry_unanswered",
}
"""What the state of the report, of an alert, of a warning or of a rule refuses."""


def status_of(error: RadraftError) -> int:
    """HTTP status for `error`."""
    if isinstance(error, RequestRefused):
        return error.status
    if isinstance(error, NotFound):
        return 410 if error.code == "images_dropped" else 404
    if isinstance(error, SignInError):
        return SIGN_IN_STATUS.get(error.code, 422)
    if isinstance(error, TokenError):
        return TOKEN_STATUS.get(error.code, 422)
    if isinstance(error, RevisionConflict) or error.code in CONFLICTS:
        return 409
    if error.code in ("step_not_allowed", "inquiry_not_yours"):
        return 403
    if isinstance(error, FollowupError):
        return FOLLOWUP_STATUS.get(error.code, 503)
    if isinstance(error, StorageError):
        return 507 if error.code == "disk_full" else 503
    if isinstance(error, DraftingError):
        return 503
    return 500 if isinstance(error, SettingsError) else 422


async def _radraft_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RadraftError)
    note_code(request.scope, error.code)
    page = refused_page(request, error)
    if page is not None:
        return page
    body: dict[str, Any] = {"error": error.as_json()}
    if isinstance(error, RevisionConflict):
        body["current"] = forms.working(error.current)
        body["changes"] = list(map(forms.change, error.changes))
        body["own"] = error.own
    if isinstance(error, SecondFactorNeeded) and error.enrolment is not None:
        body["enrolment"] = enrolment_form(error.enrolment)
    if isinstance(error, SignatureRefused):
        body["codes"] = list(error.codes)
    answer = _json(body, status_of(error))
    if isinstance(error, TokenError) and answer.status_code == 401:
        # RFC 6750, 3.
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    # The place may hold the client's own words: only what the schema names goes back.
    names = _field_names(request)
    place = next((str(item) for item in first["loc"] if item in names), "request")
    refused = RequestRefused(422, "request_invalid", place=place, problem=first["type"])
    note_code(request.scope, refused.code)
    return _json({"error": refused.as_json()}, 422)


def _field_names(request: Request) -> set[str]:
    """Return what the route that was asked for can be told: its parameters, and the fields of its
    body."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return set()
    told = route.dependant
    names = {field.name for field in (*told.path_params, *told.query_params)}
    bodies = (field.field_info.annotation for field in told.body_params)
    return names.union(
        *(
            body.model_fields
            for body in bodies
            if isinstance(body, type) and issubclass(body, BaseModel)
        )
    )


async def _no_route(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths and methods, bodies it cannot read."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        refused = RequestRefused(422, "request_invalid", place="request", problem="unreadable")
    else:
        refused = RequestRefused(error.status_code, "path_unknown")
    note_code(request.scope, refused.code)
    return _json({"error": refused.as_json()}, refused.status)


def _closed_meanwhile(service: Service, case_id: str, error: ReportError) -> Response:
    """Refusal of an edit of a report that was signed or submitted: with the report as it was."""
    current = service.case_view(case_id).working
    body = {"error": error.as_json(), "current": forms.working(current), "changes": []}
    return _json(body, status_of(error))


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status)
