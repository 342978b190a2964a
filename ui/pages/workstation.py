"""The workstation's page: four Gradio HTML components, each a pane with a module of its own.

Gradio draws the page and loads the panes; what they show comes from `/api`, because Gradio's own
queue and session state live in memory and do not outlive a refresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radraft.ui import asset_files

if TYPE_CHECKING:
    import gradio as gr

PANES = {
    "header": "header.js",
    "worklist": "worklist.js",
    "viewer": "bundles/viewer.js",
    "report": "report.js",
}
"""Each pane's module."""
STYLES = (
    "base.css",
    "panes.css",
    "keyimages.css",
    "report.css",
    "handover.css",
    "phrases.css",
    "impression.css",
    "warnings.css",
    "priors.css",
    "judged.css",
    "chances.css",
    "similar.css",
    "alerts.css",
    "narrow.css",
)


def page() -> gr.Blocks:
    """The page, without data: that is asked for by the browser."""
    import gradio as gr

    blocks: gr.Blocks = gr.Blocks(title="radraft", analytics_enabled=False, fill_width=True)
    with blocks:
        for name, module in PANES.items():
            gr.HTML(
                html_template=asset_files.text(f"{name}.html"),
                js_on_load=f'import("/ui/{module}").then((pane) => pane.mount(element));',
                apply_default_css=False,
                elem_id=f"rd-{name}",
            )
    return blocks


def head() -> str:
    """What goes into the document's head, before anything is drawn: dark or light, the styles."""
    links = "".join(f'<link rel="stylesheet" href="/ui/{name}">' for name in STYLES)
    return f'<script src="/ui/lightness.js"></script>{links}'
