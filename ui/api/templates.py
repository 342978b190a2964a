"""Report templates and phrases: merged and offered while a report is written, and each site's own,
for administrators."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from radraft.core.errors import ReportError
from radraft.pipeline.report_templates import FORMS
from radraft.reports.codec import edit_form, sent_from_json
from radraft.reports.phrases import phrase_from_json
from radraft.reports.report_templates import MAX_FILE
from radraft.reports.template_fields import text_fields
from radraft.reports.template_rules import OpenFields, SiteTemplateRule
from radraft.reports.values import LANGS
from radraft.ui import asset_files
from radraft.ui.access import SignedIn

if TYPE_CHECKING:
    from radraft.pipeline.report_templates import MergedReport, SiteTemplates
    from radraft.pipeline.service import Service
    from radraft.reports.phrases import Phrase
    from radraft.reports.report_templates import ReportTemplate
    from radraft.store.templates import SetTemplateRule, SiteTemplate

SiteName = Annotated[str, Path(min_length=1, max_length=64)]
CaseId = Annotated[str, Path(pattern=r"^c-[0-9a-f]{16}$")]
TemplateId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]
Letters = Annotated[str, Path(pattern=r"^[a-z0-9]{1,16}$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MergeRequest(_Request):
    """The report as it stands in the page; `report` is checked by `reports.codec`."""

    report: dict[str, JsonValue] = Field(repr=False)
    template_id: Annotated[str, Field(max_length=64)] = ""
    """Empty: the one that fits the examination best."""


class PhraseRequest(_Request):
    """A phrase; it is checked by `reports.phrases`."""

    phrase: dict[str, JsonValue] = Field(repr=False)


class ImportRequest(_Request):
    """A template's file."""

    name: Annotated[str, Field(max_length=200, repr=False)] = ""
    """The file's name without its folder and ending."""
    content: Annotated[str, Field(max_length=2 * MAX_FILE, repr=False)]
    """In base64."""


class SwitchRequest(_Request):
    """Whether a template is used."""

    enabled: bool


class RuleRequest(_Request):
    """How a site works with templates, in place of the rule of number `base_number`."""

    base_number: Annotated[int, Field(ge=0)]
    open_fields: OpenFields
    begin_reports: bool


def add_templates(app: FastAPI, service: Service) -> None:
    """Serve `/templates`, each site's templates and phrases, and what a report needs of them."""
    app.include_router(_of_reports(service), prefix="/api")
    app.include_router(_of_sites(service), prefix="/api")

    @app.get("/templates")
    def document() -> Response:
        return HTMLResponse(asset_files.page("templates", "panes", "templates", "phrases"))


def _of_reports(service: Service) -> APIRouter:
    api = APIRouter()
    templates = service.templates

    @api.post("/cases/{case_id}/template")
    def merged(case_id: CaseId, body: MergeRequest, caller: SignedIn) -> Response:
        sent = sent_from_json(json.dumps(body.report))
        if sent.report.case_id != case_id:
            raise ReportError("report_of_other_case")
        found = templates.merged(case_id, sent, actor=caller.actor, template_id=body.template_id)
        return JSONResponse(_merged(found))

    @api.get("/cases/{case_id}/phrases")
    def phrases(case_id: CaseId, caller: SignedIn) -> Response:
        return _phrases(templates.phrases(case_id, caller.account_id))

    @api.get("/phrases")
    def own(caller: SignedIn) -> Response:
        return _phrases(templates.own_phrases(caller.account_id))

    @api.put("/phrases")
    def keep(body: PhraseRequest, caller: SignedIn) -> Response:
        phrase = phrase_from_json(json.dumps(body.phrase))
        templates.keep_phrase(phrase, owner=caller.account_id, by=caller.account.person)
        return _phrases(templates.own_phrases(caller.account_id))

    @api.delete("/phrases/{letters}")
    def drop(letters: Letters, caller: SignedIn) -> Response:
        templates.drop_phrase(letters, owner=caller.account_id, by=caller.account.person)
        return _phrases(templates.own_phrases(caller.account_id))

    return api


def _of_sites(service: Service) -> APIRouter:
    api = APIRouter()
    _add_site_templates(api, service)
    _add_site_phrases(api, service)
    return api


