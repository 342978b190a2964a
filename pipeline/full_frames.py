"""Every image of a study at full depth, frame by frame, from the files that it came as."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import zlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from radraft.core.errors import NotFound
from radraft.pipeline.frame_cache import FrameCache
from radraft.pipeline.key_images import FrameSeries, frame_series
from radraft.pipeline.original_frames import Originals
from radraft.store import cases, instances, retention
from radraft.studies.choose.stacks import Stack, stacks
from radraft.studies.full_frame import cleaned, small

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.store.database import Store
    from radraft.store.instances import StoredInstance
    from radraft.store.values import StoredImage
    from radraft.studies.decode import FullFrame

FORM = "1"
"""Of what is kept and sent: another number where either changes, so that nothing old is taken."""
PREVIEW = 160
"""Pixels of a preview's longer side: some 20 KiB, a tenth of a second at 2 Mbit/s."""
DECODERS = 2
"""Frames that are decoded at once; those of one file by the same."""
IDLE_S = 300.0
"""Seconds without a question after which a decoder ends: a reader stays minutes on a study."""
_ALIGNED = 8
_LOCKS = 64


@dataclass(frozen=True)
class PlacedSeries(FrameSeries):
    """A series with where its frames lie."""

    places: tuple[float, ...] | None
    """Of each frame, in their order: millimetres along the normal; None where not known."""


@dataclass(frozen=True)
class StudySeries:
    """What of a study can be looked at, without identity."""

    case_id: str
    modality: str
    body_part: str
    series: tuple[PlacedSeries, ...]
    images: tuple[StoredImage, ...]
    """The key images there are."""


