"""What arrived in the last hour, for technologists: the page `/arrivals`, what it shows, and the
links of retakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from radraft.core import canonical
from radraft.pipeline import arrived_images
from radraft.ui import asset_files
from radraft.ui.access import SignedIn
from radraft.ui.api.answers import tagged

if TYPE_CHECKING:
    from radraft.pipeline.arrived_images import ArrivedImages, ArrivedLine, DeviceChoice
    from radraft.pipeline.service import Service

Form = dict[str, Any]
ArrivalId = Annotated[int, Path(ge=1, lt=2**31)]


class RetakeRequest(BaseModel):
    """Which earlier image this one was taken again for; None: for none.

    `base_revision`: of the link that the person looked at, 0 also where there was none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    replaces: Annotated[int, Field(ge=1, lt=2**31)] | None
    base_revision: Annotated[int, Field(ge=0, lt=2**31)]


def add_arrivals(app: FastAPI, service: Service) -> None:
    """Serve `/arrivals` and what it shows."""
    store = service.store

    @app.get("/arrivals")
    def document() -> Response:
        return HTMLResponse(asset_files.page("arrivals", "page", "figures", "arrivals"))

    @app.get("/api/arrivals")
    def arrivals(
        caller: SignedIn,
        request: Request,
        device: Annotated[str, Query(pattern=r"^([0-9a-f]{16})?$")] = "",
    ) -> Response:
        return tagged(request, _form(arrived_images.arrived(store, caller.sites, device)))

    @app.get("/api/arrivals/{arrival_id}/picture")
    def picture(arrival_id: ArrivalId) -> Response:
        return Response(
            arrived_images.picture(store, arrival_id),
            media_type="image/png",
            # It never changes; whoever signs in next at this browser must not find it.
            headers={"Cache-Control": "no-store"},
        )

    @app.post("/api/arrivals/{arrival_id}/retake")
    def retake(arrival_id: ArrivalId, body: RetakeRequest, caller: SignedIn) -> Response:
        link = arrived_images.link_retake(
            store,
            arrival_id,
            body.replaces,
            base_revision=body.base_revision,
            by=caller.account.person,
        )
        return JSONResponse(canonical.plain(link))


def _form(shown: ArrivedImages) -> Form:
    return {
        "lines": list(map(_line, shown.lines)),
        "cut": shown.cut,
        "devices": list(map(_device, shown.devices)),
        "device": None if shown.device is None else shown.device.device_id,
    }


def _device(choice: DeviceChoice) -> Form:
    return {"id": choice.device_id, **canonical.plain(choice.device)}


def _line(shown: ArrivedLine) -> Form:
    """One line: everything but UIDs, which no page needs."""
    line: Form = canonical.plain(shown.line)
    for name in ("key", "study_uid", "reasons"):
        del line[name]
    line |= line.pop("device")
    return line | {
        "id": shown.line_id,
        "is_image": shown.line.is_image,
        "no_study": not shown.line.study_uid,
        "remarks": canonical.plain(shown.remarks),
        "problem": None
        if shown.problem is None
        else {"zh": shown.problem[0], "en": shown.problem[1]},
        "link": canonical.plain(shown.link),
        "replaced_by": shown.replaced_by,
        "may_replace": list(shown.may_replace),
    }
