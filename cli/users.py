"""`radraft users`: who has an account, and what at which site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from radraft.cli.output import Output, command
from radraft.reports.roles import Membership, parsed_membership

if TYPE_CHECKING:
    from radraft.cli.context import Context
    from radraft.core.settings import Settings
    from radraft.pipeline.sign_in import SignIn
    from radraft.reports.accounts import Account

app = typer.Typer(help="Accounts of the people who sign in.", no_args_is_help=True)

Login = Annotated[str, typer.Argument(help="Log-in name.")]
Roles = Annotated[
    list[str],
    typer.Option("--role", help="role@site, such as attending@north; @* for all sites. Repeat."),
]


@command(app, "add")
def add(
    login: Login,
    name: Annotated[str, typer.Option("--name", help="As it stands under a report.")],
    role: Roles,
    out: Output,
) -> None:
    """Make an account, and print a link by which its person sets a password, once, in 24 hours."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    memberships = _memberships(role)
    with opened() as context:
        account, secret = _sign_in(context).add_account(login, name, memberships, by=command_line())
        link = password_link(context.settings, secret)
    out.result({"login": account.login, "link": link}, f"{account.login}\n{link}")


@command(app, "list")
def list_all(out: Output) -> None:
    """List all accounts."""
    from radraft.cli.context import opened
    from radraft.store import accounts

    with opened() as context, context.store.read() as session:
        found = accounts.every(session)
    rows = [
        {
            "login": account.login,
            "name": account.name,
            "roles": _written(account),
            "disabled": account.disabled,
            "demo": account.demo,
        }
        for account in found
    ]
    lines = (
        f"{account.login}  {account.name}  {' '.join(_written(account))}"
        f"{'  disabled' if account.disabled else ''}"
        for account in found
    )
    out.result({"accounts": rows}, "\n".join(lines))


@command(app, "roles")
def roles(login: Login, role: Roles, out: Output) -> None:
    """Make these the roles of an account, and no others. They hold from its next request on."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    memberships = _memberships(role)
    with opened() as context:
        account = _sign_in(context).set_memberships(login, memberships, by=command_line())
    held = _written(account)
    out.result({"login": account.login, "roles": held}, f"{account.login}  {' '.join(held)}")


@command(app, "disable")
def disable(
    login: Login,
    out: Output,
    again: Annotated[bool, typer.Option("--undo", help="Enable it again.")] = False,
) -> None:
    """Disable an account and end its sessions. Accounts are never deleted: reports name them."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    with opened() as context:
        _sign_in(context).set_disabled(login, disabled=not again, by=command_line())
    out.result({"login": login, "disabled": not again}, login)


@command(app, "link")
def link(login: Login, out: Output) -> None:
    """Print a link by which the person of an account sets a new password, once, in 24 hours."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    with opened() as context:
        shown = password_link(
            context.settings, _sign_in(context).password_link(login, by=command_line())
        )
    out.result({"login": login, "link": shown}, shown)


@command(app, "end-sessions")
def end_sessions(login: Login, out: Output) -> None:
    """Sign a person out everywhere."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    with opened() as context:
        ended = _sign_in(context).revoke(login, by=command_line())
    out.result({"login": login, "ended": ended}, f"{ended} ended")


@command(app, "reset-second-factor")
def reset_second_factor(login: Login, out: Output) -> None:
    """Forget a person's telephone and recovery codes; he enrols another at his next sign-in."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line

    with opened() as context:
        _sign_in(context).reset_second_factor(login, by=command_line())
    out.result({"login": login}, login)


def password_link(settings: Settings, secret: str) -> str:
    """Return the address at which a person sets his password."""
    return f"{settings.url}/sign-in#password={secret}"


def first_link(settings: Settings, secret: str) -> str:
    """Return the address at which the first administrator is made."""
    return f"{settings.url}/sign-in#first={secret}"


def _sign_in(context: Context) -> SignIn:
    from radraft.pipeline.sign_in import SignIn, session_terms

    return SignIn(context.store, session_terms(context.settings))


def _memberships(roles: list[str]) -> list[Membership]:
    return [parsed_membership(text) for text in roles]


def _written(account: Account) -> list[str]:
    return [f"{held.role.value}@{held.site}" for held in sorted(account.memberships)]
