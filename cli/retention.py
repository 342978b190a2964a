"""`radraft retention`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from radraft.cli.output import Output
from radraft.core.errors import message

if TYPE_CHECKING:
    from radraft.pipeline.retention import RetentionResult, RetentionSum
    from radraft.store.retention_rules import SetRetentionRule


def run(out: Output, *, apply: bool) -> None:
    """Say what the rule of each site would do now, or do it."""
    from radraft.cli.context import opened
    from radraft.pipeline import retention
    from radraft.pipeline.audit_trail import command_line

    now = datetime.now(UTC)
    with opened() as context, out.waiting("radraft retention") as move:
        if apply:
            results = retention.apply(context.store, context.settings, command_line(), now, move)
        else:
            results = retention.plan(context.store, now, move)
    lines = [line for result in results for line in _lines(result, applied=apply)]
    if not results:
        lines.append("No site has a rule: everything is kept. --rule sets one (docs/retention.md).")
    needs_archive = any(result.rule.rule.moves for result in results)
    if needs_archive and context.settings.archive_dir is None:
        lines += message("retention_archive_unset", {})
    if not apply:
        lines.append("Nothing was changed; --apply does it.")
    out.result({"applied": apply, "sites": list(map(_plain, results))}, "\n".join(lines))
    if any(result.rule.damaged for result in results):
        out.fail()


def change(out: Output, written: Sequence[str], site: str | None) -> None:
    """Make what is `written` the rule of a site; without a term everything is kept."""
    from radraft.cli.context import opened
    from radraft.pipeline import retention_rules
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.retention import parse

    rule = parse(written)
    now = datetime.now(UTC)
    with opened() as context, context.store.begin() as session:
        where = site or context.settings.site
        changed = retention_rules.change(session, where, rule, by=command_line(), now=now)
    out.result(_rule(changed), "\n".join(_rule_lines(changed)))


def _lines(result: RetentionResult, *, applied: bool) -> list[str]:
    done = ("moved", "dropped") if applied else ("would be moved", "would be dropped")
    lines = _rule_lines(result.rule)
    lines += [
        f"  {said}: {_sum(part)}"
        for said, part in zip(done, (result.moved, result.dropped), strict=True)
    ]
    lines += [f"  kept, {why.value}: {count} studies" for why, count in result.held_back.items()]
    return lines


def _rule_lines(rule: SetRetentionRule) -> list[str]:
    terms = [f"  {term}" for term in rule.rule.terms] or ["  everything is kept"]
    if rule.damaged:
        terms = ["  damaged: everything is kept. Set the rule again, or restore it from a backup."]
    return [f"{rule.site}: rule {rule.number}", *terms]


def _sum(part: RetentionSum) -> str:
    size = f"{part.bytes / (1 << 20):,.1f} MiB"
    return f"{part.studies:,} studies, {part.objects:,} objects, {size}"


def _plain(result: RetentionResult) -> dict[str, Any]:
    return {
        **_rule(result.rule),
        "moved": _plain_sum(result.moved),
        "dropped": _plain_sum(result.dropped),
        "held_back": {why.value: count for why, count in result.held_back.items()},
    }


def _plain_sum(part: RetentionSum) -> dict[str, int]:
    return {"studies": part.studies, "objects": part.objects, "bytes": part.bytes}


def _rule(rule: SetRetentionRule) -> dict[str, Any]:
    return {
        "site": rule.site,
        "rule": rule.number,
        "terms": list(map(str, rule.rule.terms)),
        "damaged": rule.damaged,
    }
