"""What devices sent in the last hour and how good it is, for the people who took it."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from radraft.core.errors import stored_message
from radraft.pipeline.inbox import now
from radraft.pipeline.quality_verdict import Remark, remarks_of
from radraft.reports.people import Person
from radraft.store import arrival_lines, image_verdicts, retakes
from radraft.store.arrival_lines import MOST_LINES, ArrivalLine, Device
from radraft.store.retakes import RetakeLink

if TYPE_CHECKING:
    from radraft.store.database import Store

SHOWN = timedelta(hours=1)
"""How far back the page goes."""
DEVICES = timedelta(days=7)
"""A device that sent nothing for so long is no choice any more."""


@dataclass(frozen=True)
class DeviceChoice:
    """A device that one can ask for."""

    device_id: str
    """A keyed hash: it stands in addresses, and they are logged."""
    device: Device


@dataclass(frozen=True)
class ArrivedLine:
    """One line, with what to correct in both languages."""

    line_id: str
    """Stable while the line is the same."""
    line: ArrivalLine
    remarks: tuple[Remark, ...]
    """What is wrong, the most serious first."""
    problem: tuple[str, str] | None
    """(zh, en): why it was refused or cannot be read, and what to do."""
    link: RetakeLink | None
    replaced_by: int | None
    may_replace: tuple[int, ...] = ()
    """Earlier films of its patient on the page, the newest first."""


@dataclass(frozen=True)
class ArrivedImages:
    """The page's content at one moment."""

    lines: tuple[ArrivedLine, ...]
    """The newest first."""
    cut: bool
    """Whether there were more lines than are shown."""
    devices: tuple[DeviceChoice, ...]
    device: DeviceChoice | None = None
    """Which one was asked for."""
    hours: int = field(default=round(SHOWN / timedelta(hours=1)))


def arrived(
    store: Store, sites: Collection[str] | None, device_id: str = "", *, at: datetime | None = None
) -> ArrivedImages:
    """Return what arrived in the hour before `at` (now, where it is not given), at these sites.

    `sites` None: at all. A `device_id` that is no choice of these sites is asked for in vain: then
    what came from everywhere is shown, and `device` is None.
    """
    moment = at or now()
    with store.read() as session:
        known = arrival_lines.devices(session, moment - DEVICES, sites)
        choices = tuple(DeviceChoice(_device_id(store, device), device) for device in known)
        chosen = next((choice for choice in choices if choice.device_id == device_id), None)
        lines = arrival_lines.lines(
            session,
            moment - SHOWN,
            sites=sites,
            device=None if chosen is None else chosen.device,
        )
        links = retakes.links(session, [line.arrival_id for line in lines if line.is_image])
    shown = tuple(_shown(store, line, links) for line in lines)
    return ArrivedImages(_with_earlier(shown), len(lines) >= MOST_LINES, choices, chosen)


def picture(store: Store, arrival_id: int) -> bytes:
    """Return the small PNG of an arrival. NotFound `arrival_picture_gone`."""
    with store.read() as session:
        return image_verdicts.thumbnail(session, arrival_id)


def link_retake(
    store: Store, arrival_id: int, replaces: int | None, *, base_revision: int, by: Person
) -> RetakeLink:
    """Link a retake by hand, or with None unlink it. Errors as `store.retakes.link_by_hand`."""
    with store.begin() as session:
        return retakes.link_by_hand(
            session, arrival_id, replaces, base_revision=base_revision, by=by, now=now()
        )


def _shown(store: Store, line: ArrivalLine, links: dict[int, RetakeLink]) -> ArrivedLine:
    later = [link.arrival_id for link in links.values() if link.replaces == line.arrival_id]
    return ArrivedLine(
        line_id=_keyed(store, "line", line.key, line.device.site, line.device.source),
        line=line,
        remarks=remarks_of(line.reasons),
        problem=None if line.code is None else stored_message(line.code, {}),
        link=links.get(line.arrival_id) if line.is_image else None,
        replaced_by=max(later) if later and line.is_image else None,
    )


def _with_earlier(lines: Sequence[ArrivedLine]) -> tuple[ArrivedLine, ...]:
    """Return the lines, each film with the earlier ones of its patient."""
    films: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for shown in lines:
        for name in _whose(shown.line):
            films[name].append(shown.line.arrival_id)
    found = []
    for shown in lines:
        mine = shown.line.arrival_id
        same = {other for name in _whose(shown.line) for other in films[name] if other < mine}
        found.append(replace(shown, may_replace=tuple(sorted(same, reverse=True))))
    return tuple(found)


def _whose(line: ArrivalLine) -> list[tuple[str, str, str]]:
    """Return by what a film is known to be of one examination with another: study, patient."""
    if not line.is_image:
        return []
    named = {"study": line.study_uid, "patient": line.patient_id}
    return [(line.device.site, kind, value) for kind, value in named.items() if value]


def _device_id(store: Store, device: Device) -> str:
    return _keyed(store, "device", device.site, device.source, device.station)


def _keyed(store: Store, *parts: str) -> str:
    return hmac.new(store.secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:16]
