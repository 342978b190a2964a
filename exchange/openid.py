"""An OpenID provider over HTTP: OpenID Connect's code flow with PKCE, and its logout.

OpenID Connect Core 1.0 (3.1), Discovery 1.0 (4), RP-Initiated Logout 1.0 (2); RFC 7636 (PKCE),
RFC 9207 (issuer of an answer). Nothing is kept between two log-ins: discovery and keys are asked
for each time, so a key that was rotated is known at once, and one that was withdrawn is believed by
nobody.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import (
    ExpiredTokenError,
    InvalidClaimError,
    InvalidTokenError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from radraft.core.errors import SettingsError, SignInError
from radraft.reports.openid import OpenIdRules, is_safe_url

log = logging.getLogger(__name__)

WAIT_S = 10.0
"""Longest wait for the provider at each step."""
MOST_ANSWER = 1024**2
"""Bytes of one answer of the provider."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""How tokens may be signed: by keys of which the provider alone has the private half."""
_FOREIGN = frozenset({"iss", "aud", "azp"})
_TIMES = frozenset({"iat", "nbf"})


@dataclass(frozen=True)
class Attempt:
    """A browser's attempt to sign in: what the provider is told, and what it must give back."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    """Of PKCE: proves that who exchanges the code is who asked for it."""
    redirect_uri: str
    """Where the provider sends the browser back to."""
    fresh: bool
    """Whether the provider has to ask the person for his credentials, though it knows him."""
    begun_at: datetime


@dataclass(frozen=True)
class ProviderAnswer:
    """What the browser brings back from the provider."""

    state: str = field(repr=False)
    code: str = field(default="", repr=False)
    error: str = ""
    """The provider's code of why there is none (RFC 6749, 4.1.2.1)."""
    issuer: str = ""


@dataclass(frozen=True)
class ProviderPerson:
    """Somebody whom the provider vouches for."""

    issuer: str
    subject: str = field(repr=False)
    """Never given to another person at this provider."""
    login: str = field(repr=False)
    """As the provider calls him, for people to read; empty where it does not."""
    name: str = field(repr=False)
    groups: frozenset[str]
    id_token: str = field(repr=False)
    """Shown to the provider when he signs out."""


