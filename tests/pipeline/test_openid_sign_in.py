"""Signing in through an OpenID provider: who gets in as what, and who does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwk

from radraft.core.errors import SignInError, catalogue
from radraft.core.settings import Settings
from radraft.exchange.openid import OpenIdProvider, ProviderAnswer
from radraft.pipeline.openid_sign_in import ANSWERED_WITHIN, OpenIdSignIn
from radraft.pipeline.sign_in import SignedIn, SignIn
from radraft.reports.accounts import SessionTerms
from radraft.reports.audit import AuditEvent, AuditKind, AuditQuery, Outcome
from radraft.reports.openid import OpenIdRules
from radraft.reports.roles import Membership, Permission, Role
from radraft.store import accounts, audit
from radraft.store.database import Store, open_store
from tests.openid_provider import AGEING, CLIENT, DISCOVERY, TOKEN, Provider, running_provider

pytestmark = pytest.mark.filterwarnings(*AGEING)

DESK = "10.0.0.7"
BACK = "http://127.0.0.1:7860/sign-in/openid"
TERMS = SessionTerms(idle=timedelta(minutes=15), longest=timedelta(hours=12))
GROUPS = {
    "rad-attending": ("attending@north", "resident@south"),
    "rad-it": ("administrator@*",),
}
LIN = {"name": "林清", "preferred_username": "lin"}


@dataclass
class Clock:
    """The time of this machine, and how far it is off."""

    off: timedelta = field(default=timedelta(0))

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


@dataclass
class Site:
    """A hospital's provider and our side of it."""

    provider: Provider
    sign_in: SignIn
    openid: OpenIdSignIn
    store: Store
    clock: Clock

    def enter(self, subject: str = "s-1", *, fresh: bool = False) -> SignedIn:
        begun = self.openid.begin(BACK, fresh=fresh)
        answer = answer_of(self.provider.enter(begun.url, subject))
        return self.openid.finish(begun.ticket, answer, BACK, address=DESK).signed_in

    def refusal(self, subject: str = "s-1", *, fresh: bool = False) -> str:
        with pytest.raises(SignInError) as refused:
            self.enter(subject, fresh=fresh)
        return refused.value.code

    def events(self, kind: AuditKind) -> list[AuditEvent]:
        with self.store.read() as session:
            found = audit.search(session, AuditQuery(kinds=frozenset({kind})))
        return [entry.event for entry in found.entries]


def answer_of(given: dict[str, str]) -> ProviderAnswer:
    return ProviderAnswer(
        given.get("state", ""), given.get("code", ""), given.get("error", ""), given.get("iss", "")
    )


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(served: Provider) -> Provider:
    served.changed, served.claims, served.key = {}, {}, None
    served.seconds_ahead, served.down = 0.0, False
    served.asked.clear()
    served.knows("s-1", groups=["rad-attending", "canteen"], **LIN)
    return served


def site_of(store: Store, provider: Provider, secret: str = "a secret: of 100%") -> Site:
    rules = OpenIdRules(issuer=provider.issuer, client_id=CLIENT, groups=GROUPS)
    clock = Clock()
    sign_in = SignIn(store, TERMS, clock)
    openid = OpenIdSignIn(store, sign_in, OpenIdProvider(rules, secret), clock)
    return Site(provider, sign_in, openid, store, clock)


@pytest.fixture
def site(sqlite_store: Store, provider: Provider) -> Site:
    return site_of(sqlite_store, provider)


def test_the_first_log_in_makes_the_account_and_the_next_finds_it(
    store: Store, provider: Provider
) -> None:
    site = site_of(store, provider)
    first = site.enter()
    account = site.sign_in.session(first.secret, acting=True).account
    assert (account.name, account.login, account.openid) == ("林清", "lin", True)
    assert account.memberships == {
        Membership("north", Role.ATTENDING),
        Membership("south", Role.RESIDENT),
    }
    again = site.enter().session
    assert again.account == account
    assert again.session_id != first.session.session_id
    kinds = [event.outcome for event in site.events(AuditKind.LOG_IN)]
    assert kinds == [Outcome.DONE, Outcome.DONE]


