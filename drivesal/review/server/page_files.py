"""Where the page's files are: its own, and the charts' JavaScript, which comes with Bokeh's Python package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from drivesal.errors import InputError

PAGE = Path(__file__).parent.parent / "page"
SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")
"""In the order in which they are loaded."""
PANEL_INDEX = "js/panels.js"
"""The address of the module that `panel_index` writes."""


def panel_index() -> str:
    """A JavaScript module that exports each panel of the side column under the name of its file."""
    names = sorted(path.stem for path in (PAGE / "panels").glob("*.js"))
    return "".join(f'export {{ default as {name} }} from "../panels/{name}.js";\n' for name in names)


def script(name: str) -> Path:
    """Where one of SCRIPTS lies; Bokeh itself is not imported, which takes a second. Raises InputError."""
    found = importlib.util.find_spec("bokeh")
    places = (found.submodule_search_locations if found else None) or ()
    files = [Path(place, "server", "static", "js", name) for place in places if name in SCRIPTS]
    if not files or not files[0].is_file():
        raise InputError(f"one of {', '.join(SCRIPTS)}", f"{name!r} was asked for", "install drivesal again")
    return files[0]