def _add_site_templates(api: APIRouter, service: Service) -> None:
    templates = service.templates

    @api.get("/templates")
    def overview(caller: SignedIn) -> Response:
        return JSONResponse({"sites": list(map(_site, templates.overview(caller.sites)))})

    @api.post("/sites/{site}/templates")
    def add(site: SiteName, body: ImportRequest, caller: SignedIn) -> Response:
        try:
            content = base64.b64decode(body.content, validate=True)
        except binascii.Error:
            raise ReportError("template_format") from None
        kept = templates.import_file(
            site, content, body.name, by=caller.account.person, address=caller.address
        )
        return JSONResponse(_kept(kept), 201)

    @api.get("/sites/{site}/templates/{template_id}")
    def preview(site: SiteName, template_id: TemplateId) -> Response:
        return JSONResponse(_preview(templates.template(site, template_id)))

    @api.put("/sites/{site}/templates/{template_id}")
    def switch(
        site: SiteName, template_id: TemplateId, body: SwitchRequest, caller: SignedIn
    ) -> Response:
        switched = templates.switch(
            site,
            template_id,
            on=body.enabled,
            by=caller.account.person,
            address=caller.address,
        )
        return JSONResponse(_kept(switched))

    @api.get("/sites/{site}/templates/{template_id}/file/{form}")
    def file(site: SiteName, template_id: TemplateId, form: Literal["yaml", "html"]) -> Response:
        text = templates.exported(site, template_id, form)
        # As an attachment: an exported page is never shown from here.
        name = f"{template_id}.{form}"
        return Response(
            text,
            media_type=FORMS[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @api.put("/sites/{site}/template-rule")
    def rule(site: SiteName, body: RuleRequest, caller: SignedIn) -> Response:
        changed = templates.set_rule(
            site,
            SiteTemplateRule(body.open_fields, body.begin_reports),
            base_number=body.base_number,
            by=caller.account.person,
            address=caller.address,
        )
        return JSONResponse(_rule(changed))


def _add_site_phrases(api: APIRouter, service: Service) -> None:
    templates = service.templates

    @api.get("/sites/{site}/phrases")
    def phrases(site: SiteName) -> Response:
        return _phrases(templates.site_phrases(site))

    @api.put("/sites/{site}/phrases")
    def keep(site: SiteName, body: PhraseRequest, caller: SignedIn) -> Response:
        phrase = phrase_from_json(json.dumps(body.phrase))
        by = caller.account.person
        templates.keep_site_phrase(site, phrase, by=by, address=caller.address)
        return _phrases(templates.site_phrases(site))

    @api.delete("/sites/{site}/phrases/{letters}")
    def drop(site: SiteName, letters: Letters, caller: SignedIn) -> Response:
        by = caller.account.person
        templates.drop_site_phrase(site, letters, by=by, address=caller.address)
        return _phrases(templates.site_phrases(site))


def _merged(found: MergedReport) -> dict[str, Any]:
    return {
        "template": _named(found.template),
        "others": list(map(_named, found.others)),
        "report": edit_form(found.merge.report),
        "added": found.merge.added,
        "removed": found.merge.removed,
    }


def _named(template: ReportTemplate) -> dict[str, Any]:
    return {
        "id": template.id,
        "name_zh": template.name.text("zh"),
        "name_en": template.name.text("en"),
    }


def _site(found: SiteTemplates) -> dict[str, Any]:
    return {
        "site": found.rule.site,
        "rule": _rule(found.rule),
        "templates": list(map(_kept, found.templates)),
    }


def _rule(found: SetTemplateRule) -> dict[str, Any]:
    return {
        "number": found.number,
        "open_fields": found.rule.open_fields.value,
        "begin_reports": found.rule.begin_reports,
        "by": None if found.by is None else found.by.name,
        "at": None if found.at is None else found.at.isoformat(),
    }


def _kept(found: SiteTemplate) -> dict[str, Any]:
    template = found.template
    return _named(template) | {
        "version": template.version,
        "own": found.own,
        "enabled": found.enabled,
        "modalities": template.modalities,
        "body_parts": template.body_parts,
        "sex": template.sex,
        "min_age": template.min_age,
        "max_age": template.max_age,
        "lines": len(template.lines),
        "langs": template.langs,
        "by": None if found.by is None else found.by.name,
        "at": None if found.at is None else found.at.isoformat(),
    }


def _preview(found: SiteTemplate) -> dict[str, Any]:
    lines = [
        {
            "path": line.path,
            "section": line.section.value,
            "name_zh": line.name.text("zh"),
            "name_en": line.name.text("en"),
            "zh": line.zh,
            "en": line.en,
            "required": line.required,
            "sex": line.sex,
            "fields": sum(len(text_fields(line.text(lang))) for lang in LANGS),
        }
        for line in found.template.lines
    ]
    return _kept(found) | {"line_list": lines}


def _phrases(found: tuple[Phrase, ...]) -> Response:
    return JSONResponse({"phrases": [phrase.model_dump(mode="json") for phrase in found]})
