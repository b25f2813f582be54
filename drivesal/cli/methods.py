"""`drivesal methods`: the table of methods, from the registry."""

from __future__ import annotations

import json

import click

from drivesal.attribution.registry import methods


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(as_json: bool) -> None:
    """List the attribution methods: what each gives, its equation, paper and options."""
    if as_json:
        rows = [
            {
                **{name: getattr(m, name) for name in ("name", "title", "paper", "equation", "kind")},
                **{name: getattr(m, name) for name in ("signed", "odd", "uses_head")},
                "options": {o.name: {"default": o.default, "help": o.help} for o in m.options},
            }
            for m in methods().values()
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for m in methods().values():
        traits = ["signed" if m.signed else "unsigned", "odd" if m.odd else "not odd"]
        traits.append("sees the head" if m.uses_head else "does not see the steering head")
        click.echo(f"{m.name}\n  {m.title}: {m.kind}, {', '.join(traits)}\n  {m.equation}\n  {m.paper}")
        for o in m.options:
            click.echo(f"  --{o.name}  {o.help} [{o.default}]")
