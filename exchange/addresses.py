"""Addresses and networks of peers."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Return whether a peer's address is of one of `networks`."""
    known = ip_address(address)
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        # How a socket that takes both kinds writes an IPv4 address.
        return is_within(str(known.ipv4_mapped), networks)
    return any(known in network for network in networks)
