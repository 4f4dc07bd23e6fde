"""What names a ROS domain.

Looked at before ROS is, because the middleware ends the whole process for a number too high.
"""

from __future__ import annotations

HIGHEST_DOMAIN = 232
"""Of the next one, the ports would be beyond those of UDP."""


def is_domain(named: str) -> bool:
    """Whether a text, as of ROS_DOMAIN_ID, names a ROS domain."""
    return named.isascii() and named.isdecimal() and int(named) <= HIGHEST_DOMAIN
