"""The documents say what the code does."""

import importlib.util
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivesal.attribution.registry import methods
from drivesal.cli import cli
from drivesal.explanation.registry import cases
from drivesal.export.table import Units, columns
from drivesal.synthetic.scene_parameters import table

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def method_table():
    """The table of methods for docs/methods.md, from the registry."""
    lines = ["| name | what | equation | gives | source |", "| --- | --- | --- | --- | --- |"]
    for m in methods().values():
        traits = f"{m.kind}, {'signed' if m.signed else 'unsigned'}"
        lines.append(f"| `{m.name}` | {m.title} | {m.equation} | {traits} | {m.paper} |")
    return "\n".join(lines)


def test_the_table_of_methods_is_the_registrys():
    assert method_table() in (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def option_table():
    """The table of the methods' options for docs/methods.md; methods with the same declaration share a row."""
    rows = {}
    for m in methods().values():
        for o in m.options:
            row = o.flag_of(o.name), str(o.default), o.help.replace("|", r"\|")
            rows.setdefault(row, []).append(f"`{m.name}`")
    lines = ["| option | methods | what | default |", "| --- | --- | --- | --- |"]
    for (flag, default, text), names in sorted(rows.items()):
        lines.append(f"| `{flag}` | {', '.join(names)} | {text} | {default} |")
    return "\n".join(lines)


def test_the_table_of_the_methods_options_is_the_registrys():
    assert option_table() in (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def test_the_table_of_the_worlds_parameters_is_the_scenes():
    rows = [f"| `{name}` | {means} | {values} | {default} |" for name, default, values, means in table()]
    assert "\n".join(rows) in (ROOT / "docs" / "world.md").read_text(encoding="utf-8")


def test_every_column_of_the_table_is_documented():
    text = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    for name in columns(Units("UNIT", "UNIT"), ["CASE"], contributions=True):
        assert f"`{name}`" in text


def test_every_case_is_explained():
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    for name in cases():
        assert f"| {name} |" in text


@pytest.mark.parametrize("path", [*DOCS, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", [*DOCS, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_modules_and_paths_in_the_documents_exist(path):
    text = path.read_text(encoding="utf-8")
    examples = re.findall(r"(?m)^`(\S+)`:$", text)  # files that a reader is shown how to add
    for target in re.findall(r"`((?:drivesal|scripts|tests|docs|models|data)/[^`<>\s]*)`", text):
        assert target in examples or (ROOT / target).exists(), target
    for target in re.findall(r"(?:from|import) (drivesal(?:\.\w+)*)", text):
        assert importlib.util.find_spec(target), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_options_in_the_documents_exist(path):
    known = set()
    for name in ["", *cli.list_commands(None)]:
        helped = CliRunner().invoke(cli, [*([name] if name else []), "--help"]).output
        known |= set(re.findall(r"--[a-z][a-z-]*", helped))
    text = re.sub(
        r"(apt-get|pip|git|train_default\.py|make_sample\.py|contact_sheet\.py|benchmark\.py|score_methods\.py)[^\n`]*",
        "",
        path.read_text(encoding="utf-8"),
    )
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)):
        assert option in known, option
