"""What a citation bears: the texts behind `report/sentence` and `report/field`."""

from __future__ import annotations

from collections.abc import Mapping

from radraft.eval.asking.stated import StatedDate, dates, normal, times
from radraft.eval.asking.values import AskedReport


def cited_texts(citation: str, reports: Mapping[str, AskedReport]) -> tuple[str, ...]:
    """The texts of a citation in each language they stand in; none for what is not there."""
    key, _, part = citation.partition("/")
    report = reports.get(key)
    if report is None:
        return ()
    for sentence in report.sentences:
        if sentence.id == part:
            return sentence.given
    return _field(report, part)


def own_words(text: str, quoted: tuple[str, ...]) -> str:
    """`text`, normal, without what it quotes word for word; the quotation's last stop may lack."""
    plain = normal(text)
    for quotation in sorted(
        (normal(one).rstrip(".。;；") for one in quoted), key=len, reverse=True
    ):
        if quotation:
            plain = plain.replace(quotation, " ")
    return normal(plain)


def quotes(text: str, quoted: tuple[str, ...]) -> bool:
    """Whether one of `quoted` stands word for word in `text`."""
    plain = normal(text)
    return any(normal(one).rstrip(".。;；") in plain for one in quoted if one.strip())


def known_dates(report: AskedReport) -> tuple[list[StatedDate], set[str]]:
    """The dates and times of day that a report carries beside its text."""
    said = list(vars(report.times).values())
    if report.critical_alert is not None:
        said += [report.critical_alert.told_at, report.critical_alert.acknowledged_at or ""]
    said += [addendum.signed for addendum in report.addenda]
    text = " ".join(stamp.replace("T", " ")[:16] for stamp in said)
    return dates(text), times(text)


def people(report: AskedReport) -> set[str]:
    """The names of staff that a report carries."""
    given = [*report.author.given]
    if report.reviewer is not None:
        given += report.reviewer.given
    for addendum in report.addenda:
        given += addendum.author.given
    for titled in (
        report.order.ordered_by.name,
        report.critical_alert.told if report.critical_alert else "",
    ):
        given += _names(titled)
    return {normal(name) for name in given}


def _names(titled: str) -> list[str]:
    """`Dr. Luo Feng 罗锋` holds two."""
    words = titled.removeprefix("Dr.").split()
    latin = " ".join(word for word in words if word.isascii())
    return [name for name in (latin, *(word for word in words if not word.isascii())) if name]


def _field(report: AskedReport, field: str) -> tuple[str, ...]:
    if field == "technique":
        return report.examination.technique.given
    if field == "quality":
        quality = report.examination.quality
        return quality.given if quality else ()
    if field == "history":
        return (report.order.history,)
    if field == "ordered_by":
        return (f"{report.order.ordered_by.department} {report.order.ordered_by.name}",)
    if field == "author":
        return report.author.given
    if field == "reviewer":
        return report.reviewer.given if report.reviewer else ()
    if field == "performed_at":
        return (report.times.performed.replace("T", " ")[:16],)
    if field == "signed_at":
        return (report.times.signed.replace("T", " ")[:16],)
    alert = report.critical_alert
    if field == "critical_alert" and alert is not None:
        return (
            f"{alert.finding}, {alert.told}, {alert.told_at.replace('T', ' ')[:16]}, "
            f"{(alert.acknowledged_at or '').replace('T', ' ')[:16]}",
        )
    return ()
