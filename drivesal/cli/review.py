"""`drivesal review`: a drive frame by frame in the browser."""

from __future__ import annotations

import logging
import signal
import threading
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drivesal.cli import _given, _opening, _warned
from drivesal.cli import _options as options
from drivesal.cli._places import OUT, Into, name_of, placed, to_make
from drivesal.cli._progress import progress as bar
from drivesal.errors import DAMAGED, DrivesalError, ModelError, OptionError, OutputError, Stopped
from drivesal.model.shipped import default_model
from drivesal.settings import (
    ComparisonSettings,
    ExplainSettings,
    ModelSettings,
    RecordingSettings,
    SpanSettings,
)

if TYPE_CHECKING:
    from drivesal.model.steering_model import SteeringModel
    from drivesal.review.compute.drive_explainer import View
    from drivesal.review.compute.session import Session
    from drivesal.review.notes import Notes
    from drivesal.types import Recording


@dataclass(frozen=True, slots=True)
class ReviewConfig:
    """The options."""

    recording: RecordingSettings
    model: ModelSettings
    explain: ExplainSettings
    span: SpanSettings
    comparison: ComparisonSettings
    model_paths: tuple[Path, ...]
    port: int
    host: str
    no_browser: bool
    export: Path | Into | None
    case: str
    overwrite: bool
    quiet: bool
    notes: Path | None


@click.command(
    epilog="""\b
Examples:
  drivesal review run.mp4
  drivesal review run.mp4 --model a.keras --model b.keras --labels run.csv
  drivesal review run.mp4 --model default --model my.keras
  drivesal review simulator-drive/ --no-browser --port 8000
  drivesal review run.mp4 --export run.html --case decrease
"""
)
@click.argument("source", metavar="RECORDING", type=options.RECORDING)
@click.option(
    "--model",
    "model_paths",
    type=options.MODEL,
    multiple=True,
    help=f"{options.MODEL_HELP}; twice to compare two.  [default: the shipped PilotNet]",
)
@options.declared_options
@options.preset_option
@options.device_option
@options.label_options
@options.steering_ratio_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="To listen on.  [default: one that is free]"
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="To listen on; on another than this machine alone the page asks for a token.",
)
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@click.option(
    "--export",
    type=OUT,
    metavar="FILE.html",
    help="Write a file that opens without a server, or into a folder NAME.review.html, and serve nothing.",
)
@click.option("--case", default="increase", show_default=True, metavar="NAME", help="Whose heat is exported.")
@options.first_method_option
@options.exported_option
@click.option("--overwrite", is_flag=True, help="Write over an existing file.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option(
    "--notes", type=options.FILE, metavar="FILE.json", help="Where notes are kept.  [default: beside the drive]"
)
@options.typed(ReviewConfig)
def command(source: Path, config: ReviewConfig) -> int:
    """Go through a drive frame by frame in the browser: heat, timeline, worst frames, what-if, notes."""
    if len(config.model_paths) > 2:
        raise OptionError(
            "one model or two", f"--model was given {len(config.model_paths)} times", "leave some out"
        )
    _check_models(config)
    if config.export is None and config.span.every is not None:
        raise OptionError("--export for --every", "it was not given", "leave --every out")
    with _opening.open_drive(source, config.recording) as recording:
        if config.export is not None:
            return _export(source, recording, config)
        return _review(recording, config)


def _review(recording: Recording, config: ReviewConfig) -> int:
    """Serves the page until it is stopped."""
    from drivesal.review.compute.session import Session
    from drivesal.review.server import access_control, serving
    from drivesal.review.server.endpoints import create_app

    notes = _notes(recording, config.notes)
    with Session(recording, notes, _view(config), _say) as session:
        listening = serving.listen(config.host, config.port)
        port = listening.getsockname()[1]
        token = None if access_control.is_loopback(config.host) else access_control.new_token()
        names = access_control.allowed_hosts(config.host)
        server = access_control.AccessControl(create_app(session), port, names, token)
        with serving.run_server(server, listening):
            host = config.host if config.host in names else names[0]
            address = f"http://{_named(host)}:{port}/" + (f"?token={token}" if token else "")
            click.echo(f"{session.name} at {address}  (Ctrl+C ends it)")
            try:
                if not config.no_browser:
                    webbrowser.open(address)
                _begin_or_tell(session, config)
                Stopped.check()  # TensorFlow's own code may have swallowed it
                threading.Event().wait()
            except Stopped as stop:
                if stop.args[0] != signal.SIGINT:
                    click.echo("drivesal: stopped; notes are kept", err=True)
                    return 128 + int(stop.args[0])
            finally:
                session.jobs.close()  # or the server would wait for what pages still wait for
        return 0 if session.refusal is None else session.refusal.exit_code


