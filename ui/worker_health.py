"""What a draft worker's process tells over HTTP: whether it is well, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from radraft.ui.api.monitoring import add_monitoring
from radraft.ui.measured import Measured
from radraft.ui.refusal import RequestRefused

if TYPE_CHECKING:
    from radraft.core.metrics import Metrics
    from radraft.core.settings import Settings
    from radraft.pipeline.health import Health


@dataclass(frozen=True)
class WorkerProcess:
    """A process that drafts."""

    settings: Settings
    health: Health
    metrics: Metrics


ROUTES = frozenset({("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/metrics")})


def application(worker: WorkerProcess) -> FastAPI:
    """Return the three addresses of `ui.api.monitoring` and nothing else; it is ready once its vLLM
    is."""
    app = FastAPI(title="radraft worker", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Measured, metrics=worker.metrics, routes=ROUTES)
    app.add_exception_handler(RequestRefused, _refused)
    add_monitoring(app, worker, needs_llm=True)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return JSONResponse({"error": error.as_json()}, error.status)
