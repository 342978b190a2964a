"""A FHIR server that transaction Bundles are posted to (R4, 3.1.0.11): taken is what it says entry
by entry that it took."""

from __future__ import annotations

import json
import ssl
import time
from typing import Any

import httpx

from radraft.core.errors import SettingsError
from radraft.exchange._body import HeaderDeadline
from radraft.exchange.targets import Target
from radraft.exchange.values import DeliveryError
from radraft.reports.outgoing_entry import FailureKind

_ISSUES = frozenset(
    [
        "business-rule",
        "code-invalid",
        "conflict",
        "deleted",
        "duplicate",
        "exception",
        "expired",
        "extension",
        "forbidden",
        "incomplete",
        "informational",
        "invalid",
        "invariant",
        "lock-error",
        "login",
        "multiple-matches",
        "no-store",
        "not-found",
        "not-supported",
        "processing",
        "required",
        "security",
        "structure",
        "suppressed",
        "throttled",
        "timeout",
        "too-costly",
        "too-long",
        "transient",
        "unknown",
        "value",
    ]
)
"""R4's types of an issue (hl7.org/fhir/R4/valueset-issue-type.html)."""
MOST_ANSWER = 8 << 20
"""Bytes of an answer."""
_NOT_LET_IN = frozenset({401, 403, 404, 405, 407})
"""What is wrong with the address or the credentials, not with the report."""
_LATER = frozenset({408, 425, 429, 502, 503, 504})
_OF_NOW = frozenset({409, 412})
"""Somebody changed there what the transaction changes, or two would create the same at once."""


def client_of(target: Target) -> httpx.Client:
    """Return a client for a receiver; whoever asked for it closes it. SettingsError
    `targets_tls_unusable`."""
    try:
        verify = ssl.create_default_context() if target.tls is None else target.tls.context()
    except (OSError, ssl.SSLError):
        raise SettingsError("targets_tls_unusable", target=target.name) from None
    headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
    return httpx.Client(
        auth=(target.user, target.password) if target.user else None,
        headers=headers,
        verify=verify,
        timeout=target.timeout_s,
        # The deadline of an exchange ends its connection, so each has its own.
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,
    )


def post(client: httpx.Client, url: str, bundle: bytes) -> None:
    """Post a transaction; on return the server has said of each entry that it has it.

    `httpx.Client.timeout` is the longest wait for the head of the answer, and for its whole body,
    however slowly they come.
    DeliveryError `fhir_unreachable`, `fhir_not_let_in`, `fhir_busy`, `fhir_no_answer`,
    `fhir_bad_answer`, `fhir_refused`.
    """
    sent = len(json.loads(bundle)["entry"])
    kind = "application/fhir+json"
    wait_s = client.timeout.read
    assert wait_s is not None
    deadline = HeaderDeadline(wait_s)
    try:
        with client.stream(
            "POST",
            url,
            content=bundle,
            headers={"Content-Type": kind, "Accept": kind},
            extensions={"trace": deadline},
        ) as answer:
            body = _body(answer, time.monotonic() + wait_s)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL):
        raise DeliveryError("fhir_unreachable", FailureKind.AWAY) from None
    except httpx.HTTPError:
        raise DeliveryError("fhir_no_answer", FailureKind.UNCLEAR) from None
    if not answer.is_success:
        raise _refusal(answer.status_code, body)
    _require_all_taken(_json(body), sent)


def _body(answer: httpx.Response, until: float) -> bytes:
    """Return the body; DeliveryError `fhir_no_answer` where it is not whole at `until`, by the
    monotonic clock."""
    read = bytearray()
    for part in answer.iter_bytes():
        read += part
        if time.monotonic() > until:
            raise DeliveryError("fhir_no_answer", FailureKind.UNCLEAR)
        if len(read) > MOST_ANSWER:
            raise DeliveryError("fhir_bad_answer", FailureKind.UNCLEAR)
    return bytes(read)


def _refusal(status: int, body: bytes) -> DeliveryError:
    if status in _LATER:
        return DeliveryError("fhir_busy", FailureKind.AWAY, status=status)
    if status in _NOT_LET_IN or 300 <= status < 400:
        return DeliveryError("fhir_not_let_in", FailureKind.AWAY, status=status)
    if status >= 500 or status in _OF_NOW:
        return DeliveryError("fhir_busy", FailureKind.UNCLEAR, status=status)
    try:
        issue = _issue(json.loads(body))
    except (ValueError, RecursionError):
        issue = "-"
    return DeliveryError("fhir_refused", FailureKind.REFUSED, status=str(status), issue=issue)


def _require_all_taken(said: Any, sent: int) -> None:
    answer = said if isinstance(said, dict) else {}
    entries = answer.get("entry")
    if not isinstance(entries, list) or len(entries) != sent:
        raise DeliveryError("fhir_bad_answer", FailureKind.UNCLEAR)
    if answer.get("type") != "transaction-response":
        raise DeliveryError("fhir_bad_answer", FailureKind.UNCLEAR)
    for entry in entries:
        response = entry.get("response") if isinstance(entry, dict) else None
        response = response if isinstance(response, dict) else {}
        status = str(response.get("status", ""))
        if status[:3].isdecimal() and status[:1] in {"4", "5"}:
            if int(status[:3]) in _OF_NOW:
                raise DeliveryError("fhir_busy", FailureKind.UNCLEAR, status=int(status[:3]))
            issue = _issue(response.get("outcome"))
            raise DeliveryError("fhir_refused", FailureKind.REFUSED, status=status[:3], issue=issue)
        if not (status[:3].isdecimal() and status.startswith("2")):
            raise DeliveryError("fhir_bad_answer", FailureKind.UNCLEAR)


def _issue(outcome: Any) -> str:
    """Return the first issue's type of an OperationOutcome, `-` where it has none of R4's. Whatever
    else stands there, and its texts, may quote the report and stays out."""
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    first = issues[0] if isinstance(issues, list) and issues else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) and code in _ISSUES else "-"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise DeliveryError("fhir_bad_answer", FailureKind.UNCLEAR) from None
