"""Launch files to processes: scopes, conditions, parameters, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_autonomy.launch.errors import LaunchError
from edge_autonomy.launch.evaluate import evaluate_file
from edge_autonomy.launch.process_spec import ParameterValues, ProcessSpec

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a launch file; its first line is line 1 of the text, and says `launch:`."""

    def write_file(text: str, name: str = "test.launch.yaml") -> Path:
        file = tmp_path / name
        file.write_text("launch:\n" + text)
        return file

    return write_file


def commands(file: Path, **arguments: str) -> list[list[str]]:
    """The words of every process, the interpreter's path left out."""
    specs = evaluate_file(file, arguments)
    return [[str(word) for word in spec.command[1:]] for spec in specs]


def parameters(spec: ProcessSpec) -> dict[str, tuple[str, object]]:
    """Every parameter value by name, with the section that it is written to."""
    return {
        name: (part.section, value)
        for part in spec.command
        if isinstance(part, ParameterValues)
        for name, value in part.values
    }


def refusal(file: Path, **arguments: str) -> str:
    with pytest.raises(LaunchError) as raised:
        evaluate_file(file, arguments)
    return str(raised.value)


ECHO = '- executable: {cmd: "echo $(var x)"}\n'


def test_an_argument_has_a_default_that_the_caller_can_replace(write: Write) -> None:
    file = write('- arg: {name: x, default: "one"}\n' + ECHO)
    assert commands(file) == [["one"]]
    assert commands(file, x="two") == [["two"]]


def test_what_a_group_sets_stays_in_it(write: Write) -> None:
    file = write(
        '- let: {name: x, value: "outer"}\n'
        "- group:\n"
        '  - let: {name: x, value: "inner"}\n'
        '  - set_env: {name: ONLY_HERE, value: "yes"}\n'
        '  - executable: {cmd: "echo $(var x) $(env ONLY_HERE)"}\n'
        '- executable: {cmd: "echo $(var x) $(env ONLY_HERE no)"}\n'
    )
    assert commands(file) == [["inner", "yes"], ["outer", "no"]]
    inner, outer = evaluate_file(file, {})
    assert inner.environment["ONLY_HERE"] == "yes"
    assert "ONLY_HERE" not in outer.environment


def test_an_unscoped_group_sets_what_follows(write: Write) -> None:
    file = write(
        '- group:\n    scoped: false\n    children:\n    - let: {name: x, value: "inner"}\n' + ECHO
    )
    assert commands(file) == [["inner"]]


@pytest.mark.parametrize(
    ("value", "expected"), [("true", ["if"]), ("0", ["unless"]), (" False ", ["unless"])]
)
def test_conditions_choose(write: Write, value: str, expected: list[str]) -> None:
    file = write(
        "- arg: {name: c}\n"
        '- executable: {cmd: "echo if", if: "$(var c)"}\n'
        '- executable: {cmd: "echo unless", unless: "$(var c)"}\n'
    )
    assert commands(file, c=value) == [expected]


def test_an_include_passes_arguments_and_knows_its_own_directory(write: Write) -> None:
    write('- arg: {name: x}\n- executable: {cmd: "echo $(var x) $(dirname)"}\n', "inner.yaml")
    file = write(
        '- include:\n    file: "$(dirname)/inner.yaml"\n    arg:\n    - {name: x, value: "given"}\n'
    )
    assert commands(file) == [["given", str(file.parent)]]


def test_a_timer_delays_and_nested_timers_add_up(write: Write) -> None:
    file = write(
        "- timer:\n    period: 1.5\n    children:\n"
        '    - executable: {cmd: "echo a"}\n'
        "    - timer:\n        period: 2.0\n        children:\n"
        '        - executable: {cmd: "echo b"}\n'
        '- executable: {cmd: "echo now"}\n'
    )
    specs = evaluate_file(file, {})
    assert [(spec.command[-1], spec.start_delay) for spec in specs] == [
        ("now", 0.0),
        ("a", 1.5),
        ("b", 3.5),
    ]


