"""Numbers, dates and the like to plant, in the forms people write them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta


def words(text: str) -> list[str]:
    """The words of `text`."""
    return text.split()


_MONTHS = words(
    "January February March April May June July August September October November December"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_AREAS = ("110101", "330106", "310115", "440305", "412724", "510104", "653101", "420103")
_PROVINCES = "京沪粤浙苏川鄂豫鲁湘闽皖"


def digits(rng: random.Random, count: int) -> str:
    """`count` random digits, the first not 0."""
    return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(count - 1))


def born(rng: random.Random) -> date:
    """Any day of 1930 to 2024."""
    return date(1930, 1, 1) + timedelta(days=rng.randrange(34_000))


def _id(rng: random.Random) -> str:
    """An identity card number with its check digit (GB 11643-1999), written in several ways."""
    body = rng.choice(_AREAS) + born(rng).strftime("%Y%m%d") + f"{rng.randrange(1000):03d}"
    total = sum(int(one) * weight for one, weight in zip(body, _WEIGHTS, strict=True))
    whole = body + "10X98765432"[total % 11]
    forms = [
        whole, whole, whole.lower(), f"{whole[:6]} {whole[6:14]} {whole[14:]}",
        f"{whole[:6]}-{whole[6:14]}-{whole[14:]}",
        " ".join(whole[i : i + 4] for i in range(0, 18, 4)),
        whole[:6] + "********" + whole[14:], body[:6] + body[8:], whole[:3] + " " + whole[3:],
        "".join(chr(ord(one) + 0xFEE0) for one in whole),
    ]  # fmt: skip
    return rng.choice(forms)


def _phone(rng: random.Random) -> str:
    mobile = "1" + rng.choice("3456789") + digits(rng, 9)
    forms = [
        mobile, mobile, mobile, f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}",
        f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}",
        f"+86 {mobile}", f"+86-{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}", f"0086{mobile}",
        f"（+86）{mobile}",
        f"010-{digits(rng, 8)}", f"0571-{digits(rng, 8)}", f"(021){digits(rng, 8)}",
        f"0394 {digits(rng, 7)}",
        f"{mobile[:3]}****{mobile[7:]}", f"010-{digits(rng, 8)}转{digits(rng, 4)}",
        f"400-{digits(rng, 3)}-{digits(rng, 4)}",
        f"{mobile[:4]} {mobile[4:7]} {mobile[7:]}", f"+852 {digits(rng, 4)} {digits(rng, 4)}",
    ]  # fmt: skip
    return rng.choice(forms)


def _phone_en(rng: random.Random) -> str:
    area, middle, last = digits(rng, 3), digits(rng, 3), digits(rng, 4)
    forms = [
        f"({area}) {middle}-{last}", f"{area}-{middle}-{last}", f"{area}.{middle}.{last}",
        f"+1 {area} {middle} {last}",
        f"+44 20 {digits(rng, 4)} {last}", f"1-{area}-{middle}-{last}", f"{area} {middle} {last}",
        f"+86 138 {digits(rng, 4)} {last}",
        f"({area}) {middle}-{last} ext. {digits(rng, 3)}", f"+49 30 {digits(rng, 6)}",
        f"+1-{area}-{middle}-{last}",
    ]  # fmt: skip
    return rng.choice(forms)


def _ssn(rng: random.Random) -> str:
    return f"{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 4)}"


def _passport(rng: random.Random) -> str:
    forms = [
        f"E{digits(rng, 8)}",
        f"G{digits(rng, 8)}",
        f"EA{digits(rng, 7)}",
        f"P{digits(rng, 7)}",
        digits(rng, 9),
    ]
    return rng.choice([*forms, f"E {digits(rng, 8)}"])


def _record(rng: random.Random) -> str:
    day = born(rng).strftime("%Y%m%d")
    forms = [
        digits(rng, 8), digits(rng, 10), f"ZY{digits(rng, 8)}", f"A{digits(rng, 6)}",
        f"CR{day}{digits(rng, 3)}",
        f"{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 3)}", f"00{digits(rng, 6)}",
        f"{day}-{digits(rng, 4)}", f"MZ-{digits(rng, 7)}",
        f"{digits(rng, 4)}{rng.choice('ABCX')}{digits(rng, 3)}",
    ]  # fmt: skip
    return rng.choice(forms)


def _bed(rng: random.Random) -> str:
    number = rng.randint(1, 68)
    return rng.choice(
        [
            f"{number}床",
            f"床号：{number}",
            f"{number} 床",
            f"+{number}床",
            f"{rng.randint(1, 20)}病区{number}床",
        ]
    )


def _bed_en(rng: random.Random) -> str:
    number = rng.randint(1, 68)
    return rng.choice(
        [f"bed {number}", f"Bed {number}A", f"bed #{number}", f"room {rng.randint(101, 940)}"]
    )


def _date(rng: random.Random) -> str:
    day = born(rng)
    year, month, of_month = day.year, day.month, day.day
    han = "〇一二三四五六七八九"
    forms = [
        f"{year}年{month}月{of_month}日", f"{year}-{month:02d}-{of_month:02d}",
        f"{year}.{month}.{of_month}",
        f"{year}/{month}/{of_month}", day.strftime("%Y%m%d"), f"{month}月{of_month}日",
        f"{year}年{month}月",
        f"{year} 年 {month} 月 {of_month} 日",
        "".join(han[int(one)] for one in str(year)) + f"年{_han(month)}月{_han(of_month)}日",
        f"{month}月{of_month}号", f"{year}-{month}", f"{year % 100:02d}年{month}月{of_month}日",
        f"去年{month}月", f"{year}.{month:02d}",
        f"{_han(month)}月{_han(of_month)}日",
    ]  # fmt: skip
    return rng.choice(forms)


def _date_en(rng: random.Random) -> str:
    day = born(rng)
    month = _MONTHS[day.month - 1]
    forms = [
        day.isoformat(), f"{day.month}/{day.day}/{day.year}",
        f"{day.month:02d}/{day.day:02d}/{day.year % 100:02d}",
        f"{month} {day.day}, {day.year}", f"{day.day} {month[:3]} {day.year}",
        f"{month[:3]} {day.day}", f"{day.day}-{month[:3]}-{day.year}",
        f"{month} {day.year}", f"{day.day}th of {month} {day.year}", f"{month} {day.day}th",
        f"{day.day}.{day.month}.{day.year}",
        f"{day.day} {month}", f"{month[:3].upper()} {day.day}, {day.year}",
        f"the {day.day}th of {month}",
    ]  # fmt: skip
    return rng.choice(forms)


def _han(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else "零一二三"[tens] + "十") + (
        "" if ones == 0 else "零一二三四五六七八九"[ones]
    )


def _account(rng: random.Random) -> str:
    return rng.choice(
        [
            f"wxid_{digits(rng, 6)}ab",
            f"zhao{digits(rng, 4)}",
            digits(rng, 9),
            f"lin-{digits(rng, 4)}",
            f"happy_{digits(rng, 3)}",
        ]
    )


def _plate(rng: random.Random) -> str:
    head, tail = rng.choice(_PROVINCES) + rng.choice("ABCDE"), digits(rng, 4)
    letter = rng.choice("ABCDEFGHJK")
    return rng.choice(
        [
            f"{head}{letter}{tail}",
            f"{head}·{tail}{letter}",
            f"{head}{digits(rng, 5)}",
            f"{head}D{digits(rng, 5)}",
            f"{head} {letter}{tail}",
        ]
    )


def _insurance(rng: random.Random) -> str:
    return rng.choice(
        [
            digits(rng, 10),
            f"B{digits(rng, 8)}",
            digits(rng, 12),
            f"{digits(rng, 4)}-{digits(rng, 5)}",
            f"XB{digits(rng, 5)}Q",
        ]
    )


def _age(rng: random.Random) -> str:
    return str(rng.randint(91, 108))


NUMBERS: dict[str, Callable[[random.Random], str]] = {
    "id": _id, "ssn": _ssn, "passport": _passport, "phone": _phone, "phone_en": _phone_en,
    "record": _record,
    "bed": _bed, "bed_en": _bed_en, "date": _date, "date_en": _date_en, "account": _account,
    "plate": _plate,
    "insurance": _insurance, "age": _age,
}  # fmt: skip
"""Slot -> a generator of its values."""
