"""Which examined body parts show the same part of the body: a closed table."""

from __future__ import annotations

_WIDE = {
    "CHEST": "LUNG MEDIASTINUM HEART AORTA RIB STERNUM TRACHEA BRONCHUS THYMUS ESOPHAGUS",
    "ABDOMEN": "LIVER SPLEEN PANCREAS GALLBLADDER KIDNEY ADRENAL STOMACH DUODENUM JEJUNUM ILEUM "
    "COLON URETER",
    "PELVIS": "BLADDER PROSTATE UTERUS OVARY CERVIX RECTUM HIP SACRUM COCCYX ILIUM VAGINA",
    "HEAD": "BRAIN SKULL ORBIT SELLA FACE NOSE EAR EYE CEREBELLUM MANDIBLE MAXILLA JAW TMJ ZYGOMA",
    "SKULL": "ZYGOMA",
    "BRAIN": "CEREBELLUM SELLA",
    "FACE": "ORBIT NOSE MANDIBLE MAXILLA ZYGOMA JAW",
    "JAW": "MANDIBLE MAXILLA TMJ",
    "NECK": "THYROID LARYNX PHARYNX CAROTID PAROTID SUBMANDIBULAR",
    "SPINE": "CSPINE TSPINE LSPINE",
    "HEART": "CORONARYARTERY",
    "ARM": "HUMERUS ELBOW",
    "LEG": "FEMUR KNEE CALF",
    "THIGH": "FEMUR",
    "KNEE": "PATELLA",
    "FOOT": "CALCANEUS TOE",
    "HAND": "FINGER THUMB",
    "SHOULDER": "SCAPULA CLAVICLE",
}
_JOINED = {
    "CHESTABDOMEN": "CHEST ABDOMEN",
    "CHESTABDPELVIS": "CHEST ABDOMEN PELVIS",
    "ABDOMENPELVIS": "ABDOMEN PELVIS",
    "HEADNECK": "HEAD NECK",
    "CTSPINE": "CSPINE TSPINE",
    "TLSPINE": "TSPINE LSPINE",
    "LSSPINE": "LSPINE",
    "WHOLEBODY": "CHEST ABDOMEN PELVIS HEAD NECK SPINE ARM LEG",
}


def overlapping(body_part: str) -> frozenset[str]:
    """All terms (PS3.16 Annex L) that show some of what `body_part` shows, itself included; none
    for an unknown body part. A lung is on a chest film; a kidney is not on one of the liver."""
    return _OVERLAPS.get(body_part, frozenset({body_part} if body_part else ()))


def _shown(term: str) -> frozenset[str]:
    inner = (*_JOINED.get(term, "").split(), *_WIDE.get(term, "").split())
    # A joined term names no place of its own: two of them overlap where their parts do.
    own = frozenset() if term in _JOINED else frozenset({term})
    return own.union(*map(_shown, inner))


def _overlaps() -> dict[str, frozenset[str]]:
    named = {*_WIDE, *_JOINED, *" ".join(_WIDE.values()).split()}
    shown = {term: _shown(term) for term in named}
    return {
        term: frozenset(other for other in named if shown[term] & shown[other]) for term in named
    }


_OVERLAPS = _overlaps()
