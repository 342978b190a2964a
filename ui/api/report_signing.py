"""`/api/cases/{id}`: review, signature, amendment, history; and what sites ask of a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core.errors import NotFound
from radraft.reports.lifecycle import MOST_REMARK, Move
from radraft.reports.roles import Permission
from radraft.reports.sign import ImagesSeen
from radraft.reports.signature_rule import SignatureRule
from radraft.reports.values import AmendmentKind
from radraft.ui import asset_files
from radraft.ui.access import LetIn, SignedIn, client_address
from radraft.ui.api import forms
from radraft.ui.api.reports import CaseId, Revision

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.signature_rules import SetRule

StepNumber = Annotated[int, Field(ge=0)]
# Longer than the longest by so much that what is a little too long is refused in words.
Remark = Annotated[str, Field(max_length=4 * MOST_REMARK, repr=False)]
StateName = Annotated[str, Path(pattern=r"^(draft|working|[vr][1-9][0-9]{0,8})$")]
SiteName = Annotated[str, Path(min_length=1, max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StepRequest(_Strict):
    """A step with a report whose newest known step is `base_step`."""

    base_step: StepNumber


class SeenRequest(StepRequest):
    """A step with the report as it stands at `base_revision`."""

    base_revision: Revision


class ReturnRequest(SeenRequest):
    """The report goes back to its author; `remark` says what is missing."""

    remark: Remark


class SignRequest(SeenRequest):
    """A signature under the report."""

    images_seen: ImagesSeen
    reason: Remark = ""
    """Of emergency duty."""
    password: Annotated[str | None, Field(max_length=1000, repr=False)] = None
    """Of the signer, where the site asks for it."""


class AmendRequest(StepRequest):
    """Reopening a signed report."""

    kind: AmendmentKind = AmendmentKind.AMENDMENT
    reason: Remark


class RuleRequest(_Strict):
    """Another rule in the place of the one of number `base_number`."""

    base_number: StepNumber
    two_signatures: bool
    attending_alone: bool
    emergency_alone: bool
    reauthenticate: bool


def add_report_signing(app: FastAPI, service: Service) -> None:
    """Serve the steps from a written report to a signed one, and what they left."""
    api = APIRouter(prefix="/api/cases/{case_id}")
    _add_review(api, service)
    _add_signature(api, service)
    _add_history(api, service)
    app.include_router(api)
    _add_rules(app, service)
    app.include_router(_rule_router(service))


def _add_review(api: APIRouter, service: Service) -> None:
    @api.post("/submit")
    def submit(case_id: CaseId, body: SeenRequest, caller: SignedIn) -> Response:
        working = service.signing.take(
            case_id,
            Move.SUBMIT,
            actor=caller.actor,
            base_step=body.base_step,
            base_revision=body.base_revision,
        )
        return JSONResponse(forms.working(working))

    @api.post("/withdraw")
    def withdraw(case_id: CaseId, body: StepRequest, caller: SignedIn) -> Response:
        working = service.signing.take(
            case_id, Move.WITHDRAW, actor=caller.actor, base_step=body.base_step
        )
        return JSONResponse(forms.working(working))

    @api.post("/return")
    def return_to_author(case_id: CaseId, body: ReturnRequest, caller: SignedIn) -> Response:
        working = service.signing.take(
            case_id,
            Move.RETURN,
            actor=caller.actor,
            base_step=body.base_step,
            base_revision=body.base_revision,
            remark=body.remark,
        )
        return JSONResponse(forms.working(working))

    @api.post("/take-over")
    def take_over(case_id: CaseId, body: SeenRequest, caller: SignedIn) -> Response:
        working = service.signing.take(
            case_id,
            Move.TAKE_OVER,
            actor=caller.actor,
            base_step=body.base_step,
            base_revision=body.base_revision,
        )
        return JSONResponse(forms.working(working))


def _add_signature(api: APIRouter, service: Service) -> None:
    @api.post("/sign")
    def sign(case_id: CaseId, body: SignRequest, caller: SignedIn, request: Request) -> Response:
        confirmed = False
        if body.password is not None:
            address = client_address(request)
            service.sign_in.confirm(caller.account, body.password, address=address)
            # The demo's people have no password that could confirm anything.
            confirmed = not caller.account.demo
        signed = service.signing.sign(
            case_id,
            base_revision=body.base_revision,
            actor=caller.actor,
            base_step=body.base_step,
            reason=body.reason,
            password_confirmed=confirmed,
            images_seen=body.images_seen,
        )
        return JSONResponse(forms.signed(signed))

    @api.post("/amend")
    def amend(case_id: CaseId, body: AmendRequest, caller: SignedIn) -> Response:
        working = service.signing.amend(
            case_id,
            actor=caller.actor,
            reason=body.reason,
            kind=body.kind,
            base_step=body.base_step,
        )
        return JSONResponse(forms.working(working))

    @api.post("/cancel-amendment")
    def cancel(case_id: CaseId, body: SeenRequest, caller: SignedIn) -> Response:
        working = service.signing.cancel(
            case_id,
            actor=caller.actor,
            base_step=body.base_step,
            base_revision=body.base_revision,
        )
        return JSONResponse(forms.working(working))


def _add_history(api: APIRouter, service: Service) -> None:
    @api.get("/versions")
    def versions(case_id: CaseId) -> Response:
        return JSONResponse(forms.versions(service.histories.versions(case_id)))

    @api.get("/versions/{before}/{after}")
    def difference(case_id: CaseId, before: StateName, after: StateName, caller: LetIn) -> Response:
        signed_only = before.startswith("v") and after.startswith("v")
        if not signed_only and not caller.may(Permission.READ_UNSIGNED):
            # As of what is not there: a reader of signed reports knows of no other states.
            raise NotFound("report_state_unknown")
        changes = service.histories.difference(case_id, before, after)
        return JSONResponse({"changes": list(map(forms.change, changes))})

    @api.get("/history")
    def history(case_id: CaseId) -> Response:
        return JSONResponse(forms.history(service.histories.of_case(case_id)))


def _add_rules(app: FastAPI, service: Service) -> None:
    @app.get("/api/signature-rules")
    def rules(caller: SignedIn) -> Response:
        held = service.signing.rules(caller.sites)
        return JSONResponse({"rules": list(map(_rule, held))})

    @app.get("/signature-rules")
    def document() -> Response:
        return HTMLResponse(asset_files.page("signaturerules", "panes", "signaturerules"))


def _rule_router(service: Service) -> APIRouter:
    api = APIRouter(prefix="/api/sites/{site}/signature-rule")

    @api.get("")
    def rule(site: SiteName) -> Response:
        return JSONResponse(_rule(service.signing.rule(site)))

    @api.put("")
    def set_rule(site: SiteName, body: RuleRequest, caller: SignedIn) -> Response:
        rule = SignatureRule(
            two_signatures=body.two_signatures,
            attending_alone=body.attending_alone,
            emergency_alone=body.emergency_alone,
            reauthenticate=body.reauthenticate,
        )
        changed = service.signing.set_rule(
            site,
            rule,
            base_number=body.base_number,
            by=caller.account.person,
            address=caller.address,
        )
        return JSONResponse(_rule(changed))

    return api


def _rule(held: SetRule) -> dict[str, Any]:
    return {
        "site": held.site,
        "number": held.number,
        **forms.rule(held.rule),
        "by": None if held.by is None else held.by.name,
        "at": None if held.at is None else held.at.isoformat(),
        "damaged": held.damaged,
    }
