"""The commands of `radraft profile`: what a model profile needs and what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from radraft.cli.output import Output, command
from radraft.reports.values import Lang

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radraft.llm.profile_check.values import CheckedPart
    from radraft.llm.profiles import Profile

app = typer.Typer(help="What a model profile needs and what is there.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What a model profile needs and what is there."""


@command(app, "check")
def check(
    name: Annotated[
        str, typer.Argument(metavar="PATH", help="A YAML file, or a ready one's name.")
    ],
    lang: Annotated[Lang, typer.Option("--lang", help="Language of the page.")] = "en",
    *,
    out: Output,
) -> None:
    """Say what fits and what is missing: weights, memory, context, prompt, encoder, languages.

    Asks no network and needs no GPU. Exit code 1 where the profile cannot serve on this machine.
    """
    from radraft.core import settings
    from radraft.llm.profile_check.check import check as examine, serves
    from radraft.llm.profiles import load_profile

    profile = load_profile(name)
    parts = examine(profile, settings.load())
    value = {"profile": profile.name, "serves": serves(parts), "parts": [*map(_value, parts)]}
    out.result(value, page(profile, parts, lang))
    if not serves(parts):
        out.fail(1)


WORDS = {
    "zh": {
        "fits": "符合",
        "unsure": "注意",
        "missing": "缺少",
        "serves": "可以使用。",
        "fails": "不能使用：请先处理标为“缺少”的各项。",
    },
    "en": {
        "fits": "fits",
        "unsure": "look",
        "missing": "missing",
        "serves": "It can serve.",
        "fails": "It cannot serve: see to what is missing first.",
    },
}


PARTS_ZH = {
    "weights": "权重",
    "memory": "内存",
    "context": "上下文",
    "chat_template": "对话模板",
    "image_tokens": "影像标记",
    "encoder": "影像编码器",
    "projector": "投影器",
    "prompt": "提示词",
    "languages": "语言",
    "adapters": "适配器",
    "licence": "许可",
    "standing": "验证情况",
}


def page(profile: Profile, parts: Sequence[CheckedPart], lang: Lang) -> str:
    """Return what was found as one page of plain text."""
    words, place = WORDS[lang], ("zh", "en").index(lang)
    lines = [f"{profile.name} ({profile.image_way})", ""]
    for part in parts:
        code = f" [{part.code}]" if part.fit.value == "missing" else ""
        name = PARTS_ZH[part.part.value] if lang == "zh" else part.part.value.replace("_", " ")
        lines.append(f"{words[part.fit.value]:<8}{name}{code}")
        lines.append(f"        {part.sentences[place]}")
    served = all(part.fit.value != "missing" for part in parts)
    return "\n".join([*lines, "", words["serves" if served else "fails"]])


def _value(part: CheckedPart) -> dict[str, object]:
    zh, en = part.sentences
    return {
        "part": part.part.value,
        "fit": part.fit.value,
        "code": part.code,
        "zh": zh,
        "en": en,
        "details": dict(part.details),
    }
