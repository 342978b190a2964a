"""`radraft tokens`: by which tokens other programs are let in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from radraft.cli.output import Output, command

app = typer.Typer(help="Tokens by which other programs are let in.", no_args_is_help=True)


@command(app, "add")
def add(
    name: Annotated[str, typer.Argument(help="The program that will use it, as the audit shows.")],
    site: Annotated[list[str], typer.Option("--site", help="Where; * for all sites. Repeat.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            help="read: signed reports; intake: send studies in; export: tables; link: open a "
            "study for a person. Repeat.",
        ),
    ],
    days: Annotated[int, typer.Option("--days", help="How long it lasts, 366 at most.")],
    out: Output,
) -> None:
    """Make a token and print it, this once. It goes into an `Authorization: Bearer` header."""
    from datetime import UTC, datetime

    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line
    from radraft.pipeline.machine_tokens import MachineTokens
    from radraft.reports.machine_tokens import terms_of

    terms = terms_of(name, site, scope, days)
    with opened() as context:
        token, secret = MachineTokens(context.store).make(terms, by=command_line())
    shown = token.plain(datetime.now(UTC))
    out.result({"token": shown, "secret": secret}, f"{_line(shown)}\n{secret}")


@command(app, "list")
def list_all(out: Output) -> None:
    """List all tokens, newest first: where, what for, until when, last used, by whom made."""
    from datetime import UTC, datetime

    from radraft.cli.context import opened
    from radraft.pipeline.machine_tokens import MachineTokens

    with opened() as context:
        found = MachineTokens(context.store).every()
    now = datetime.now(UTC)
    shown = [token.plain(now) for token in found]
    out.result({"tokens": shown}, "\n".join(map(_line, shown)))


@command(app, "revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="As `radraft tokens list` prints it: t-...")],
    out: Output,
) -> None:
    """Let a token be used no more, from its next request on."""
    from datetime import UTC, datetime

    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import command_line
    from radraft.pipeline.machine_tokens import MachineTokens

    with opened() as context:
        token = MachineTokens(context.store).revoke(token_id, by=command_line())
    shown = token.plain(datetime.now(UTC))
    out.result({"token": shown}, _line(shown))


def _line(shown: dict[str, Any]) -> str:
    used = f"used {shown['used_at']}" if shown["used_at"] else "never used"
    where = f"{' '.join(shown['scopes'])} at {' '.join(shown['sites'])}"
    until = f"{shown['state']}, ends {shown['expires_at'][:10]}"
    return f"{shown['token_id']}  {shown['name']}  {where}  {until}  {used}  by {shown['made_by']}"
