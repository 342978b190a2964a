"""An OpenID provider of the hospital as site data: where it is, and what its groups are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, field_validator

from radraft.core.errors import SettingsError, SignInError
from radraft.core.networks import is_loopback
from radraft.core.yaml_files import Strict
from radraft.reports.roles import Membership, parsed_membership


class ProviderLabel(Strict):
    """What the button on the sign-in page is called."""

    zh: str = Field(default="医院统一登录", min_length=1, max_length=40)
    en: str = Field(default="hospital account", min_length=1, max_length=40)


@dataclass(frozen=True)
class GroupRoles:
    """What somebody's groups give him here."""

    memberships: frozenset[Membership]
    unknown: tuple[str, ...]
    """Groups that give nothing, in order."""


class OpenIdRules(Strict):
    """A hospital's OpenID provider, and the roles that its groups give."""

    issuer: str
    """As the provider writes it into its tokens: compared letter by letter."""
    client_id: str = Field(min_length=1)
    """As what radraft is registered there."""
    label: ProviderLabel = ProviderLabel()
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = Field(default="groups", min_length=1)
    leeway_s: int = Field(default=120, ge=0, le=240)
    """How far the provider's clock may be from ours, in seconds."""
    groups: dict[str, tuple[str, ...]]
    """By group: memberships as `role@site`; `@*` stands for all sites."""

    @field_validator("issuer")
    @classmethod
    def _reachable(cls, issuer: str) -> str:
        if not is_safe_url(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
            raise ValueError("must be an https address without query")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("needs the scope openid")
        return scopes

    @field_validator("groups")
    @classmethod
    def _written(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        try:
            for written in groups.values():
                for text in written:
                    parsed_membership(text)
        except SignInError as error:
            raise ValueError(error.message_en) from None
        return groups

    def roles_of(self, groups: frozenset[str]) -> GroupRoles:
        """Return what `groups` give, and those of them that give nothing."""
        known = groups & self.groups.keys()
        return GroupRoles(
            frozenset(parsed_membership(text) for group in known for text in self.groups[group]),
            tuple(sorted(groups - known)),
        )


def is_safe_url(url: str) -> bool:
    """Return whether secrets may be sent to `url`: over HTTPS, or to this very machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )


def load(path: Path) -> OpenIdRules:
    """Return the rules in a site's YAML file. SettingsError `openid_invalid` names what to mend."""
    try:
        return OpenIdRules.from_yaml(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        places = {".".join(map(str, item["loc"])) or "file" for item in error.errors()}
        fields = ", ".join(sorted(places))
    except (OSError, yaml.YAMLError, TypeError, ValueError, RecursionError):
        fields = "file"
    raise SettingsError("openid_invalid", path=str(path), fields=fields)
