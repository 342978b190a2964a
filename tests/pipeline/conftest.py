"""The inbox of the exchange's tests, in a time that only tests move."""

from tests.exchange.conftest import clock as clock, inbox as inbox