@dataclass(frozen=True)
class OpenIdProvider:
    """A hospital's provider."""

    rules: OpenIdRules
    secret: str = field(default="", repr=False)
    """Of the client; empty: it has none, and PKCE alone protects the code."""
    ca: Path | None = None
    """Whose certificates are believed of the provider (PEM), in place of the system's."""

    def require_usable(self) -> None:
        """Require certificates that can be read. SettingsError `openid_ca_unusable`."""
        _ = self._trusted

    def authorization_url(self, attempt: Attempt) -> str:
        """Return where the browser goes to sign in. SignInError `openid_unreachable`,
        `openid_misfit`."""
        asked = {
            "response_type": "code",
            "client_id": self.rules.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": " ".join(self.rules.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        if attempt.fresh:
            asked |= {"prompt": "login", "max_age": "0"}
        url = _endpoint(self._metadata(), "authorization_endpoint")
        return str(add_params_to_uri(url, list(asked.items())))

    def person(self, attempt: Attempt, answer: ProviderAnswer, now: datetime) -> ProviderPerson:
        """Return who signed in. The answer's state was compared with the attempt's.

        SignInError `openid_denied`, `openid_unreachable`, `openid_misfit`, `openid_code_refused`,
        `openid_clock`, `openid_token_expired`, `openid_token_foreign`, `openid_token_invalid`,
        `openid_not_asked_anew`, `openid_nameless`.
        """
        metadata = self._metadata()
        named = metadata.get("authorization_response_iss_parameter_supported") is True
        if (named or answer.issuer) and answer.issuer != self.rules.issuer:
            raise SignInError("openid_token_foreign")
        if answer.error or not answer.code:
            raise SignInError("openid_denied")
        tokens = self._tokens(metadata, attempt, answer.code, now)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise SignInError("openid_token_invalid")
        claims = self._claims(metadata, attempt, id_token, access_token, now)
        if self.rules.groups_claim not in claims or not _text(claims, "name"):
            claims = self._userinfo(metadata, access_token, claims["sub"]) | claims
        name = _text(claims, "name") or _text(claims, "preferred_username")
        if not name:
            raise SignInError("openid_nameless")
        return ProviderPerson(
            issuer=self.rules.issuer,
            subject=claims["sub"],
            login=_text(claims, "preferred_username"),
            name=name,
            groups=_groups(claims.get(self.rules.groups_claim)),
            id_token=id_token,
        )

    def logout_url(self, id_token: str, back: str) -> str | None:
        """Return where a browser goes to sign out at the provider too; None where it has no such
        place. SignInError `openid_unreachable`, `openid_misfit`."""
        metadata = self._metadata()
        if not metadata.get("end_session_endpoint"):
            return None
        told = {"client_id": self.rules.client_id, "post_logout_redirect_uri": back}
        if id_token:
            told["id_token_hint"] = id_token
        url = _endpoint(metadata, "end_session_endpoint")
        return str(add_params_to_uri(url, list(told.items())))

    def _metadata(self) -> dict[str, Any]:
        found, _ = self._json("GET", get_well_known_url(self.rules.issuer, external=True))
        # Another issuer's endpoints must not get this one's codes (Discovery 1.0, 4.3).
        if found.get("issuer") != self.rules.issuer:
            raise SignInError("openid_misfit", what="issuer")
        return found

    def _tokens(
        self, metadata: Mapping[str, Any], attempt: Attempt, code: str, now: datetime
    ) -> dict[str, Any]:
        """Exchange the code (RFC 6749, 4.1.3). A provider whose clock differs is found here: what
        it says of times cannot be judged then."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        auth = None
        # The default where a provider says nothing of it (Discovery 1.0, 3).
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self.secret and "client_secret_basic" in known:
            auth = (quote(self.rules.client_id, safe=""), quote(self.secret, safe=""))
        else:
            form |= {"client_id": self.rules.client_id}
            form |= {"client_secret": self.secret} if self.secret else {}
        url = _endpoint(metadata, "token_endpoint")
        found, clock = self._json("POST", url, data=form, auth=auth, refused="openid_code_refused")
        if clock is not None:
            self._require_same_time(clock, now)
        return found

    def _require_same_time(self, theirs: datetime, ours: datetime) -> None:
        apart = abs(theirs - ours)
        if apart > timedelta(seconds=self.rules.leeway_s):
            raise SignInError("openid_clock", seconds=round(apart.total_seconds()))

    def _claims(
        self,
        metadata: Mapping[str, Any],
        attempt: Attempt,
        id_token: str,
        access_token: object,
        now: datetime,
    ) -> dict[str, Any]:
        """Return what the ID token says, once it is known to be the provider's, for us, for this
        attempt and of now (Core 1.0, 3.1.3.7)."""
        keys, _ = self._json("GET", _endpoint(metadata, "jwks_uri"))
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        at_hash = {"access_token": access_token} if isinstance(access_token, str) else {}
        try:
            token = jwt.decode(id_token, KeySet.import_key_set(keys), registry=registry)  # type: ignore[arg-type]
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.rules.issuer},
                    "aud": {"essential": True, "value": self.rules.client_id},
                },
                {"nonce": attempt.nonce, "client_id": self.rules.client_id, **at_hash},
            )
            claims.validate(now=int(now.timestamp()), leeway=self.rules.leeway_s)
        except ExpiredTokenError:
            raise SignInError("openid_token_expired") from None
        except (InvalidClaimError, MissingClaimError, InvalidTokenError) as error:
            claim = getattr(error, "claim", "")
            log.warning("the OpenID provider's token is refused: claim %r", claim)
            if claim in _FOREIGN:
                raise SignInError("openid_token_foreign") from None
            if claim in _TIMES and _is_later(token.claims.get(claim), now):
                ahead = round(token.claims[claim] - now.timestamp())
                raise SignInError("openid_clock", seconds=ahead) from None
            raise SignInError("openid_token_invalid") from None
        except (JoseError, KeyError, TypeError, ValueError) as error:
            log.warning("the OpenID provider's token is refused: %s", type(error).__name__)
            raise SignInError("openid_token_invalid") from None
        if not claims["sub"]:
            raise SignInError("openid_token_invalid")
        if attempt.fresh and not self._was_asked(claims.get("auth_time"), attempt):
            raise SignInError("openid_not_asked_anew")
        return dict(claims)

    def _was_asked(self, auth_time: object, attempt: Attempt) -> bool:
        earliest = attempt.begun_at.timestamp() - self.rules.leeway_s
        return isinstance(auth_time, int | float) and auth_time >= earliest

    def _userinfo(
        self, metadata: Mapping[str, Any], access_token: object, subject: str
    ) -> dict[str, Any]:
        """Return what the provider says of a person elsewhere than in the ID token; nothing where
        it says it of somebody else (Core 1.0, 5.3.2)."""
        if not metadata.get("userinfo_endpoint") or not isinstance(access_token, str):
            return {}
        bearer = {"Authorization": f"Bearer {access_token}"}
        found, _ = self._json("GET", _endpoint(metadata, "userinfo_endpoint"), headers=bearer)
        return found if found.get("sub") == subject else {}

    def _json(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        refused: str = "openid_unreachable",
    ) -> tuple[dict[str, Any], datetime | None]:
        """Return an answer of the provider and its clock. SignInError `refused` where it says no;
        `openid_unreachable` where it does not answer; `openid_misfit` for no JSON object."""
        try:
            with (
                httpx.Client(verify=self._trusted, timeout=WAIT_S, trust_env=False) as client,
                client.stream(method, url, data=data, headers=headers, auth=auth) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    log.warning("the OpenID provider answers %d at %s", answer.status_code, url)
                    no = answer.is_client_error and answer.status_code != 429
                    raise SignInError(refused if no else "openid_unreachable")
                body = b""
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MOST_ANSWER:
                        raise SignInError("openid_misfit", what="size")
                found = httpx.Response(200, content=body).json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the OpenID provider does not answer: %s", type(error).__name__)
            raise SignInError("openid_unreachable") from None
        except (ValueError, RecursionError):
            raise SignInError("openid_misfit", what="JSON") from None
        if not isinstance(found, dict):
            raise SignInError("openid_misfit", what="JSON")
        return found, _clock(answer)

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError):
            raise SettingsError("openid_ca_unusable") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    """An endpoint that secrets may be sent to. SignInError `openid_misfit` names it."""
    url = metadata.get(name)
    if not isinstance(url, str) or not is_safe_url(url):
        raise SignInError("openid_misfit", what=name)
    return url


def _clock(answer: httpx.Response) -> datetime | None:
    """The server's time (RFC 9110, 6.6.1); None where it tells none."""
    try:
        found = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _is_later(value: object, now: datetime) -> bool:
    return isinstance(value, int | float) and value > now.timestamp()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""


def _groups(value: object) -> frozenset[str]:
    """Groups as providers write them: a list, or one alone."""
    if isinstance(value, str):
        return frozenset({value})
    items = value if isinstance(value, list) else []
    return frozenset(item for item in items if isinstance(item, str))