class FullFrames:
    """Frames of one service. Thread-safe; what it keeps can be made again."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        scratch = settings.data_dir / "scratch"
        self._originals = tuple(Originals(store, scratch, idle_s=IDLE_S) for _ in range(DECODERS))
        self._cache = FrameCache(
            settings.data_dir / "frames",
            store.secret,
            most=settings.frame_cache_mib << 20,
            spare=2 * (settings.intake_spare_mib << 20),
        )
        self._viewer_url = settings.viewer_url
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))

    def close(self) -> None:
        """End the decoders, if there are any."""
        for originals in self._originals:
            originals.close()

    def series(self, case_id: str) -> StudySeries:
        """Return the series of a study; the decoders begin to start. NotFound `case_not_found`,
        `images_dropped`; StorageUnavailable."""
        known = self._originals[0].known(case_id)
        with self._store.read() as session:
            case = cases.get_case(session, case_id)
            images = cases.key_images(session, case_id)
        if known:
            self._warm()
        return StudySeries(
            case_id=case_id,
            modality=case.modality,
            body_part=case.body_part,
            series=tuple(_placed(stack) for stack in stacks(stored.deid for stored in known)),
            images=images,
        )

    def link(self, case_id: str) -> str | None:
        """Return where the study is in the hospital's own viewer, as the settings have it; None
        where they name none, or the study lacks what the address needs. Identity.

        NotFound `case_not_found`.
        """
        with self._store.read() as session:
            case_accession = cases.identity(session, case_id).accession
            study_uid = instances.study_uid(session, case_id)
        known = {"accession": case_accession, "study_uid": study_uid}
        pattern = self._viewer_url
        if not pattern or any(f"{{{name}}}" in pattern and not known[name] for name in known):
            return None
        return pattern.format(**{name: quote(value, safe="") for name, value in known.items()})

    def tag(self, instance_ref: str, frame: int, *, preview: bool) -> str:
        """Return the name of what `values` gives, the same as long as that is the same."""
        return self._keyed(f"tag {_name(instance_ref, frame, preview=preview)}")

    def values(self, case_id: str, instance_ref: str, frame: int, *, preview: bool) -> bytes:
        """Return a frame without burned-in text, or a small one of it, compressed by zlib:
        the length of a JSON object (4 bytes, little-endian), the object (`_facts`), and the 16-bit
        values, little-endian, row by row.

        NotFound `case_not_found`, `key_image_unknown`, `images_dropped`; StudyRejected where it
        cannot be decoded; StorageUnavailable.
        """
        instance = self._instance(case_id, instance_ref, frame)
        name = _name(instance_ref, frame, preview=preview)
        kept = self._cache.get(case_id, name)
        if kept is not None:
            return kept
        # Of two readers who ask for the same one decodes it.
        with self._locks[hash((instance_ref, frame)) % _LOCKS]:
            kept = self._cache.get(case_id, name)
            return self._decoded(case_id, instance, frame)[preview] if kept is None else kept

    def _decoded(self, case_id: str, instance: StoredInstance, frame: int) -> tuple[bytes, bytes]:
        """Return the whole and the small frame, which are kept from now on."""
        one = int(hashlib.sha256(instance.original_key.encode()).hexdigest(), 16) % DECODERS
        whole = cleaned(self._originals[one].full_frame(case_id, instance, frame))
        made = self._encoded(whole, whole), self._encoded(small(whole, PREVIEW), whole)
        for preview, content in enumerate(made):
            name = _name(instance.deid.instance_ref, frame, preview=bool(preview))
            self._cache.put(case_id, name, content)
        return made

    def _instance(self, case_id: str, instance_ref: str, frame: int) -> StoredInstance:
        with self._store.read() as session:
            found = instances.of_ref(session, case_id, instance_ref)
            dropped = retention.dropped(session, case_id)
        if dropped is not None and (
            found is None or not self._store.objects.exists(found.original_key)
        ):
            self._cache.forget(case_id)
            raise retention.dropped_error(dropped.at)
        if found is None:
            # A case that was taken in before images were recorded one by one is recorded now.
            known = self._originals[0].known(case_id)
            found = next((one for one in known if one.deid.instance_ref == instance_ref), None)
        if found is None or not 0 <= frame < found.deid.frames:
            raise NotFound("key_image_unknown")
        return found

    def _warm(self) -> None:
        for originals in self._originals:
            threading.Thread(target=originals.warm, name="radraft-frames", daemon=True).start()

    def _encoded(self, shown: FullFrame, whole: FullFrame) -> bytes:
        facts = json.dumps(self._facts(shown, whole)).encode("ascii")
        facts += b" " * (-(4 + len(facts)) % _ALIGNED)
        kind = shown.stored.dtype.newbyteorder("<")
        values = np.ascontiguousarray(shown.stored, dtype=kind).tobytes()
        return zlib.compress(len(facts).to_bytes(4, "little") + facts + values, 1)

    def _facts(self, shown: FullFrame, whole: FullFrame) -> dict[str, object]:
        """Return what a viewer has to know of a frame: no identity, and no free text."""
        rows, columns = shown.stored.shape
        return {
            "rows": rows,
            "columns": columns,
            "whole_rows": whole.stored.shape[0],
            "whole_columns": whole.stored.shape[1],
            "signed": shown.stored.dtype == np.int16,
            "slope": whole.slope,
            "intercept": whole.intercept,
            "unit": whole.unit,
            "window": whole.window,
            "inverted": whole.inverted,
            "position": whole.position,
            "orientation": whole.orientation,
            "spacing": whole.spacing,
            "at_detector": whole.at_detector,
            "sides": whole.sides,
            "laterality": whole.laterality if whole.laterality in {"L", "R", "B"} else "",
            # Its own number names the device, and perhaps the hour.
            "space": self._keyed(f"space {whole.space}")[:16] if whole.space else "",
        }

    def _keyed(self, text: str) -> str:
        return hmac.new(self._store.secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def _placed(stack: Stack) -> PlacedSeries:
    series = frame_series(stack)
    said = {name.name: getattr(series, name.name) for name in fields(series)}
    places = tuple(slot.place for slot in stack.slots) if stack.measured else None
    return PlacedSeries(**said, places=places)


def _name(instance_ref: str, frame: int, *, preview: bool) -> str:
    return f"{FORM} {instance_ref} {frame} {'preview' if preview else 'full'}"
