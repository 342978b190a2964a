"""An OpenID provider in process (`oidc-provider-mock`), and what a bad one sends, at the wire."""

from __future__ import annotations

import hmac
import json
import os
import threading
import time
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
from joserfc import jwk, jwt
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

CLIENT = "radraft"
TOKEN, DISCOVERY = "/oauth2/token", "/.well-known/openid-configuration"

AGEING = ("ignore::DeprecationWarning", "ignore::authlib.deprecate.AuthlibDeprecationWarning")
"""What pytest is to overlook: the provider is built on parts of authlib that are to go."""


@dataclass
class Provider:
    """A provider that runs, and what is changed of its answers on their way."""

    app: flask.Flask
    issuer: str = ""
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By path: what stands in the answer's JSON in place of what the provider wrote."""
    claims: dict[str, Any] = field(default_factory=dict)
    """In the ID token in place of what the provider wrote; None: left out."""
    key: jwk.RSAKey | bytes | None = None
    """Signs the ID token in place of the provider's; bytes: a secret (HS256)."""
    seconds_ahead: float = 0.0
    """Of its clock."""
    down: bool = False
    asked: list[str] = field(default_factory=list)
    """Paths, in order."""
    _challenges: dict[str, str] = field(default_factory=dict)
    """Of PKCE, by code."""

    def knows(self, subject: str, **claims: object) -> None:
        """Have somebody at the provider, with these claims."""
        from oidc_provider_mock._storage import User

        self.storage.store_user(User(sub=subject, claims=claims))

    def rotate(self) -> None:
        """Sign with another key from now on; the old one is not published any more."""
        self.storage.jwk = type(self.storage.jwk).generate_key(is_private=True)

    def enter(self, url: str, subject: str) -> dict[str, str]:
        """Sign somebody in at the provider's page, and return what his browser brings back."""
        answer = httpx.post(url, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return query(answer.headers["Location"])

    def deny(self, url: str) -> dict[str, str]:
        """Press the provider's other button."""
        answer = httpx.post(url, data={"action": "deny"})
        return query(answer.headers["Location"])

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if self.down:
            return Response("", 502)(environ, start)
        if path == TOKEN and not self._proves(environ):
            return Response('{"error": "invalid_grant"}', 400)(environ, start)
        answer = Response.from_app(self.app.wsgi_app, environ, buffered=True)
        if "Location" in answer.headers:
            asked = query(f"?{environ['QUERY_STRING']}")
            given = query(answer.headers["Location"]).get("code", "")
            self._challenges[given] = asked.get("code_challenge", "")
        answer.headers["Date"] = formatdate(time.time() + self.seconds_ahead, usegmt=True)
        if path in self.changed:
            answer.set_data(json.dumps(json.loads(answer.get_data()) | self.changed[path]))
        if path == TOKEN and answer.status_code == 200 and (self.claims or self.key):
            body = json.loads(answer.get_data())
            answer.set_data(json.dumps(body | {"id_token": self._signed(body["id_token"])}))
        return answer(environ, start)

    def _proves(self, environ: dict[str, Any]) -> bool:
        """Whether who exchanges a code asked for it: PKCE, which this provider leaves out."""
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        form = query(f"?{body.decode()}")
        hashed = sha256(form.get("code_verifier", "").encode()).digest()
        proof = urlsafe_b64encode(hashed).rstrip(b"=").decode()
        return self._challenges.get(form.get("code", "")) == proof

    def _signed(self, id_token: str) -> str:
        payload = id_token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        kid = self.storage.jwk.as_dict()["kid"]
        if isinstance(self.key, bytes):
            return _by_secret({"alg": "HS256", "kid": kid}, kept, self.key)
        return jwt.encode({"alg": "RS256", "kid": kid}, kept, self.key or self.private_key)

    @property
    def private_key(self) -> jwk.RSAKey:
        """What the provider signs with now."""
        return jwk.RSAKey.import_key(self.storage.jwk.as_dict(is_private=True))

    @property
    def storage(self) -> Any:
        with self.app.test_request_context("/"):
            self.app.preprocess_request()
            return flask.g.oidc_provider_mock_storage


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider on a port of its own."""
    with warnings.catch_warnings():
        # It is built on modules of authlib that are to go.
        warnings.simplefilter("ignore")
        import oidc_provider_mock
        from oidc_provider_mock._app import AuthorizationCodeGrant
    # Clients without a secret too.
    methods = ["client_secret_basic", "client_secret_post", "none"]
    AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = methods
    os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")
    provider = Provider(oidc_provider_mock.app())
    server = make_server("127.0.0.1", 0, provider, threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def query(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _by_secret(header: dict[str, str], claims: dict[str, Any], secret: bytes) -> str:
    """A token signed with a secret (HS256), by hand: joserfc refuses a public key as one."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signed = b".".join(parts)
    mac = urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{mac.decode()}"