def test_the_browser_is_sent_with_pkce_state_and_nonce_of_its_own(site: Site) -> None:
    first, second = (site.openid.begin(BACK, fresh=False).url for _ in range(2))
    assert "code_challenge_method=S256" in first and "prompt" not in first
    for name in ("state", "nonce", "code_challenge"):
        values = [
            part
            for url in (first, second)
            for part in url.split("&")
            if part.startswith(f"{name}=")
        ]
        assert len(set(values)) == 2, name


def test_an_account_of_the_same_log_in_name_is_somebody_elses(site: Site) -> None:
    site.sign_in.add_account("lin", "林青", [Membership("north", Role.ADMINISTRATOR)])
    account = site.enter().session.account
    assert account.login.startswith("lin-") and account.name == "林清"
    assert Role.ADMINISTRATOR not in {held.role for held in account.memberships}


@pytest.mark.parametrize("called", ["", "林", "DOMAIN\\lin", "x" * 64, "a" * 300])
def test_whatever_the_provider_calls_him_he_gets_a_log_in_name(site: Site, called: str) -> None:
    for subject in ("s-2", "s-3"):
        site.provider.knows(
            subject, name="王安", preferred_username=called, groups=["rad-attending"]
        )
    assert len({site.enter(subject).session.account.login for subject in ("s-2", "s-3")}) == 2


def test_roles_are_those_of_the_newest_log_in(site: Site) -> None:
    early = site.enter()
    site.provider.knows("s-1", groups=["rad-it"], **LIN)
    site.enter()
    account = site.sign_in.session(early.secret, acting=False).account
    assert account.memberships == {Membership("*", Role.ADMINISTRATOR)}
    assert not account.may(Permission.SIGN, "north")
    changes = {event.details["what"] for event in site.events(AuditKind.ROLES)}
    assert {"+attending@north", "-attending@north", "+administrator@*"} <= changes


def test_a_name_that_changed_is_the_new_one_from_then_on(site: Site) -> None:
    site.enter()
    site.provider.knows("s-1", groups=["rad-attending"], name="林清华", preferred_username="lin")
    assert site.enter().session.account.name == "林清华"


@pytest.mark.parametrize("groups", [[], ["canteen"], "canteen", None, 7, [["rad-attending"]]])
def test_whose_groups_are_gone_is_out_everywhere_and_has_no_role(
    site: Site, groups: object
) -> None:
    early = site.enter()
    site.provider.knows("s-1", groups=groups, **LIN)
    assert site.refusal() == "openid_no_role"
    with pytest.raises(SignInError) as refused:
        site.sign_in.session(early.secret, acting=False)
    assert refused.value.code == "sign_in_needed"
    with site.store.read() as session:
        assert accounts.get(session, early.session.account.account_id).memberships == frozenset()


def test_an_unknown_group_gives_nothing_and_is_told(site: Site) -> None:
    site.provider.knows("s-9", groups=["canteen"], name="周木")
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-9"))
    with pytest.raises(SignInError) as refused:
        site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_no_role"
    assert "canteen" in refused.value.message_en and "canteen" in refused.value.message_zh
    with site.store.read() as session:
        assert accounts.by_subject(session, site.provider.issuer, "s-9") is None
    site.enter("s-1")
    told = [event.details.get("what", "") for event in site.events(AuditKind.ACCOUNT)]
    assert "groups without a role: canteen" in told


def test_a_disabled_account_stays_out(site: Site) -> None:
    site.enter()
    site.sign_in.set_disabled("lin", disabled=True)
    assert site.refusal() == "sign_in_refused"


def test_a_rotated_key_is_known_at_once_and_the_old_one_believed_no_more(site: Site) -> None:
    site.enter()
    old = site.provider.private_key
    site.provider.rotate()
    site.enter()
    site.provider.key = old
    assert site.refusal() == "openid_token_invalid"


