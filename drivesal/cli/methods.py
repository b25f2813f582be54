"""`drivesal methods`: the table of methods, from the registry."""

from __future__ import annotations

import json

import click

from drivesal.attribution.registry import methods


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(as_json: bool) -> None:
    """List the attribution methods with kind of map, equation, paper and options."""
    if as_json:
        rows = [
            {
                **{name: getattr(m, name) for name in ("name", "title", "paper", "equation", "kind")},
                **{name: getattr(m, name) for name in ("signed", "antisymmetric", "uses_head", "caution")},
                "aliases": list(m.aliases),
                "options": {o.name: {"default": o.default, "help": o.help} for o in m.options},
            }
            for m in methods().values()
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for m in methods().values():
        traits = [
            "signed" if m.signed else "unsigned",
            "antisymmetric" if m.antisymmetric else "not antisymmetric",
        ]
        traits.append("depends on the steering head" if m.uses_head else "ignores the steering head")
        names = " or ".join([m.name, *m.aliases])
        click.echo(f"{names}\n  {m.title}: {m.kind}, {', '.join(traits)}\n  {m.equation}\n  {m.paper}")
        if m.caution:
            click.echo(f"  Caution: {m.caution}")
        for o in m.options:
            choices = f", one of {', '.join(o.choices)}" if o.choices else ""
            click.echo(f"  {o.flag_of(o.name)}  {o.help}{choices} [{o.default}]")
