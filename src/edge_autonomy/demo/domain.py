"""A ROS domain that no other run on this machine uses."""

from __future__ import annotations

import itertools
import os
import reprlib
import socket
from collections.abc import Mapping

from autonomy_interfaces.ros_domain import HIGHEST_DOMAIN, is_domain

FIRST_DOMAIN, LAST_DOMAIN = 1, 101
_LOCK_PORT = 25_000
_turns = itertools.count(os.getpid())


class DomainError(RuntimeError):
    """No domain is free, or the one that is asked for is none."""


class RosDomain:
    """Holds a domain id for as long as it lives; the one of the environment if that names one.

    A domain is held by a socket bound to a port of its own, so that the system frees it when
    this process ends in whichever way. Two runs with the same ROS_DOMAIN_ID in their environment
    share it, as their user asked for.

    Each takes another domain than the one before: for seconds after a run, DDS takes nodes that
    were killed for alive, and a safety monitor that meets another one stops the robot.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Take a domain.

        Raises:
            DomainError: the environment names what is no domain, or every one is taken.
        """
        named = (os.environ if environment is None else environment).get("ROS_DOMAIN_ID", "")
        if named and not is_domain(named):
            raise DomainError(
                f"ROS_DOMAIN_ID is {reprlib.repr(named)}: set it to a number of 0 to "
                f"{HIGHEST_DOMAIN}, or unset it for one that is free"
            )
        self._socket: socket.socket | None = None
        self.id = int(named) if named else self._take()

    def _take(self) -> int:
        count, turn = LAST_DOMAIN - FIRST_DOMAIN + 1, next(_turns)
        for domain in (FIRST_DOMAIN + (turn + step) % count for step in range(count)):
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                candidate.bind(("127.0.0.1", _LOCK_PORT + domain))
            except OSError:
                candidate.close()
                continue
            self._socket = candidate
            return domain
        raise DomainError(
            f"all ROS domains from {FIRST_DOMAIN} to {LAST_DOMAIN} are in use; "
            "end other runs or set ROS_DOMAIN_ID"
        )

    def release(self) -> None:
        """Give the domain back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