NOW = int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "another system"}, "openid_token_foreign"),
        ({"aud": ["another system", "a third"]}, "openid_token_foreign"),
        ({"aud": [CLIENT, "another system"], "azp": "another system"}, "openid_token_foreign"),
        ({"azp": "another system"}, "openid_token_foreign"),
        ({"iss": "https://elsewhere.example"}, "openid_token_foreign"),
        ({"exp": NOW - 3600, "iat": NOW - 7200}, "openid_token_expired"),
        ({"iat": NOW + 3600, "exp": NOW + 7200}, "openid_clock"),
        ({"nbf": NOW + 3600}, "openid_clock"),
        ({"nonce": "of another attempt"}, "openid_token_invalid"),
        ({"nonce": None}, "openid_token_invalid"),
        ({"sub": None}, "openid_token_invalid"),
        ({"sub": ""}, "openid_token_invalid"),
        ({"exp": None}, "openid_token_invalid"),
        ({"iat": "yesterday"}, "openid_token_invalid"),
        ({"at_hash": "AAAA"}, "openid_token_invalid"),
    ],
)
def test_a_token_that_is_not_for_us_and_of_now_lets_nobody_in(
    site: Site, claims: dict[str, object], code: str
) -> None:
    site.provider.claims = claims
    assert site.refusal() == code
    (event,) = site.events(AuditKind.LOG_IN)
    assert (event.outcome, event.code) == (Outcome.REFUSED, code)


@pytest.mark.parametrize("key", ["stranger", "public as secret"])
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(site: Site, key: str) -> None:
    public = site.provider.private_key.as_pem(private=False)
    site.provider.key = jwk.RSAKey.generate_key(2048) if key == "stranger" else public
    assert site.refusal() == "openid_token_invalid"


