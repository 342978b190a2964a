"""Mounts the workstation on a FastAPI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.pipeline.proofreading import DismissalLimit
from radraft.ui.api.alerts import add_alerts
from radraft.ui.api.arrivals import add_arrivals
from radraft.ui.api.audit import add_audit
from radraft.ui.api.chances import add_chances
from radraft.ui.api.dismissals import add_dismissals
from radraft.ui.api.full_frames import add_full_frames
from radraft.ui.api.impression import add_impression
from radraft.ui.api.inquiries import add_inquiries
from radraft.ui.api.key_images import add_keyimages
from radraft.ui.api.languages import add_languages
from radraft.ui.api.monitoring import add_monitoring
from radraft.ui.api.orders import add_orders
from radraft.ui.api.outbox import add_outbox
from radraft.ui.api.patient_changes import add_patient_changes
from radraft.ui.api.presence import add_presence
from radraft.ui.api.priors import add_priors
from radraft.ui.api.reading import add_reading
from radraft.ui.api.rejections import add_rejections
from radraft.ui.api.report_printing import add_report_printing
from radraft.ui.api.report_signing import add_report_signing
from radraft.ui.api.reports import add_api
from radraft.ui.api.retention import add_retention
from radraft.ui.api.sign_in import add_sign_in
from radraft.ui.api.signed_studies import add_signed_studies
from radraft.ui.api.similar import add_similar
from radraft.ui.api.study_links import add_study_links
from radraft.ui.api.templates import add_templates
from radraft.ui.api.tokens import add_tokens
from radraft.ui.pages.asked_questions.page import AskedPage
from radraft.ui.pages.flywheel.page import TrendPage
from radraft.ui.pages.site_quality.page import QualityPage
from radraft.ui.pages.sites import add_site_page
from radraft.ui.pages.workstation import head, page
from radraft.ui.static import add_assets

if TYPE_CHECKING:
    from fastapi import FastAPI

    from radraft.pipeline.service import Service


def mount(app: FastAPI, service: Service) -> FastAPI:
    """Add the JSON interface (`/api`), the page's files (`/ui`), the trend (`/flywheel`), the
    quality page (`/quality`), clinicians' questions (`/questions`), the open critical values
    (`/alerts`) and the Gradio page (`/`)."""
    import gradio as gr

    add_routes(app, service)
    # Gradio's stock themes fetch web fonts; this one names only what the machine has.
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    gr.mount_gradio_app(
        app,
        page(),
        path="/",
        server_name=service.settings.host,
        server_port=service.settings.port,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=False,
        theme=theme,
        head=head(),
    )
    return app


def add_routes(app: FastAPI, service: Service) -> None:
    """Add all that is not Gradio's: each of these routes stands in `access.ROUTES`."""
    add_sign_in(app, service)
    add_api(app, service)
    add_report_signing(app, service)
    add_languages(app, service)
    add_presence(app, service)
    add_reading(app, service)
    add_retention(app, service)
    add_templates(app, service)
    add_outbox(app, service)
    add_keyimages(app, service)
    add_report_printing(app, service)
    add_full_frames(app, service)
    add_alerts(app, service)
    add_arrivals(app, service)
    add_dismissals(app, service)
    add_impression(app, service)
    add_rejections(app, service)
    add_signed_studies(app, service)
    add_inquiries(app, service)
    add_study_links(app, service)
    add_assets(app)
    add_monitoring(app, service)
    add_site_page(app, TrendPage(service.store), service.settings.site)
    limit = DismissalLimit(service.settings.dismissed_limit, service.settings.dismissed_least)
    add_site_page(app, QualityPage(service.store, limit), service.settings.site)
    add_site_page(app, AskedPage(service.store), service.settings.site)
    add_priors(app, service)
    add_chances(app, service)
    add_similar(app, service)
    add_orders(app, service)
    add_patient_changes(app, service)
    add_audit(app, service)
    add_tokens(app, service)
