"""A study made up to fit what a report says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from radraft.bench.planted_errors.values import Prior, Report, Study, Words
from radraft.bench.planted_errors.words import (
    BILATERAL,
    CHILD,
    COMPARES,
    FEMALE,
    FINDINGS,
    MALE,
    OLDER,
    OTHER_EXAM,
    SIDES,
    WEAK_COMPARES,
)


def agree(zh: str, en: str) -> bool:
    """Return whether two sentences name the same sides and digits."""
    sides = [side_set(zh, "zh"), side_set(en, "en")]
    return sides[0] == sides[1] and sorted(re.findall(r"\d+", zh)) == sorted(re.findall(r"\d+", en))


def side_set(text: str, lang: str) -> set[str]:
    """Return the sides named, as L and R, both of them for a word such as bilateral."""
    named = {
        "L" if found[0].lower() in ("left", "左") else "R" for found in SIDES[lang].finditer(text)
    }
    return named | ({"L", "R"} if BILATERAL[lang].search(text) else set())


def with_study(
    lang: str,
    uid: str,
    sections: Mapping[str, tuple[str, ...]],
    row: Mapping[str, str],
    compared: bool,
    words: Words,
    draw: Random,
) -> Report | None:
    """Return the report with a study that fits its words; None where no adult's chest film does."""
    text = " ".join(part for name in sections for part in sections[name])
    about = text + " " + row.get("indication", "")
    images = row.get("image", "")
    languages = ("en", "zh") if lang == "both" else (lang,)
    sexes = {sex for sex, pattern in (("F", FEMALE), ("M", MALE)) if pattern.search(about)}
    if len(sexes) > 1 or CHILD.search(about) or OTHER_EXAM["en"].search(images):
        return None
    if any(OTHER_EXAM[tongue].search(text) for tongue in languages):
        return None
    sex = sexes.pop() if sexes else draw.choice("FM")
    given = re.search(r"\b(\d\d)[- ]years?[- ]old", about)
    if not given and re.search(r"\b\d+[- ]*(years?|yrs?|y/?o)\b|\d+岁", about):
        return None
    age = (
        int(given[1])
        if given
        else draw.randint(48, 84)
        if OLDER.search(text)
        else draw.randint(22, 70)
    )
    day = date(2024, 1, 1) + timedelta(days=draw.randrange(900))
    reason = (
        english_reason(row, age, words, draw)
        if lang == "en"
        else draw.choice(words["reasons"]["zh"])
    )
    study = Study(sex, age, views_of(images + " " + text), day.isoformat(), reason)
    report = Report(uid, lang, sections, study, row.get("Problems") == "normal")
    if compared or any(compares(text, tongue) for tongue in languages):
        report = replace(report, study=replace(study, prior=prior_of(report, words, draw)))
    return report


def compares(text: str, lang: str) -> bool:
    """Return whether the words claim an earlier examination."""
    return bool(COMPARES[lang].search(WEAK_COMPARES.sub("", text) if lang == "en" else text))


def english_reason(row: Mapping[str, str], age: int, words: Words, draw: Random) -> str:
    """Return the indication, its placeholders gone, or a plain one."""
    text = re.sub(r"XXXX[- ]years?[- ]old", f"{age}-year-old", row.get("indication", ""))
    parts = [part.strip() for part in re.split(r"(?<=[.;])\s+|,\s*", text)]
    kept = ", ".join(part.rstrip(".;") for part in parts if part and "XX" not in part)
    bare = not re.search(r"[A-Za-z]{4}", re.sub(r"\d+-year-old|(fe)?male|with", "", kept))
    return draw.choice(words["reasons"]["en"]) if bare else kept + "."


def views_of(text: str) -> tuple[str, ...]:
    """Return the views that the title or the text names; PA and lateral where it names none."""
    lateral = re.search(
        r"and lat|lateral (view|film|proj|rad|ima|chest)|\bLAT\b|2 ?v|two|侧位|侧面", text, re.I
    )
    bedside = re.search(r"\bAP\b|portable|supine|前后位|床旁|仰卧", text)
    single = re.search(r"single|1 view|one view|portable|床旁", text, re.I)
    front = "AP" if bedside else "PA"
    return (front,) if single and not lateral else (front, "LATERAL")


def prior_of(report: Report, words: Words, draw: Random) -> Prior:
    """Return an earlier report that says what this one calls unchanged."""
    day = date.fromisoformat(report.study.study_date) - timedelta(days=draw.randint(30, 900))
    tongue = "zh" if report.lang == "zh" else "en"
    texts = report.sections.get(FINDINGS) or report.sections["findings_en"]
    kept = [without_change(text, tongue) for text in texts if not SPEAKS_OF_PRIOR.search(text)]
    findings = [text for text in kept if len(text) > 5] or words["prior_normal"][tongue]
    glue = "" if tongue == "zh" else " "
    impression = draw.choice(words["normal_impression"][tongue]) if report.normal else ""
    return Prior(day.isoformat(), glue.join(findings), impression)


SPEAKS_OF_PRIOR = re.compile(
    r"\b(new|develop|resol|prior|previous|compar|since|no longer)|"
    r"新|消失|之前|以前|先前|相比|改善|好转|恶化|比较|吸收|建议",
    re.I,
)


CHANGE_WORDS = {
    "en": re.compile(
        r"\b(stable|unchanged|again|interval|persistent|(in|de)creased|improved|worsened)\b,?\s*",
        re.I,
    ),
    "zh": re.compile(
        r"再次|[，,]?(但|而且|且)?(似乎|看起来|都|也)*(很|是|保持)?稳定的?|仍然?|持续"
    ),
}


def without_change(text: str, lang: str) -> str:
    """Return a sentence without its words of change."""
    text = re.sub(
        r"\b(is|are|remains?|appears?) (stable|unchanged)\b", r"is noted", text, flags=re.I
    )
    text = CHANGE_WORDS[lang].sub("", text)
    return text[:1].upper() + text[1:]
