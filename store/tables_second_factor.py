"""Tables of second factors: whose telephone shows codes, which were used, which recovery codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from radraft.store.base import Base


class SecondFactorRow(Base):
    """What an account's codes are made of."""

    __tablename__ = "second_factors"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    # Enciphered under the site's secret, which is not in the database.
    sealed: Mapped[str]
    made_at: Mapped[datetime]
    # None: it was shown, and no code of it was given yet.
    confirmed_at: Mapped[datetime | None]


class SecondFactorCodeRow(Base):
    """A code of the moment that was given: it counts once."""

    __tablename__ = "second_factor_codes"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    # 30-second steps since 1970.
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class RecoveryCodeRow(Base):
    """A recovery code that was not used yet."""

    __tablename__ = "recovery_codes"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    # HMAC-SHA256 under a key of the site's.
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
