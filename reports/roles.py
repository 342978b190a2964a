"""What the people of a site may do: roles, permissions, and the one table that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from radraft.core.errors import SignInError

EVERY_SITE = "*"
"""Stands for all sites in a membership: of an administrator of several, or of a reading centre."""


class Role(StrEnum):
    """What a person was made at a site. A person may be something else at another."""

    RESIDENT = "resident"
    """Writes reports (书写), and submits them for review."""
    ATTENDING = "attending"
    """Writes, reviews (审核) and signs."""
    CLINICIAN = "clinician"
    """Reads signed reports and asks about them."""
    TECHNOLOGIST = "technologist"
    """Sends images in, and sees what became of them."""
    ENGINEER = "engineer"
    """Evaluates and trains on de-identified pairs; sees no patient."""
    ADMINISTRATOR = "administrator"
    """Accounts, figures of the site, the audit; writes and signs nothing."""


class Permission(StrEnum):
    """One thing that a role may do or not."""

    READ_SIGNED = "read_signed"
    """Signed reports with whose they are and their key images."""
    READ_UNSIGNED = "read_unsigned"
    """The worklist, drafts, reports that are being written, their warnings and priors."""
    ASK = "ask"
    """Follow-up questions about signed reports."""
    WRITE = "write"
    """Edit a report, choose its key images, dismiss its warnings, have it drafted anew."""
    SIGN = "sign"
    AMEND = "amend"
    """Reopen a signed report."""
    ALERTS = "alerts"
    """See open critical values and take the steps with them."""
    REGISTER = "register"
    """The register of critical values."""
    INTAKE = "intake"
    """Send studies in, and see what became of them."""
    QUALITY = "quality"
    """Figures of image quality, of the warnings, and of what clinicians ask."""
    MODELS = "models"
    """Evaluation, the flywheel's figures, adapters, de-identified pairs."""
    EXPORT = "export"
    """Signed reports in the forms that other systems read."""
    ACCOUNTS = "accounts"
    """Who has an account, and what at which site."""
    AUDIT = "audit"
    CONFIGURE = "configure"
    """What differs between two sites; start, stop, verify, back up."""


_WRITER = frozenset(
    {
        Permission.READ_SIGNED,
        Permission.READ_UNSIGNED,
        Permission.ASK,
        Permission.WRITE,
        Permission.ALERTS,
        Permission.REGISTER,
        Permission.INTAKE,
        Permission.QUALITY,
    }
)

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.RESIDENT: _WRITER,
        Role.ATTENDING: _WRITER | {Permission.SIGN, Permission.AMEND},
        Role.CLINICIAN: frozenset({Permission.READ_SIGNED, Permission.ASK}),
        Role.TECHNOLOGIST: frozenset({Permission.INTAKE, Permission.QUALITY}),
        Role.ENGINEER: frozenset({Permission.MODELS}),
        Role.ADMINISTRATOR: frozenset(
            {
                Permission.ACCOUNTS,
                Permission.AUDIT,
                Permission.CONFIGURE,
                Permission.QUALITY,
                Permission.REGISTER,
                Permission.MODELS,
            }
        ),
    }
)
"""The table of who may do what. Every route, page and command asks it, and nothing else."""


class Scope(StrEnum):
    """What a machine's token may be used for; the table of routes says where. No scope writes,
    signs, asks or configures; with `LINK` the person whom a program names may ask."""

    READ = "read"
    """Signed reports, their images, and the list of them."""
    INTAKE = "intake"
    """Send studies in."""
    EXPORT = "export"
    """Tables for other programs."""
    LINK = "link"
    """Open a signed study for a person whom the program answers for: the hospital's system."""


@dataclass(frozen=True, order=True)
class Membership:
    """What somebody is at one site, or at `EVERY_SITE`. ValueError for a site without a name."""

    site: str
    role: Role

    def __post_init__(self) -> None:
        """Raise ValueError for a site without a name."""
        if not self.site:
            raise ValueError("a membership names its site")

    def holds_at(self, site: str) -> bool:
        """Return whether it says anything about `site`."""
        return self.site in (site, EVERY_SITE)


def parsed_membership(text: str) -> Membership:
    """Return the membership that is written `role@site`. SignInError `membership_invalid`."""
    role, _, site = text.partition("@")
    if role not in set(Role) or not 1 <= len(site) <= 64 or not site.isprintable():
        raise SignInError("membership_invalid", roles=", ".join(Role))
    return Membership(site, Role(role))


def permissions_at(memberships: frozenset[Membership], site: str) -> frozenset[Permission]:
    """Return all that somebody may do at `site`."""
    given = (PERMISSIONS[held.role] for held in memberships if held.holds_at(site))
    return frozenset().union(*given)


READING_FOR_OTHERS = frozenset(
    {
        Permission.READ_SIGNED,
        Permission.READ_UNSIGNED,
        Permission.WRITE,
        Permission.SIGN,
        Permission.AMEND,
        Permission.ALERTS,
    }
)
"""What of his role somebody who writes reports may do with a study of another site that was sent to
his own to be read."""


def sites_with(memberships: frozenset[Membership], permission: Permission) -> frozenset[str]:
    """Return the sites at which somebody may do something; `EVERY_SITE` stands for all."""
    return frozenset(held.site for held in memberships if permission in PERMISSIONS[held.role])
