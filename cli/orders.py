"""`radraft orders`: what came over HL7, what was refused, and whose orders a person has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radraft.cli.output import Output, reporting
from radraft.core.errors import MessageError, catalogue

if TYPE_CHECKING:
    from radraft.reports.order_matching import LinkState
    from radraft.store.order_messages import StoredMessage
    from radraft.store.orders import StoredOrder

app = typer.Typer(help="Orders that came over HL7, and messages kept.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Number = Annotated[int, typer.Argument(help="A message's number, as `radraft orders list` has it.")]
LISTED = 200
"""Most orders and messages of one listing, the newest."""


@app.command("list")
def list_orders(
    asked: Annotated[
        bool, typer.Option("--asked", help="Only orders of which a person has to say whose.")
    ] = False,
    json: Json = False,
) -> None:
    """List the messages that are kept for a person, and the newest orders; nobody is named."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.store import order_messages, orders
        from radraft.store.order_messages import MessageState

        with opened() as context, context.store.read() as session:
            kept = order_messages.listing(session, MessageState.KEPT, limit=LISTED)
            found = orders.listing(session, asked=asked, limit=LISTED)
            links = {order.order_id: orders.links(session, order.order_id) for order in found}
        lines = [line for message in kept for line in _message_lines(message)]
        lines += [_order_line(order, links[order.order_id]) for order in found]
        out.result(
            {
                "messages": [_message_row(message) for message in kept],
                "orders": [_order_row(order, links[order.order_id]) for order in found],
            },
            "\n".join(lines) or "Nothing came.",
        )


@app.command()
def show(number: Number, json: Json = False) -> None:
    """Print a kept message as it came: identity of a patient, for whoever mends the interface."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.exchange.hl7_bytes import decoded
        from radraft.store import order_messages

        with opened() as context, context.store.read() as session:
            message = order_messages.get(session, number)
        content = message.content or b""
        try:
            text = decoded(content).text
        except MessageError:
            text = content.decode("latin-1")
        row = _message_row(message) | {"content": text}
        shown = text.replace("\r\n", "\n").replace("\r", "\n")
        out.result(row, "\n".join((*_message_lines(message), shown)))


@app.command()
def retry(
    number: Annotated[
        int | None, typer.Argument(help="A message's number; none: all that are kept.")
    ] = None,
    json: Json = False,
) -> None:
    """Read kept messages again: after an upgrade, or once they can be read. Exit 3 where not."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.pipeline.order_intake import OrderIntake
        from radraft.store import order_messages
        from radraft.store.order_messages import MessageState

        with opened() as context:
            intake = OrderIntake(context.store)
            if number is not None:
                numbers = [number]
            else:
                with context.store.read() as session:
                    kept = order_messages.listing(session, MessageState.KEPT, limit=100_000)
                # As they came.
                numbers = sorted(message.message_id for message in kept)
            found = {each: intake.read_again(each) for each in numbers}
        taken = sum(code is None for code in found.values())
        refused = {str(each): code for each, code in found.items() if code is not None}
        lines = [f"Taken: {taken}", *(f"{each}: {code}" for each, code in refused.items())]
        out.result({"taken": taken, "refused": refused}, "\n".join(lines))
        if refused:
            out.fail(3)


@app.command()
def drop(number: Number, json: Json = False) -> None:
    """Say that a kept message is not wanted; what it said is deleted."""
    with reporting(Output(json)) as out:
        from radraft.cli.context import opened
        from radraft.store import order_messages

        with opened() as context, context.store.begin() as session:
            order_messages.drop(session, number)
        out.result({"dropped": number}, f"Message {number} is dropped.")


def _message_row(message: StoredMessage) -> dict[str, Any]:
    return {
        "number": message.message_id,
        "received_at": message.received_at,
        "site": message.site,
        "sender": message.key.sender,
        "control_id": message.key.control_id,
        "kind": message.kind,
        "state": message.state.value,
        "code": message.code,
        "repeats": message.repeats,
    }


def _message_lines(message: StoredMessage) -> list[str]:
    when = message.received_at.astimezone().isoformat(sep=" ", timespec="seconds")
    head = f"{message.message_id}  {when}  {message.site}  {message.key.sender}"
    entry = catalogue().get(message.code or "", {"zh": "", "en": ""})
    told = [f"  {entry[lang]}" for lang in ("zh", "en") if entry[lang] and "{" not in entry[lang]]
    return [f"{head}  {message.key.control_id}  {message.kind}  {message.code}", *told]


def _order_row(stored: StoredOrder, links: dict[str, LinkState]) -> dict[str, Any]:
    order = stored.order
    return {
        "number": stored.order_id,
        "site": order.site,
        "source": stored.source.value,
        "state": order.state.value,
        "priority": order.priority.value,
        "modality": order.procedure.modality,
        "received_at": stored.received_at,
        "changed_at": stored.changed_at,
        "cases": {case_id: state.value for case_id, state in sorted(links.items())},
    }


def _order_line(stored: StoredOrder, links: dict[str, LinkState]) -> str:
    order = stored.order
    when = stored.received_at.astimezone().isoformat(sep=" ", timespec="seconds")
    cases = " ".join(f"{case_id}:{state.value}" for case_id, state in sorted(links.items()))
    what = f"{order.state.value}  {order.priority.value}  {order.procedure.modality or '-'}"
    return f"order {stored.order_id}  {when}  {order.site}  {what}  {cases or 'no study yet'}"
