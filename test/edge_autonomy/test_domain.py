"""ROS domains: no two runs share one, and none is used twice in a row."""

from __future__ import annotations

import pytest

from edge_autonomy.demo.domain import FIRST_DOMAIN, LAST_DOMAIN, DomainError, RosDomain


def test_a_domain_is_held_and_the_next_run_takes_another_one() -> None:
    first = RosDomain({})
    second = RosDomain({})
    assert first.id != second.id
    first.release()
    third = RosDomain({})
    assert len({first.id, second.id, third.id}) == 3
    assert all(FIRST_DOMAIN <= domain.id <= LAST_DOMAIN for domain in (first, second, third))
    second.release()
    third.release()


def test_who_names_a_domain_gets_it() -> None:
    assert [RosDomain({"ROS_DOMAIN_ID": "7"}).id for _ in range(2)] == [7, 7]


@pytest.mark.parametrize("named", ["robot", "-1", "233", "1.0", "\N{SUPERSCRIPT TWO}"])
def test_what_is_no_domain_is_refused_with_its_remedy(named: str) -> None:
    with pytest.raises(DomainError, match="set it to a number of 0 to 232, or unset it") as caught:
        RosDomain({"ROS_DOMAIN_ID": named})
    assert repr(named) in str(caught.value)
