"""Substitutions: the grammar of ROS 2 launch and its errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_autonomy.launch.errors import LaunchError, Location
from edge_autonomy.launch.substitution import Context, evaluate, parse_template

HERE = Location(Path("some/file.launch.yaml"), 7)


def result(text: str, **configurations: str) -> str:
    context = Context(configurations, {"HOME_BASE": "/base"})
    return evaluate(parse_template(text, HERE), context)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a $(var x) b", "a 1 b"),
        ("$(var x)$(var y)", "1two words"),
        ("$(var absent default)", "default"),
        ("$(env HOME_BASE)/sub", "/base/sub"),
        ("$(env ABSENT '')", ""),
        ("$(env ABSENT 'with space')", "with space"),
        ("$(eval '1 + 1')", "2"),
        ("$(eval '$(var x) == 1')", "True"),
        ('$(eval \'"$(var y)" == "two words"\')', "True"),
        ("$(eval \"'$(var y)'.upper()\")", "TWO WORDS"),
        ("$(eval 'floor(2.7)')", "2"),
        ("$(env HOME_$(var z))", "/base"),
        ("costs 5$ and \\$(var x)", "costs 5$ and $(var x)"),
    ],
)
def test_evaluates_as_ros_launch_does(text: str, expected: str) -> None:
    assert result(text, x="1", y="two words", z="BASE") == expected


def test_dirname_is_that_of_the_file_the_text_stands_in() -> None:
    assert result("$(dirname)") == str(Path("some").resolve())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("$(vra x)", "did you mean 'var'"),
        ("$(anon x)", "known here: var, env"),
        ("$(var)", "takes 1 or 2 argument(s), found 0"),
        ("$(var a b c)", "needs quotes"),
        ("$(var x", "not closed by ')'"),
        ("$(eval '1 + 1)", "quote ' is not closed"),
        ("$(var  x)", "separated by one space"),
        ("$( var x)", "the name of a substitution"),
        ("$(var nope)", "no argument or variable 'nope'"),
        ("$(env NOPE)", "'$(env NOPE default)'"),
        ("$(eval 'what')", "not a Python expression with a value"),
        ("$(find-pkg-share no_such_package)", "package 'no_such_package' not found"),
    ],
)
def test_errors_name_the_line_and_the_remedy(text: str, says: str) -> None:
    with pytest.raises(LaunchError) as raised:
        result(text)
    assert str(raised.value).startswith("some/file.launch.yaml:7: ")
    assert says in str(raised.value)


@given(st.text(alphabet=st.sampled_from("abc $()'\"\\var.")))
def test_any_text_is_parsed_or_refused_with_its_line(text: str) -> None:
    try:
        result(text, a="1", b="2")
    except LaunchError as error:
        assert str(HERE) in str(error)


@given(st.text(alphabet=st.characters(exclude_characters="$\\", codec="utf-8")))
def test_text_without_substitutions_is_itself(text: str) -> None:
    assert result(text) == text