def test_a_node_gets_names_files_values_and_remappings_in_order(write: Write) -> None:
    file = write(
        '- arg: {name: sim, default: "true"}\n'
        "- node:\n"
        "    exec: /bin/echo\n"
        "    name: talker\n"
        "    namespace: robot1\n"
        '    args: "--loud $(var sim)"\n'
        "    param:\n"
        '    - {from: "/etc/hostname"}\n'
        '    - {name: use_sim_time, value: "$(var sim)"}\n'
        "    remap:\n"
        "    - {from: chatter, to: /loud}\n"
    )
    (spec,) = evaluate_file(file, {})
    words = [word for word in spec.command if isinstance(word, str)]
    assert words[1:] == [
        *("--loud", "true", "--ros-args", "-r", "__node:=talker", "-r", "__ns:=/robot1"),
        *("--params-file", "/etc/hostname", "--params-file", "-r", "chatter:=/loud"),
    ]
    assert parameters(spec) == {"use_sim_time": ("/robot1/talker", True)}
    assert spec.node == "talker"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.5", 1.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"true"', "true"),
        ('"$(var two)"', 2),
        ('"$(var two).5"', 2.5),
        ("\"'$(var two)'\"", "2"),
        ('"$(var empty)"', ""),
        ('"[$(var two), 3]"', [2, 3]),
    ],
)
def test_a_parameter_has_the_type_that_ros_launch_gives_it(
    write: Write, value: str, expected: object
) -> None:
    file = write(
        '- let: {name: two, value: "2"}\n- let: {name: empty, value: ""}\n'
        f"- node:\n    exec: /bin/echo\n    param:\n    - name: p\n      value: {value}\n"
    )
    (spec,) = evaluate_file(file, {})
    assert parameters(spec) == {"p": ("/**", expected)}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("- nod: {exec: a}\n", 2, "unknown action 'nod'; did you mean 'node'?"),
        ("- arg: {name: a}\n- push: {}\n", 3, "unknown action 'push'"),
        ("- node:\n    exec: a\n    parm: []\n", 4, "unknown attribute 'parm'"),
        ("- node: {name: a}\n", 2, "'node' lacks the attribute 'exec'"),
        ("- arg: {name: a, default: 1}\n", 2, "put it in quotes"),
        ("- executable: {cmd: echo, respawn: true}\n", 2, "quoted string"),
        ("- timer: {period: 1, children: []}\n", 2, "such as 2.0"),
        ('- executable: {cmd: echo, if: "maybe"}\n', 2, "come to true, 1, false or 0"),
        ("- node: {pkg: edge_autonomy, exec: no_node}\n", 2, "no executable 'no_node'"),
        ("- executable: {cmd: no_such_program_here}\n", 2, "not found, or not executable"),
        ("- node: {exec: /bin/echo, name: 1st}\n", 2, "not a node name"),
        ("- arg: {name: must, description: a world}\n", 2, "(a world) must be given: must:=VALUE"),
        ('- include: {file: "/none.yaml"}\n', 2, "included file '/none.yaml' does not exist"),
        ('- node: {exec: /bin/echo, param: [{from: "/none"}]}\n', 2, "'/none' does not exist"),
        ("- executable: {cmd: echo, output: loud}\n", 2, "screen, log, both"),
        ("- executable: {cmd: echo}\n  node: {exec: a}\n", 2, "a mapping with one key"),
        ("- executable: {cmd: echo, cmd: twice}\n", 2, "appears twice"),
        ("- executable: [\n", 3, "not valid YAML"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(
    write: Write, text: str, line: int, says: str
) -> None:
    file = write(text)
    message = refusal(file)
    assert message.startswith(f"{file}:{line}: ")
    assert says in message


def test_an_error_in_an_included_file_names_that_file(write: Write) -> None:
    inner = write("- nonsense: {}\n", "inner.yaml")
    file = write('- include: {file: "$(dirname)/inner.yaml"}\n')
    assert refusal(file).startswith(f"{inner}:2: unknown action 'nonsense'")


def test_an_argument_that_the_file_lacks_is_refused(write: Write) -> None:
    file = write('- arg: {name: world, default: "a"}\n- executable: {cmd: echo}\n')
    assert "did you mean 'world'?" in refusal(file, wrold="b")


def test_a_choice_outside_the_list_is_refused(write: Write) -> None:
    file = write("- arg: {name: x, choice: [{value: a}, {value: b}]}\n" + ECHO)
    assert commands(file, x="b") == [["b"]]
    assert "'x' is 'c'; it can be a, b" in refusal(file, x="c")


def test_a_file_that_includes_itself_is_refused(write: Write) -> None:
    assert "nest deeper" in refusal(write('- include: {file: "$(filename)"}\n'))
