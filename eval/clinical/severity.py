"""The weights of the severity-weighted scores, from `severity.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydantic import Field

from radraft.core.yaml_files import Strict


class Severity(Strict):
    """Weights of one score: what a statement adds to the sums, 0 or more."""

    critical: float = Field(ge=0)
    finding: float = Field(ge=0)
    device: float = Field(ge=0)
    implied: float = Field(ge=0)
    """Of a finding that only follows from a more specific one."""
    absent: float = Field(ge=0)
    """Of a finding stated as absent."""
    wrong_side_credit: float = Field(ge=0, le=1)
    """Share of its weight that a match on the wrong side still earns."""
    unmatched_prior: float = Field(ge=0)
    """Added below the line for a comparison or a change that the reference does not state."""


@cache
def severities() -> Mapping[str, Severity]:
    """Return the weights by score. pydantic.ValidationError where the file is not of this form."""
    import yaml

    text = files("radraft.eval.clinical").joinpath("severity.yaml").read_text(encoding="utf-8")
    return {name: Severity.model_validate(entry) for name, entry in yaml.safe_load(text).items()}
