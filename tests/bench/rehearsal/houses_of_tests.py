"""Houses that need no data: every wording is the house's own frame around our own words."""

from __future__ import annotations

from radraft.bench.rehearsal.houses import House, build
from radraft.bench.rehearsal.mine import Found

BUILT = build(Found({}, {}, {}))
TERSE, NARRATIVE = BUILT["terse"], BUILT["narrative"]
HOUSES: tuple[House, ...] = (TERSE, NARRATIVE)