def _export(source: Path, recording: Recording, config: ReviewConfig) -> int:
    """Writes the review as one file."""
    from drivesal.api.files import files_read
    from drivesal.io.outputs import Outputs, writing
    from drivesal.review.compute.session import Session
    from drivesal.review.html_export import Exporter

    assert config.export is not None
    out = placed(config.export, f"{name_of(source)}.review.html")
    if len(config.model_paths) > 1:
        raise OptionError("one model to export", "there are two", "export them one by one")
    if out.suffix.lower() not in (".html", ".htm"):
        raise OptionError("--export to end in .html", f"it is {out}", "name it so")
    first = next(iter(config.model_paths), default_model())
    read = files_read([source], [recording], config.recording, first, imports=config.model.imports)
    with (
        Outputs([out], overwrite=config.overwrite, inputs=read, make=to_make(config.export)) as outputs,
        Session(recording, _notes(recording, config.notes), _view(config)) as session,
    ):
        _begin(session, config)
        exporter = Exporter(session, session.start, config.case)
        extent = exporter.extent(config.span.every)
        frames = f"{extent.frames:,} of {session.count:,} frames"
        click.echo(f"{frames}, about {extent.size / 1e6:.0f} MB")
        with (
            bar(extent.frames, out.name, config.quiet) as progress,
            writing(out),
            outputs.part(out).open("w", encoding="utf-8") as file,
        ):
            exporter.write(file, extent, progress)
        losses = list(dict.fromkeys(recording.losses))
    for loss in losses:
        click.echo(f"lost: {loss}")
    click.echo(str(out))
    return DAMAGED if losses else 0


def _check_models(config: ReviewConfig) -> None:
    """What can be known of the models without loading them. Raises ModelError, OptionError."""
    from drivesal.model.card import card_path, read_card
    from drivesal.model.readers.detection import format_of
    from drivesal.model.readers.stated import check_stated

    for path in config.model_paths:
        format_of(path)
        card = card_path(path)
        check_stated(config.model)
        if card.is_file():
            read_card(card)


def _say(line: str) -> None:
    click.echo(f"drivesal: {line}", err=True)


def _begin_or_tell(session: Session, config: ReviewConfig) -> None:
    """Loads the models. What refuses them is told here and on the page, which stays."""
    try:
        _begin(session, config)
    except DrivesalError as error:
        session.refuse(error)
    except Exception as error:  # a fault of ours: the page must not look as if the server were gone
        logging.getLogger(__name__).exception("the models could not be loaded")
        came = f"loading it failed ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        session.refuse(ModelError("a model that can be loaded", came, "see the terminal, and try another"))


def _view(config: ReviewConfig) -> View:
    """The view to begin with. Raises OptionError."""
    from drivesal.attribution.registry import method
    from drivesal.explanation.registry import cases
    from drivesal.review.compute.drive_explainer import View

    named = tuple(one.name for one in cases().values() if one.shown == "named" and one.name == config.case)
    return View(ExplainSettings(method=method(config.explain.method).name), cases=named)


def _named(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _notes(recording: Recording, path: Path | None) -> Notes:
    """The notes on the drive, kept where the person says, beside the drive or here."""
    from drivesal.review.notes import Notes
    from drivesal.review.notes_folder import notes_location

    drive, frames = recording.info.path, recording.info.length or 0
    name = drive.resolve().name
    if path is not None:
        if not path.absolute().parent.is_dir():
            raise OutputError("a folder for --notes", f"{path.parent} is none", "create it, or choose another")
        return Notes.load(path, name, frames)
    found = notes_location(drive)
    if found.unwritable is not None:
        click.echo(found.message)
    return Notes.load(found.path, name, frames, found.unwritable)


def _begin(session: Session, config: ReviewConfig) -> None:
    """Loads the models, which takes seconds: the page is there meanwhile."""
    from drivesal.recordings.labels.comparing import beside

    models: list[SteeringModel] = []
    for path in config.model_paths or (default_model(),):
        model = _given.load(path, config.model, config.recording, session.recording)
        _warned.say_enlarged([session.recording], model)
        _warned.say_side(session.recording)
        models.append(model)
    session.begin(models, config.comparison.steering_ratio)
    labels, answer = session.explainer.labels, models[0].kind
    if labels is not None:
        click.echo(beside(labels, answer))
    for model in models:
        for assumed in model.assumed:
            click.echo(f"assumed of {model.name}: {assumed}; a card or options say it (see `drivesal model`)")
