"""Connects only to addresses that a feed may come from, and to the very address that was checked.

A supplier's host name is foreign input: it may point at a machine inside our own network, today or between the check
and the connection (DNS rebinding), and so may a redirect. Therefore the name is looked up once, every address found is judged,
and the socket is opened to one of them, never to the name.
"""

import ipaddress
import socket
from collections.abc import Collection

from s2s_pipelines.errors import ConfigurationError, TransientError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the open internet.

    >>> is_public("8.8.8.8"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("169.254.169.254")
    (True, False, False, False)
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def checked_addresses(host: str, port: int, allow_private: Collection[str]) -> list[tuple[socket.AddressFamily, str]]:
    """All addresses of a host, provided that each may be connected to.

    Args:
        host: a name or an address.
        port: the port.
        allow_private: hosts an operator declared to be his own, spelled as in the location.

    Raises:
        ConfigurationError: an address is private and the host is not declared.
        TransientError: the name is not known now.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TransientError(
            f"the host {host} is not known", next_step="check the name, then try again later"
        ) from None
    addresses: list[tuple[socket.AddressFamily, str]] = list(
        dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found)
    )
    is_allowed = host.lower() in {h.lower() for h in allow_private}
    if not is_allowed and not all(is_public(address) for _, address in addresses):
        raise ConfigurationError(
            f"the host {host} is a private address, from which no feed is fetched",
            next_step="if it is your own, list it under allow_private",
        )
    return addresses


def connect_checked(host: str, port: int, allow_private: Collection[str], timeout_s: float) -> socket.socket:
    """A socket connected to an address of the host that was checked.

    Raises:
        ConfigurationError: an address is private and the host is not declared.
        TransientError: nobody answers.
    """
    for family, address in checked_addresses(host, port, allow_private):
        line = socket.socket(family, socket.SOCK_STREAM)
        line.settimeout(timeout_s)
        try:
            line.connect((address, port))
        except OSError:
            line.close()
            continue
        return line
    raise TransientError(f"nobody answers at {host}, port {port}", next_step="try again later")