@pytest.mark.parametrize("token", ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", 7, None, {}])
def test_what_is_no_signed_token_lets_nobody_in(site: Site, token: object) -> None:
    site.provider.changed = {TOKEN: {"id_token": token}}
    assert site.refusal() == "openid_token_invalid"


@pytest.mark.parametrize("minutes", [5, -5])
def test_clocks_that_are_five_minutes_apart_let_nobody_in(site: Site, minutes: int) -> None:
    site.clock.off = timedelta(minutes=minutes)
    assert site.refusal() == "openid_clock"


@pytest.mark.parametrize("seconds", [90, -90])
def test_clocks_that_are_a_little_apart_do(site: Site, seconds: int) -> None:
    site.clock.off = timedelta(seconds=seconds)
    assert site.enter().session.account.name == "林清"


def test_an_answer_works_once(site: Site) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-1"))
    site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    with pytest.raises(SignInError) as refused:
        site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_replayed"


def test_of_two_that_answer_at_once_one_gets_in(store: Store, provider: Provider) -> None:
    site = site_of(store, provider)
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(provider.enter(begun.url, "s-1"))
    outcomes: list[str] = []

    def finish() -> None:
        try:
            site.openid.finish(begun.ticket, answer, BACK, address=DESK)
            outcomes.append("in")
        except SignInError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=finish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", *["openid_replayed"] * 3]


def test_a_code_that_was_used_elsewhere_lets_nobody_in(site: Site) -> None:
    first, second = (site.openid.begin(BACK, fresh=False) for _ in range(2))
    given = site.provider.enter(first.url, "s-1")
    site.openid.finish(first.ticket, answer_of(given), BACK, address=DESK)
    stolen = answer_of(given | {"state": site.provider.enter(second.url, "s-1")["state"]})
    with pytest.raises(SignInError) as refused:
        site.openid.finish(second.ticket, stolen, BACK, address=DESK)
    assert refused.value.code == "openid_code_refused"


def test_the_code_of_another_browser_lets_nobody_in(site: Site) -> None:
    first, second = (site.openid.begin(BACK, fresh=False) for _ in range(2))
    code = site.provider.enter(first.url, "s-1")["code"]
    mixed = answer_of(site.provider.enter(second.url, "s-1") | {"code": code})
    with pytest.raises(SignInError) as refused:
        site.openid.finish(second.ticket, mixed, BACK, address=DESK)
    assert refused.value.code == "openid_code_refused"


@pytest.mark.parametrize(
    ("secret", "methods"),
    [
        ("a secret: of 100%", ["client_secret_basic"]),
        ("a secret: of 100%", ["client_secret_post"]),
        ("", ["none"]),
    ],
)
def test_the_client_proves_itself_as_the_provider_wants(
    sqlite_store: Store, provider: Provider, secret: str, methods: list[str]
) -> None:
    site = site_of(sqlite_store, provider, secret)
    provider.changed = {DISCOVERY: {"token_endpoint_auth_methods_supported": methods}}
    assert site.enter().session.account.name == "林清"


@pytest.mark.parametrize("ticket", [None, "", "1.0.x", "another's"])
def test_what_another_browser_began_lets_nobody_in(site: Site, ticket: str | None) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-1"))
    if ticket == "another's":
        ticket = site.openid.begin(BACK, fresh=False).ticket
    with pytest.raises(SignInError) as refused:
        site.openid.finish(ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_not_begun"


def test_a_server_with_another_secret_lets_nobody_in(site: Site, tmp_path: Path) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-1"))
    other = open_store(Settings(data_dir=tmp_path / "other"))
    with closing(other), pytest.raises(SignInError) as refused:
        site_of(other, site.provider).openid.finish(begun.ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_not_begun"


@pytest.mark.parametrize("off", [ANSWERED_WITHIN + timedelta(minutes=1), -timedelta(hours=1)])
def test_an_attempt_grows_old(site: Site, off: timedelta) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-1"))
    site.clock.off = off
    with pytest.raises(SignInError) as refused:
        site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_not_begun"


def test_who_is_refused_at_the_provider_is_not_in(site: Site) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(
        site.provider.deny(begun.url) | {"state": begun.url.split("state=")[1].split("&")[0]}
    )
    with pytest.raises(SignInError) as refused:
        site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_denied"


def test_an_answer_that_names_another_issuer_lets_nobody_in(site: Site) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    given = site.provider.enter(begun.url, "s-1") | {"iss": "https://elsewhere.example"}
    with pytest.raises(SignInError) as refused:
        site.openid.finish(begun.ticket, answer_of(given), BACK, address=DESK)
    assert refused.value.code == "openid_token_foreign"


def test_a_provider_that_is_down_is_said_to_be_and_nobody_is_in(site: Site) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-1"))
    site.provider.down = True
    with pytest.raises(SignInError) as refused:
        site.openid.begin(BACK, fresh=False)
    assert refused.value.code == "openid_unreachable"
    with pytest.raises(SignInError) as refused:
        site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    assert refused.value.code == "openid_unreachable"
    assert site.openid.logout_url("", "http://127.0.0.1:7860/sign-in") is None
    site.provider.down = False
    assert site.enter().session.account.name == "林清"


def test_a_provider_that_is_not_there_is_said_to_be_away(sqlite_store: Store) -> None:
    with running_provider() as gone:
        pass
    site = site_of(sqlite_store, gone)
    with pytest.raises(SignInError) as refused:
        site.openid.begin(BACK, fresh=False)
    assert refused.value.code == "openid_unreachable"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"issuer": "https://elsewhere.example"}, "issuer"),
        (
            {"authorization_endpoint": "http://elsewhere.example/authorize"},
            "authorization_endpoint",
        ),
        ({"authorization_endpoint": 7}, "authorization_endpoint"),
    ],
)
def test_a_provider_that_does_not_fit_the_settings_gets_no_browser(
    site: Site, changed: dict[str, object], what: str
) -> None:
    site.provider.changed = {DISCOVERY: changed}
    with pytest.raises(SignInError) as refused:
        site.openid.begin(BACK, fresh=False)
    assert (refused.value.code, refused.value.details["what"]) == ("openid_misfit", what)


