"""Locates the page's files, and the JavaScript of the charts in Bokeh's Python package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from drivesal.errors import InputError

PAGE = Path(__file__).parent.parent / "page"
SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")
"""Bokeh's scripts in loading order."""
PANEL_INDEX = "js/panels.js"
"""The address of the module that `panel_index` generates."""


def panel_index() -> str:
    """A JavaScript module that exports each panel of the side column by the name of its file."""
    names = sorted(path.stem for path in (PAGE / "panels").glob("*.js"))
    return "".join(f'export {{ default as {name} }} from "../panels/{name}.js";\n' for name in names)


def script(name: str) -> Path:
    """The path of one of SCRIPTS, without the import of Bokeh, which takes a second. Raises InputError."""
    spec = importlib.util.find_spec("bokeh")
    folders = (spec.submodule_search_locations if spec else None) or ()
    files = [Path(folder, "server", "static", "js", name) for folder in folders if name in SCRIPTS]
    if not files or not files[0].is_file():
        raise InputError(f"one of {', '.join(SCRIPTS)}", f"{name!r} was requested", "reinstall drivesal")
    return files[0]
