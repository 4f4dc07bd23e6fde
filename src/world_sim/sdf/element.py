"""XML text to a tree of elements that know their line. A world file is untrusted input."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from world_sim.errors import Location, WorldError

MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_ELEMENTS = 1_000_000
MAX_DEPTH = 128

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

    def __init__(self, file: str) -> None:
        super().__init__()
        self.root: Element | None = None
        self._file = file
        self._stack: list[Element] = []
        self._text: list[str] = []
        self._skipping = 0
        self._count = 0
        self._line: Any = None

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802
        self._line = locator.getLineNumber

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802
        if self._skipping or (name in SKIPPED_SUBTREES and len(self._stack) >= 2):
            self._skipping += 1
            return
        location = Location(self._file, self._line())
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._stack) >= MAX_DEPTH:
            raise WorldError(
                location,
                f"more than {MAX_ELEMENTS} elements or {MAX_DEPTH} levels",
                "split the world into models and include them",
            )
        element = Element(name, dict(attrs), location)
        if self._stack:
            self._stack[-1].children.append(element)
        else:
            self.root = element
        self._stack.append(element)
        self._text.clear()

    def characters(self, content: str) -> None:
        if not self._skipping:
            self._text.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        if self._skipping:
            self._skipping -= 1
            return
        element = self._stack.pop()
        if not element.children:
            element.text = "".join(self._text).strip()
        self._text.clear()


def read_xml(path: Path) -> Element:
    """Read a file as an element tree.

    Raises:
        WorldError: the file is absent, too large, not well-formed, or declares XML entities.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise WorldError(
                path,
                f"larger than {MAX_FILE_BYTES // 2**20} MiB",
                "move geometry into mesh files and include repeated models by model://",
            )
        data = path.read_bytes()
    except OSError as error:
        raise WorldError(path, error.strerror or str(error), "check the path") from error
    return parse_xml(data, str(path))


def parse_xml(data: bytes, name: str) -> Element:
    """Parse XML bytes; `name` stands for the file in locations and errors."""
    builder = _TreeBuilder(name)
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(builder)
    try:
        parser.parse(io.BytesIO(data))
    except SAXParseException as error:
        location = Location(name, error.getLineNumber() or 0)
        raise WorldError(location, f"not well-formed XML: {error.getMessage()}") from error
    except DefusedXmlException as error:
        raise WorldError(
            name, "declares a document type or entities", "remove the DOCTYPE"
        ) from error
    except (SAXException, UnicodeError, LookupError, ValueError) as error:
        if isinstance(error, WorldError):
            raise
        raise WorldError(name, f"not readable as XML: {error}") from error
    if builder.root is None:
        raise WorldError(name, "no XML element", "an SDF file starts with <sdf version='1.9'>")
    return builder.root
