"""XML text to a tree of elements that know their line. A world file is untrusted input."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from world_sim.errors import Location, WorldError

# A world of 10,000 obstacles has a quarter of these; reading as much takes about a second.
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 300_000
MAX_DEPTH = 128
MAX_ATTRIBUTES = 64
MAX_TEXT = 1024 * 1024
MAX_ATTRIBUTE = 4096

# Log and editor state that repeats or decorates the world: nothing below it is ever read.
SKIPPED_SUBTREES = frozenset({"state", "gui"})


@dataclass(slots=True, eq=False)
class Element:
    """One XML element: name, attributes, stripped text, children in document order, place."""

    name: str
    attributes: dict[str, str]
    location: Location
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def __iter__(self) -> Iterator[Element]:
        """Iterate over the children in document order."""
        return iter(self.children)

    def find(self, name: str) -> Element | None:
        """First child called `name`."""
        return next((child for child in self.children if child.name == name), None)

    def find_path(self, *names: str) -> Element | None:
        """First grandchild along `names`."""
        element: Element | None = self
        for name in names:
            if element is None:
                return None
            element = element.find(name)
        return element

    def find_all(self, name: str) -> list[Element]:
        """All children called `name`."""
        return [child for child in self.children if child.name == name]

    def error(self, problem: str, remedy: str = "") -> WorldError:
        """An error at this element's place."""
        return WorldError(self.location, f"<{self.name}>: {problem}", remedy)


class _TreeBuilder(ContentHandler):
    """Builds the element tree within the limits of size and depth."""

    def __init__(self, file: str, line: Callable[[], int | None]) -> None:
        super().__init__()
        self.root: Element | None = None
        self._file = file
        self._stack: list[Element] = []
        self._text: list[str] = []
        self._skipping = 0
        self._count = 0
        self._length = 0
        self._line = line

    @property
    def open_elements(self) -> list[str]:
        """Names of the elements that have begun and not ended, the outermost first."""
        return [element.name for element in self._stack]

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802
        if self._skipping or (name in SKIPPED_SUBTREES and len(self._stack) >= 2):
            self._skipping += 1
            return
        location = Location(self._file, self._line() or 0)
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._stack) >= MAX_DEPTH:
            raise WorldError(
                location,
                f"more than {MAX_ELEMENTS} elements or {MAX_DEPTH} levels",
                "split the world into models and include them",
            )
        element = Element(name, _attributes(attrs, location), location)
        if self._stack:
            self._stack[-1].children.append(element)
        else:
            self.root = element
        self._stack.append(element)
        self._clear_text()

    def characters(self, content: str) -> None:
        if self._skipping or not self._stack:
            return
        self._text.append(content)
        self._length += len(content)
        if self._length > MAX_TEXT:
            raise self._stack[-1].error(f"more than {MAX_TEXT} characters", "shorten the text")

    def endElement(self, name: str) -> None:  # noqa: N802
        if self._skipping:
            self._skipping -= 1
            return
        element = self._stack.pop()
        if not element.children:
            element.text = "".join(self._text).strip()
        self._clear_text()

    def _clear_text(self) -> None:
        self._text.clear()
        self._length = 0


def _attributes(attributes: Any, location: Location) -> dict[str, str]:
    """The attributes of an element, within the limits.

    Raises:
        WorldError: there are too many, or one is too long.
    """
    result: dict[str, str] = dict(attributes)
    if len(result) > MAX_ATTRIBUTES:
        raise WorldError(location, f"more than {MAX_ATTRIBUTES} attributes", "remove some")
    if any(len(value) > MAX_ATTRIBUTE for value in result.values()):
        raise WorldError(
            location, f"an attribute of more than {MAX_ATTRIBUTE} characters", "shorten it"
        )
    return result


def read_xml(path: Path) -> Element:
    """Read a file as an element tree.

    Raises:
        WorldError: the file is absent, no regular file, too large, not well-formed, or declares
            XML entities.
    """
    return parse_xml(read_bytes(path, MAX_FILE_BYTES), str(path))


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises:
        WorldError: it is absent, cannot be read, is a directory or device, or too large.
    """
    try:
        status = path.stat()
        # Before it is opened: a pipe would block, a device need not end.
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise WorldError(path, f"is {kind}", "check the path: give a file")
        if status.st_size <= most:
            with path.open("rb") as file:
                data = file.read(most + 1)
            if len(data) <= most:
                return data
    except (OSError, ValueError) as error:
        if isinstance(error, WorldError):
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise WorldError(path, f"cannot be read: {reason}", "check the path") from error
    raise WorldError(
        path,
        f"larger than {most // 2**20} MiB",
        "move geometry into mesh files and include repeated models by model://",
    )


def parse_xml(data: bytes, name: str) -> Element:
    """Parse XML bytes; `name` stands for the file in locations and errors.

    Raises:
        WorldError: it is not well-formed, declares entities, or goes beyond the limits.
    """
    parser = make_parser()
    builder = _TreeBuilder(name, parser.getLineNumber)
    parser.forbid_dtd = True
    parser.setContentHandler(builder)
    try:
        # In one piece: a token that spans many pieces would be scanned again for each.
        parser.feed(data)
        parser.close()
    except SAXParseException as error:
        raise _not_well_formed(name, error, builder) from error
    except DefusedXmlException as error:
        raise WorldError(
            Location(name, parser.getLineNumber() or 0),
            "declares a document type or entities",
            "remove the DOCTYPE",
        ) from error
    except (SAXException, UnicodeError, LookupError, ValueError) as error:
        if isinstance(error, WorldError):
            raise
        raise WorldError(
            name, f"not readable as XML: {error}", "save it as UTF-8 and say so in its first line"
        ) from error
    if builder.root is None:
        raise WorldError(name, "no XML element", "an SDF file starts with <sdf version='1.9'>")
    return builder.root


def _not_well_formed(name: str, error: SAXParseException, builder: _TreeBuilder) -> WorldError:
    location = Location(name, error.getLineNumber() or 0)
    problem = f"not well-formed XML: {error.getMessage()}"
    if builder.open_elements:
        problem += f", inside <{'><'.join(builder.open_elements[-3:])}>"
    return WorldError(location, problem, "mend or complete the XML here")
