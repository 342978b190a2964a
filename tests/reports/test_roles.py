"""Who may do what, and at which site."""

from __future__ import annotations

import pytest

from radraft.reports.roles import (
    EVERY_SITE,
    PERMISSIONS,
    Membership,
    Permission,
    Role,
    permissions_at,
    sites_with,
)

READING_PATIENTS = {Permission.READ_SIGNED, Permission.READ_UNSIGNED, Permission.WRITE}


def test_every_role_stands_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Role)


def test_only_an_attending_signs() -> None:
    assert {role for role in Role if Permission.SIGN in PERMISSIONS[role]} == {Role.ATTENDING}


def test_a_clinician_reads_what_is_signed_and_asks_and_nothing_else() -> None:
    assert PERMISSIONS[Role.CLINICIAN] == {Permission.READ_SIGNED, Permission.ASK}


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.ADMINISTRATOR])
def test_who_runs_the_machine_reads_no_report(role: Role) -> None:
    assert not PERMISSIONS[role] & READING_PATIENTS


def test_a_person_may_be_something_else_at_another_site() -> None:
    held = frozenset({Membership("north", Role.ATTENDING), Membership("south", Role.CLINICIAN)})
    assert permissions_at(held, "north") == PERMISSIONS[Role.ATTENDING]
    assert permissions_at(held, "south") == PERMISSIONS[Role.CLINICIAN]
    assert permissions_at(held, "west") == frozenset()
    assert sites_with(held, Permission.SIGN) == {"north"}
    assert sites_with(held, Permission.READ_SIGNED) == {"north", "south"}


def test_two_roles_at_one_site_add_up() -> None:
    held = frozenset({Membership("north", Role.RESIDENT), Membership("north", Role.ADMINISTRATOR)})
    wanted = PERMISSIONS[Role.RESIDENT] | PERMISSIONS[Role.ADMINISTRATOR]
    assert permissions_at(held, "north") == wanted


def test_every_site_is_every_site() -> None:
    held = frozenset({Membership(EVERY_SITE, Role.ATTENDING)})
    assert Permission.SIGN in permissions_at(held, "anywhere")


def test_a_membership_names_its_site() -> None:
    with pytest.raises(ValueError, match="site"):
        Membership("", Role.CLINICIAN)
