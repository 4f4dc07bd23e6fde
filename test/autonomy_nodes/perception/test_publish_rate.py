"""Thinning a stream of scans."""

import pytest

from autonomy_interfaces.messages import MILLISECOND, SECOND
from autonomy_nodes.perception.publish_rate import PublishRate


def passed(rate: PublishRate, stamps) -> list[int]:
    return [stamp for stamp in stamps if rate.due(stamp)]


def test_fifty_hertz_thinned_to_twenty_is_twenty_on_average():
    assert len(passed(PublishRate(20.0), range(0, 10 * SECOND, 20 * MILLISECOND))) == 200


def test_a_slower_stream_passes_whole():
    stamps = range(0, SECOND, 100 * MILLISECOND)
    assert passed(PublishRate(20.0), stamps) == list(stamps)


def test_starts_again_after_a_clock_jump():
    rate = PublishRate(20.0)
    assert rate.due(100 * SECOND)
    assert rate.due(0)
    assert not rate.due(20 * MILLISECOND)
    assert rate.due(50 * MILLISECOND)


def test_refuses_a_rate_that_is_none():
    with pytest.raises(ValueError, match="publish_rate"):
        PublishRate(0.0)
