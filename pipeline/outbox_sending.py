"""One try to send a report: rendered now, handed to the receiver by its kind."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.exchange import dicom_sender, fhir_client, mllp, report_folder
from radraft.exchange.targets import Target, TargetKind
from radraft.pipeline.outbox_rendering import Render, rendered, renderers
from radraft.reports.outgoing_entry import Delivered, Outcome, OutgoingForm, Stored, Void

if TYPE_CHECKING:
    import httpx

    from radraft.core.settings import Settings
    from radraft.reports.outgoing_entry import Entry
    from radraft.store.database import Store


class ReportSender:
    """Makes tries. Threads may share one."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        makers: Mapping[OutgoingForm, Render] | None = None,
    ) -> None:
        """`makers`: how each form is made, where it is not `outbox_rendering.renderers`."""
        self._store = store
        self._settings = settings
        self._makers = renderers(store, settings) if makers is None else makers
        self._clients: dict[str, httpx.Client] = {}
        self._lock = threading.Lock()

    def send(self, entry: Entry, target: Target) -> Outcome:
        """Return what came of a try. DeliveryError where the receiver did not take the report or
        did not say so; another RadraftError where the report could not be made."""
        made = rendered(self._store, entry.what, target, self._settings, self._makers)
        if made is None:
            return Void()
        if target.kind is TargetKind.FOLDER:
            assert target.folder is not None
            report_folder.put(made.content, made.name, target.folder)
        elif target.kind is TargetKind.HL7:
            assert target.host is not None
            mllp.send(
                made.content,
                target.host,
                charset=target.charset.value,
                tls=target.tls,
                wait_s=target.timeout_s,
            )
        elif target.kind is TargetKind.FHIR:
            fhir_client.post(self._client(target), target.url, made.content)
        elif target.kind is TargetKind.STOW:
            dicom_sender.stow(made.content, target, self._scratch)
        else:
            instance = dicom_sender.store(made.content, target)
            if target.commitment is not None:
                return Stored(instance)
        return Delivered()

    def close(self) -> None:
        """Close what is open to receivers."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    @property
    def _scratch(self) -> Path:
        return self._settings.data_dir / "scratch"

    def _client(self, target: Target) -> httpx.Client:
        with self._lock:
            if target.name not in self._clients:
                self._clients[target.name] = fhir_client.client_of(target)
            return self._clients[target.name]
