"""The page as one HTML document with inlined styles and scripts, for use without a server."""

from __future__ import annotations

import base64
import json
import posixpath
import re

from drivesal.review.server.page_assets import PAGE, PANEL_INDEX, SCRIPTS, panel_index, script

_RULES = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src blob: data:"
_POLICY = f'<meta http-equiv="Content-Security-Policy" content="{_RULES}">'
"""The page's Content-Security-Policy in a file, which forbids all network access."""


def page() -> tuple[str, str]:
    """The document up to the place of the frames, and the rest after them."""
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
    # "</script" anywhere inside a script element would end it
    return "<script>\n" + re.sub("</(?=script)", r"<\\/", text, flags=re.IGNORECASE) + "\n</script>\n"


def _source(address: str) -> str:
    return (PAGE / address).read_text(encoding="utf-8")


def _modules(first: str) -> str:
    """An import map with every module as a data: address, because files on disk cannot import one another."""
    files = [path for folder in ("js", "panels") for path in sorted((PAGE / folder).glob("*.js"))]
    texts = {path.relative_to(PAGE).as_posix(): path.read_text(encoding="utf-8") for path in files}
    texts[PANEL_INDEX] = panel_index()
    modules = {f"review/{name}": _address(name, text) for name, text in texts.items()}
    start = f'import "review/js/offline.js";\nimport "review/{first}";'
    import_map = json.dumps({"imports": modules})
    return f'<script type="importmap">{import_map}</script>\n<script type="module">\n{start}\n</script>'


def _address(name: str, text: str) -> str:
    """A module as a data: address; its relative imports are replaced by names of the import map."""

    def absolute(match: re.Match[str]) -> str:
        return f'{match[1]}"review/{posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))}"'

    text = re.sub(r'(\b(?:from|import)\s*)"(\.\.?/[^"]+)"', absolute, text)
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode('ascii')}"
