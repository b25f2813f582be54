"""The page as one text, with its styles and scripts inside, for a file that has no server."""

from __future__ import annotations

import base64
import json
import posixpath
import re

from drivesal.review.server.page_files import PAGE, PANEL_INDEX, SCRIPTS, panel_index, script

_RULES = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src blob: data:"
_POLICY = f'<meta http-equiv="Content-Security-Policy" content="{_RULES}">'
"""What the page in a file may do: nothing that needs a network."""


def page() -> tuple[str, str]:
    """What goes before the frames, and what after them."""
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    text = re.sub(r'<link rel="icon"[^>]*>', _POLICY, text)
    text = re.sub(r'<link rel="stylesheet" href="([^"]+)">', lambda m: _style(m[1]), text)
    text = re.sub(r'<script src="([^"]+)"></script>', lambda m: _script(_source(m[1])), text)
    libraries = "\n".join(_script(script(name).read_text(encoding="utf-8")) for name in SCRIPTS)
    text = re.sub(r'<script type="module" src="([^"]+)"></script>', lambda m: libraries + _modules(m[1]), text)
    head, body, tail = text.partition("</body>")
    assert body
    return head, body + tail


def _style(address: str) -> str:
    return f"<style>\n{_source(address)}\n</style>"


def _script(text: str) -> str:
    # inside a script element "</script" would end it, wherever it stands
    return "<script>\n" + re.sub("</(?=script)", r"<\\/", text, flags=re.IGNORECASE) + "\n</script>\n"


def _source(address: str) -> str:
    return (PAGE / address).read_text(encoding="utf-8")


def _modules(first: str) -> str:
    """Every module under a name of its own, in a map: files from disk may not import one another."""
    files = [path for folder in ("js", "panels") for path in sorted((PAGE / folder).glob("*.js"))]
    texts = {path.relative_to(PAGE).as_posix(): path.read_text(encoding="utf-8") for path in files}
    texts[PANEL_INDEX] = panel_index()
    modules = {f"review/{name}": _address(name, text) for name, text in texts.items()}
    start = f'import "review/js/offline.js";\nimport "review/{first}";'
    found = json.dumps({"imports": modules})
    return f'<script type="importmap">{found}</script>\n<script type="module">\n{start}\n</script>'


def _address(name: str, text: str) -> str:
    """A module as a data: address, its imports by the names of the map."""

    def named(found: re.Match[str]) -> str:
        return f'{found[1]}"review/{posixpath.normpath(posixpath.join(posixpath.dirname(name), found[2]))}"'

    text = re.sub(r'(\b(?:from|import)\s*)"(\.\.?/[^"]+)"', named, text)
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode('ascii')}"
