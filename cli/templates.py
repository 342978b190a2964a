"""`radraft templates`: report templates of a site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from radraft.cli.output import Output, command

if TYPE_CHECKING:
    from radraft.pipeline.report_templates import ReportTemplates
    from radraft.store.templates import SiteTemplate

app = typer.Typer(help="Report templates of a site.", no_args_is_help=True)

Site = Annotated[str, typer.Option("--site", help="Whose; else this installation's site.")]
MOST_BYTES = 500_001
"""Of a file that is read: one more than a template may have."""


@command(app, "list")
def list_all(site: Site = "", *, out: Output) -> None:
    """List a site's templates: its own, then those that come with radraft."""
    with _opened(site) as (templates, where):
        found = templates.overview(frozenset({where}))
    shown = [_plain(known) for of_site in found for known in of_site.templates]
    out.result({"site": where, "templates": shown}, "\n".join(map(_line, shown)))


@command(app, "import")
def bring_in(
    files: Annotated[list[Path], typer.Argument(help="YAML, or MRRT (HTML).")],
    site: Site = "",
    *,
    out: Output,
) -> None:
    """Bring templates in as a site's own. A file that is refused is named with the reason, and the
    others are brought in all the same."""
    from radraft.core.errors import ReportError
    from radraft.pipeline.audit_trail import command_line
    from radraft.reports.people import Person, PersonKind

    by = Person(PersonKind.TYPED, command_line().name)
    shown: list[dict[str, Any]] = []
    with _opened(site) as (templates, where):
        for file in files:
            try:
                content = _read(file)
                kept = templates.import_file(where, content, file.stem, by=by)
            except ReportError as error:
                shown.append({"file": str(file), **error.as_json()})
            else:
                shown.append({"file": str(file), **_plain(kept)})
    out.result({"site": where, "files": shown}, "\n".join(map(_line, shown)))
    if any("code" in line for line in shown):
        out.fail()


@command(app, "export")
def export(
    template_id: Annotated[str, typer.Argument(help="As `radraft templates list` prints it.")],
    form: Annotated[
        Literal["yaml", "html"], typer.Option("--form", help="yaml, or html: MRRT.")
    ] = "yaml",
    site: Site = "",
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; else it is printed.")
    ] = None,
    *,
    out: Output,
) -> None:
    """Print a template, or write it to a file."""
    with _opened(site) as (templates, where):
        text = templates.exported(where, template_id, form)
    if file is not None:
        file.write_text(text, encoding="utf-8", newline="\n")
    shown = str(file) if file is not None else text.rstrip("\n")
    out.result({"template": template_id, "form": form, "text": text}, shown)


@contextmanager
def _opened(site: str) -> Iterator[tuple[ReportTemplates, str]]:
    """The templates of the store, and the site that is meant."""
    from radraft.cli.context import opened
    from radraft.pipeline.audit_trail import AuditTrail
    from radraft.pipeline.report_templates import ReportTemplates

    with opened() as context, closing(AuditTrail(context.store)) as trail:
        home = context.settings.site
        yield ReportTemplates(context.store, trail, site=home), site or home


def _read(file: Path) -> bytes:
    from radraft.core.errors import ReportError

    try:
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES)
    except OSError:
        raise ReportError("template_format", file=str(file)) from None


def _plain(known: SiteTemplate) -> dict[str, Any]:
    template = known.template
    return {
        "id": template.id,
        "version": template.version,
        "name_zh": template.name.text("zh"),
        "name_en": template.name.text("en"),
        "modalities": list(template.modalities),
        "body_parts": list(template.body_parts),
        "lines": len(template.lines),
        "own": known.own,
        "enabled": known.enabled,
    }


def _line(shown: dict[str, Any]) -> str:
    if "code" in shown:
        return f"{shown['file']}: {shown['code']}: {shown['message_en']}"
    where = ",".join(shown["modalities"]) or "any"
    parts = ",".join(shown["body_parts"]) or "any"
    used = "in use" if shown["enabled"] else "off"
    whose = "own" if shown["own"] else "radraft's"
    name = f"{shown['name_zh']} {shown['name_en']}"
    line = f"{shown['id']}  {name}  {where} {parts}  {shown['lines']} lines  {whose}, {used}"
    return f"{shown['file']}: {line}" if "file" in shown else line
