"""Addresses and networks of machines, as settings name them and as a socket or a header tells."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address(text: str) -> Address | None:
    """Return the address that `text` is, an IPv4 one within IPv6 as IPv4; None where it is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # A link-local address with its zone would equal no network.
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        found = IPv6Address(int(found))
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def network(text: str) -> Network:
    """Return the network that `text` is; an address is a network of one. ValueError."""
    return ip_network(text.strip(), strict=False)


def among(found: Address | None, networks: Collection[Network]) -> bool:
    """Return whether an address lies in one of `networks`; what is no address lies in none."""
    return found is not None and any(
        found.version == known.version and found in known for known in networks
    )


def is_narrow(known: Network) -> bool:
    """Return whether a network is small enough that each machine in it can be answered for: a
    hospital's own part (/16; IPv6 /64), of public addresses 256 (IPv6 /64), or this machine."""
    if known.is_loopback:
        return True
    if isinstance(known, IPv6Network):
        return known.prefixlen >= 64
    return known.prefixlen >= (16 if known.is_private else 24)


def joined(networks: Collection[Network]) -> tuple[Network, ...]:
    """Return the same addresses in as few networks as can be."""
    four = [known for known in networks if isinstance(known, IPv4Network)]
    six = [known for known in networks if isinstance(known, IPv6Network)]
    return (*collapse_addresses(four), *collapse_addresses(six))


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or by address, is this machine and reached by it alone."""
    found = address(host)
    return host == "localhost" if found is None else found.is_loopback
