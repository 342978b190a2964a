"""Reads the page's own files as they lie in the package: scripts, styles and languages.

Apart from what serves them, since an evaluation's page is written where no web server is installed.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
}


def load() -> dict[str, tuple[bytes, str, str]]:
    """`{name: (content, media type, entity tag)}` of everything that may be asked for."""
    served = {}
    for folder, prefix in (("assets", ""), ("i18n", "i18n/"), ("bundles", "bundles/")):
        place = files("radraft.ui").joinpath(folder)
        # A checkout keeps no empty folder: without bundles there is none.
        for item in place.iterdir() if place.is_dir() else ():
            suffix = item.name[item.name.rfind(".") :]
            if suffix in TYPES:
                content = item.read_bytes()
                tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
                served[prefix + item.name] = (content, TYPES[suffix], tag)
    return served


def text(name: str) -> str:
    """Text of one file of `ui/assets`."""
    return files("radraft.ui").joinpath("assets", name).read_text(encoding="utf-8")


def page(name: str, *styles: str) -> str:
    """Return the page whose body is `NAME.html` and whose module is `NAME.js`, whole; `styles`:
    names of its style sheets beside `base`, in their order."""
    frame = text("frame.html").replace("MODULE", name)
    links = "\n".join(
        f'<link rel="stylesheet" href="/ui/{style}.css">' for style in ("base", *styles)
    )
    return frame.replace("<!-- styles -->", links).replace("<!-- body -->\n", text(f"{name}.html"))
