"""Which findings are measured in per cent or millilitres."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def measured_codes(field: str) -> frozenset[str]:
    """Return the codes that `percent` or `volume_ml` of a mention is given for."""
    import yaml

    text = files("radraft.reports.findings").joinpath("measures.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return frozenset(yaml.load(text, Loader=loader)[field].split())
