#!/usr/bin/env python3
"""Keeps what every command and API function gives on small inputs, unrounded, and compares two checkouts by it.

    python scripts/golden inputs IN          once: small drives and models
    python scripts/golden record IN OLD      in the checkout of before
    python scripts/golden record IN NEW      in the checkout of after
    python scripts/golden compare OLD NEW    what differs; exit code 1 where anything does

Arrays are equal within a relative tolerance of 1e-5, tables by the position of their columns, JSON by the order
of its values: a field may be renamed, and is then listed, but neither be moved nor change its value. Run it
before and after a refactoring.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
import served  # noqa: F401 (it adds a section)
from compare import differences
from keeper import Keeper
from made import make
from sections import SECTIONS


@click.group(help=__doc__.splitlines()[0])
def main() -> None:
    """Keeps results and compares them."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def inputs(folder: Path) -> None:
    """Make small drives of every format and small models."""
    make(folder)


@main.command()
@click.argument("given", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, help="Sections to record, in place of all.")
def record(given: Path, folder: Path, only: tuple[str, ...]) -> None:
    """Record what this checkout gives on the inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in only or SECTIONS:
        begun, keep = time.monotonic(), Keeper()
        SECTIONS[name](given, keep)
        keep.write(folder, name)
        count = len(keep.arrays) + len(keep.values)
        click.echo(f"{name}: {count} results in {time.monotonic() - begun:.0f} s", err=True)


@main.command()
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
def compare(old: Path, new: Path) -> None:
    """Compare two recordings of results."""
    found = list(differences(old, new))
    click.echo("\n".join(found) or "the same")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
