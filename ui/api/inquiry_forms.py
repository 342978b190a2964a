"""Questions to radiologists, and what people think of answers, as the pages take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from radraft.core import canonical

if TYPE_CHECKING:
    from radraft.pipeline.signed_studies import ShownInquiry
    from radraft.reports.inquiry import InquiryEvent
    from radraft.reports.people import Person
    from radraft.store.turn_marks import TurnMark

Form = dict[str, Any]


def inquiry(shown: ShownInquiry, account_id: str) -> Form:
    """Return an inquiry; `mine`: whether `account_id` asked it, `to_me`: whether it is put to
    him."""
    asked, events = shown.record.inquiry, shown.record.events
    seen = next((event for event in events if event.move in ("see", "take")), None)
    withdrawn = next((event for event in events if event.move == "withdraw"), None)
    return {
        "inquiry_id": asked.inquiry_id,
        "question": asked.text,
        "lang": asked.lang,
        "version": asked.version,
        "turn_id": asked.turn_id,
        "asked_by": asked.asked_by.name,
        "asked_at": canonical.plain(asked.asked_at),
        "mine": _is(asked.asked_by, account_id),
        "to": None if asked.to is None else asked.to.name,
        "to_me": asked.to is not None and _is(asked.to, account_id),
        "to_here": shown.to_here,
        "state": asked.state.value,
        "revision": asked.revision,
        "seen": None if seen is None else _step(seen),
        "withdrawn": None if withdrawn is None else _step(withdrawn),
        "answers": [
            _step(event) | {"text": event.text, "version": event.version}
            for event in shown.record.answers
        ],
    }


def marks(given: Iterable[TurnMark], account_id: str) -> Form:
    """Return how many found an answer right or wrong, and what `account_id` said of it."""
    given = tuple(given)
    own = next((mark for mark in given if _is(mark.by, account_id)), None)
    return {
        "up": sum(mark.verdict == "up" for mark in given),
        "down": sum(mark.verdict == "down" for mark in given),
        "own": None
        if own is None
        else {"verdict": own.verdict.value, "correction": own.correction},
    }


def _step(event: InquiryEvent) -> Form:
    return {"by": event.by.name, "at": canonical.plain(event.at)}


def _is(person: Person, account_id: str) -> bool:
    return person.id == account_id
