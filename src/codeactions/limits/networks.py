"""Addresses as they are counted."""

import ipaddress


def network_of(address: str) -> str:
    """Return what calls from an address are counted for: with IPv6 its /64, all of which one machine may have."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.ipv4_mapped:
        return address
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
