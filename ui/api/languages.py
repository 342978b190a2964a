"""`/api/cases/{id}/follow`, `/api/language-rules` and who writes which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.pipeline.following import WrittenSentence
from radraft.reports.codec import MAX_SENTENCES, MAX_TEXT
from radraft.reports.site_languages import LanguageRule, MissingSide
from radraft.reports.values import LANGS, Lang
from radraft.ui.access import SignedIn
from radraft.ui.api.reports import CaseId

if TYPE_CHECKING:
    from radraft.pipeline.service import Service
    from radraft.store.language_rules import SetLanguages

SiteName = Annotated[str, Path(min_length=1, max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WrittenForm(_Strict):
    """A sentence as its page has it."""

    id: Annotated[str, Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\z")]
    lang: Lang
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, repr=False)]


class FollowRequest(_Strict):
    """Sentences to be said in the other language."""

    sentences: Annotated[tuple[WrittenForm, ...], Field(max_length=MAX_SENTENCES)]


class LanguagesRequest(_Strict):
    """Other languages in the place of those of number `base_number`."""

    base_number: Annotated[int, Field(ge=0)]
    languages: Annotated[tuple[Lang, ...], Field(min_length=1, max_length=len(LANGS))]
    missing_side: MissingSide


class WritesRequest(_Strict):
    """The language that a person writes."""

    lang: Lang


def add_languages(app: FastAPI, service: Service) -> None:
    """Serve what follows in the other language, sites' languages, and who writes which."""
    api = APIRouter(prefix="/api")

    @api.post("/cases/{case_id}/follow")
    def follow(case_id: CaseId, body: FollowRequest) -> Response:
        written = [WrittenSentence(each.id, each.lang, each.text) for each in body.sentences]
        found = service.follow(case_id, written)
        offers = {
            key: {"lang": offer.lang, "text": offer.text, "source": offer.source.value}
            for key, offer in found.items()
        }
        return JSONResponse({"offers": offers})

    @api.get("/written-language")
    def written_language(caller: SignedIn) -> Response:
        return JSONResponse({"lang": service.languages.written_by(caller.account.account_id)})

    @api.put("/written-language")
    def write_in(body: WritesRequest, caller: SignedIn) -> Response:
        service.languages.write_in(caller.account.account_id, body.lang)
        return JSONResponse({"lang": body.lang})

    @api.get("/language-rules")
    def rules(caller: SignedIn) -> Response:
        held = service.languages.rules(caller.sites)
        return JSONResponse({"rules": list(map(_rule, held))})

    @api.put("/sites/{site}/language-rule")
    def set_rule(site: SiteName, body: LanguagesRequest, caller: SignedIn) -> Response:
        chosen = tuple(lang for lang in LANGS if lang in body.languages)
        changed = service.languages.set_rule(
            site,
            LanguageRule(chosen, body.missing_side),
            base_number=body.base_number,
            by=caller.account.person,
            address=caller.address,
        )
        return JSONResponse(_rule(changed))

    app.include_router(api)


def _rule(held: SetLanguages) -> dict[str, Any]:
    return {
        "site": held.site,
        "number": held.number,
        "languages": list(held.rule.languages),
        "missing_side": held.rule.missing_side.value,
        "by": None if held.by is None else held.by.name,
        "at": None if held.at is None else held.at.isoformat(),
    }
