"""HL7 messages as RISs send them. Whom they name is made up and easy to search for."""

from __future__ import annotations

from datetime import UTC, datetime

from tests import builders

NOW = datetime(2026, 3, 4, 4, 30, tzinfo=UTC)


def order_message(
    control_id: str = "C1",
    *,
    kind: str = "ORM^O01",
    charset: str = "UNICODE UTF-8",
    version: str = "2.5.1",
    control: str = "NW",
    status: str = "SC",
    placer: str = "P-1",
    filler: str = "F-1",
    accession: str = builders.ACCESSION,
    patient: str = builders.PATIENT_ID,
    name: str = "Wei^Planted~魏^植入",
    born: str = "19700102",
    sex: str = "F",
    priority: str = "S",
    reason: str = "咳嗽三天，魏植入",
    modality: str = "CR",
    study_uid: str = "",
    sent_at: str = "20260304123000+0800",
) -> str:
    """Return an order, segments ending in CR as on the wire."""
    header = {3: "RIS", 4: "HOSPITAL", 5: "RADRAFT", 6: "NORTH", 7: sent_at, 9: kind, 12: version}
    obr = {1: "1", 2: placer, 3: filler, 4: "CR1^胸部正位^99SITE", 13: "发热 \\T\\ 胸痛"}
    obr |= {16: "E7^林^植入", 18: accession, 19: "RP1", 24: modality}
    obr |= {27: f"1^^^^^{priority}", 31: f"^{reason}"}
    orc = {1: control, 2: placer, 3: filler, 5: status, 9: sent_at, 12: "E7^林^植入"}
    return "".join(
        (
            segment("MSH", {2: "^~\\&"} | header | {10: control_id, 11: "P", 18: charset}),
            segment("PID", {1: "1", 3: f"{patient}^^^HOSPITAL^MR", 5: name, 7: born, 8: sex}),
            segment("PV1", {1: "1", 2: "I", 3: "7W^12^3"}),
            segment("AL1", {1: "1", 2: "DA", 3: "^碘对比剂", 4: "SV"}),
            segment("ORC", orc | {17: "RESP^呼吸科"}),
            segment("OBR", obr),
            segment("ZDS", {1: f"{study_uid}^RADRAFT^Application^DICOM"}),
        )
    )


def segment(name: str, fields: dict[int, str]) -> str:
    """Return a segment by its fields' numbers; MSH-1 is its separator."""
    first = 2 if name == "MSH" else 1
    values = [fields.get(number, "") for number in range(first, max(fields) + 1)]
    return "|".join((name, *values)) + "\r"


def framed(message: str | bytes, charset: str = "utf-8") -> bytes:
    """Return a message as MLLP sends it."""
    raw = message if isinstance(message, bytes) else message.encode(charset)
    return b"\x0b" + raw + b"\x1c\r"


def patient_message(
    control_id: str = "A1",
    *,
    kind: str = "ADT^A08",
    patient: str = f"{builders.PATIENT_ID}^^^HOSPITAL^MR",
    prior: str = "",
    name: str = "Wei^Planted~魏^植入",
    born: str = "19700102",
    sex: str = "F",
    entered_at: str = "20260305083000+0800",
    sender: str = "HIS",
    charset: str = "UNICODE UTF-8",
    version: str = "2.5.1",
) -> str:
    """Return a correction of a patient, or where `prior` is given a merge (MRG-1)."""
    header = {3: sender, 4: "HOSPITAL", 5: "RADRAFT", 6: "NORTH", 7: entered_at, 9: kind}
    message = segment(
        "MSH", {2: "^~\\&"} | header | {10: control_id, 11: "P", 12: version, 18: charset}
    )
    message += segment("EVN", {1: kind[-3:], 2: entered_at})
    message += segment("PID", {1: "1", 3: patient, 5: name, 7: born, 8: sex})
    if prior:
        message += segment("MRG", {1: prior})
    return message + segment("PV1", {1: "1", 2: "I"})