def test_no_code_is_sent_where_it_could_be_read(site: Site) -> None:
    site.provider.changed = {DISCOVERY: {"token_endpoint": "http://elsewhere.example/token"}}
    assert site.refusal() == "openid_misfit"


def test_groups_that_only_the_userinfo_tells_count(site: Site) -> None:
    site.provider.claims = {"groups": None}
    assert site.enter().session.account.may(Permission.SIGN, "north")
    site.provider.changed = {"/userinfo": {"sub": "s-2"}}
    assert site.refusal() == "openid_no_role"


def test_who_has_no_name_signs_nothing(site: Site) -> None:
    site.provider.knows("s-1", groups=["rad-attending"])
    assert site.refusal() == "openid_nameless"


def test_to_unlock_the_provider_has_to_ask_again(site: Site) -> None:
    begun = site.openid.begin(BACK, fresh=True)
    assert "prompt=login" in begun.url and "max_age=0" in begun.url
    site.provider.claims = {"auth_time": None}
    assert site.refusal(fresh=True) == "openid_not_asked_anew"
    now = int(datetime.now(UTC).timestamp())
    site.provider.claims = {"auth_time": now - 3600}
    assert site.refusal(fresh=True) == "openid_not_asked_anew"
    site.provider.claims = {"auth_time": now}
    assert site.enter(fresh=True).session.account.name == "林清"


def test_nobody_gets_past_the_provider_by_a_password(site: Site) -> None:
    account = site.enter().session.account
    for attempt in (
        lambda: site.sign_in.password_link("lin"),
        lambda: site.sign_in.confirm(account, "anything at all", address=DESK),
    ):
        with pytest.raises(SignInError) as refused:
            attempt()
        assert refused.value.code == "openid_no_password"
    with pytest.raises(SignInError) as refused:
        site.sign_in.by_password("lin", "anything at all", address=DESK)
    assert refused.value.code == "sign_in_refused"


def test_an_administrator_of_the_provider_is_one(site: Site) -> None:
    assert site.sign_in.first_link() is not None
    site.provider.knows("s-1", groups=["rad-it"], **LIN)
    site.enter()
    assert site.sign_in.first_link() is None


def test_who_is_refused_on_and_on_waits_and_others_do_not(site: Site) -> None:
    for _ in range(5):
        with pytest.raises(SignInError) as refused:
            site.openid.finish(None, ProviderAnswer("guess"), BACK, address="203.0.113.9")
        assert refused.value.code == "openid_not_begun"
    with pytest.raises(SignInError) as refused:
        site.openid.finish(None, ProviderAnswer("guess"), BACK, address="203.0.113.9")
    assert refused.value.code == "sign_in_wait"
    assert site.enter().session.account.name == "林清"


def test_the_provider_ends_its_session_and_sends_the_browser_back(site: Site) -> None:
    url = site.openid.logout_url("a.b.c", "http://127.0.0.1:7860/sign-in")
    assert url is not None and url.startswith(f"{site.provider.issuer}/oauth2/end_session?")
    assert "id_token_hint=a.b.c" in url
    assert "post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A7860%2Fsign-in" in url
    site.provider.changed = {DISCOVERY: {"end_session_endpoint": "http://elsewhere.example/"}}
    assert site.openid.logout_url("a.b.c", "http://127.0.0.1:7860/sign-in") is None


def test_no_secret_and_no_person_is_in_a_repr(site: Site) -> None:
    begun = site.openid.begin(BACK, fresh=False)
    answer = answer_of(site.provider.enter(begun.url, "s-1"))
    vouched = site.openid.finish(begun.ticket, answer, BACK, address=DESK)
    shown = f"{begun!r} {answer!r} {vouched!r} {site.openid._provider!r}"
    for secret in (begun.ticket, answer.code, answer.state, vouched.id_token, "林清", "a secret"):
        assert secret not in shown


def test_every_refusal_has_its_words_in_both_languages() -> None:
    codes = [code for code in catalogue() if code.startswith("openid_")]
    assert len(codes) >= 15
    assert all(catalogue()[code]["zh"] and catalogue()[code]["en"] for code in codes)
