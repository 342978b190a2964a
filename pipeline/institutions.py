"""The institutions that reports are of: the head of a page, the organisation of a document."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import Field, RootModel, field_validator, model_validator

from radraft.core.errors import SettingsError
from radraft.core.yaml_files import Strict
from radraft.reports.export.values import Institution

if TYPE_CHECKING:
    from radraft.core.settings import Settings

_OID = r"^$|^[0-2](\.(0|[1-9][0-9]*))+$"


class InstitutionNames(Strict):
    """What the settings say of a site's institution; fields as of `Institution`."""

    name_zh: str = ""
    name_en: str = ""
    department_zh: str = ""
    department_en: str = ""
    oid: str = Field(default="", pattern=_OID, max_length=48)
    time_zone: str = ""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, OSError):
                raise ValueError("not a time zone of the IANA's list") from None
        return name


class _Sites(RootModel[dict[str, InstitutionNames]]):
    @model_validator(mode="after")
    def _no_oid_twice(self) -> _Sites:
        """Two sites under one OID would share the numbers of patients and orders (FHIR's identifier
        systems, HL7's assigning authorities): one would be filed under the other."""
        oids = [names.oid for names in self.root.values() if names.oid]
        if len(set(oids)) < len(oids):
            raise ValueError("two sites with the same OID")
        return self


def institution(settings: Settings, site: str) -> Institution:
    """Return the institution of `site`; one without names where the settings name none.

    SettingsError `institutions_invalid`.
    """
    names = load_institutions(settings.institutions).get(site, InstitutionNames())
    return Institution(site, **names.model_dump())


@cache
def load_institutions(path: Path | None) -> dict[str, InstitutionNames]:
    """Return what a YAML file says of each site's institution, read once; nothing for None.

    SettingsError `institutions_invalid`.
    """
    if path is None:
        return {}
    try:
        return _Sites.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).root
    except (OSError, yaml.YAMLError, TypeError, ValueError, RecursionError):
        raise SettingsError("institutions_invalid", path=str(path)) from None
