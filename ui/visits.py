"""People whom a hospital's system let in by a link: to the studies of one accession number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from radraft.reports.audit import AuditActor
from radraft.reports.people import Actor, ActorRole, Person, PersonKind
from radraft.reports.roles import EVERY_SITE, Permission
from radraft.store import numbered_studies

if TYPE_CHECKING:
    from radraft.reports.machine_tokens import MachineToken
    from radraft.store.database import Store
    from radraft.store.visits import Visit

COOKIE = "radraft-visit"
"""Beside a session's, so that a link opened at a desk puts nobody out, nor acts under his name."""
REF = "h-"
"""How the name of whoever came by a link begins where a page says whose it is."""
VISITORS = frozenset({Permission.READ_SIGNED, Permission.ASK})
"""What a visitor may do with the studies he came for."""


@dataclass(frozen=True)
class Visitor:
    """A person who asks, and is known by the word of the program whose token made his link."""

    visit: Visit
    token: MachineToken
    needed: Permission | None
    """None: to be there is enough."""
    site: str = ""
    """Of what is asked for; empty for a list."""
    address: str = ""
    """Where from."""

    reading_site = ""
    """He reads for no other site."""

    @property
    def account_id(self) -> str:
        """Return what stands in the place of an account's id."""
        return self.visit.person_ref

    @property
    def asked_by(self) -> str:
        """Return by which visit he asks."""
        return self.visit.visit_id

    @property
    def audit_actor(self) -> AuditActor:
        """Return him as the audit names him."""
        return AuditActor(self.visit.name, self.visit.person_ref, self.address)

    @property
    def sites(self) -> frozenset[str] | None:
        """Return the sites whose part of a list he may see; None: all."""
        return self.sites_with(self.needed) if self.needed is not None else None

    def sites_with(self, permission: Permission) -> frozenset[str] | None:
        """Return the sites at which he may do something; None: all."""
        if permission not in VISITORS:
            return frozenset()
        return None if EVERY_SITE in self.token.sites else self.token.sites

    def may(self, permission: Permission) -> bool:
        """Return whether he may do something at the same site; of a list, at any."""
        return permission in VISITORS and (not self.site or self.token.holds_at(self.site))

    def at(self, site: str, readers: Sequence[str]) -> Visitor:
        """Return him where he asks for something of `site`; he reads for no other."""
        return replace(self, site=site)

    @property
    def actor(self) -> Actor:
        """Return him as the service takes him."""
        who = Person(PersonKind.ACCOUNT, self.visit.name, self.visit.person_ref)
        return Actor(who, ActorRole.CLINICIAN, self.site, self.address)

    def came_for(self, store: Store, named: dict[str, str]) -> bool:
        """Return whether what a path names is of the study that he came for."""
        accession = self.visit.accession
        with store.read() as session:
            if "case_id" in named:
                return numbered_studies.is_of(session, named["case_id"], accession)
            if "image_id" in named:
                return numbered_studies.image_is_of(
                    session, named["image_id"], accession, self.sites_with(Permission.READ_SIGNED)
                )
        return True
