"""`drivesal review`: inspect a drive frame by frame in the browser."""

from __future__ import annotations

import logging
import signal
import threading
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drivesal.cli import _model_loading, _recordings, _warnings
from drivesal.cli import _options as options
from drivesal.cli._output_paths import OUT, OutFolder, folders_to_create, output_name, output_path
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
    """The options of the command."""

    recording: RecordingSettings
    model: ModelSettings
    explain: ExplainSettings
    span: SpanSettings
    comparison: ComparisonSettings
    model_paths: tuple[Path, ...]
    port: int
    host: str
    no_browser: bool
    export: Path | OutFolder | None
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
    help=f"{options.MODEL_HELP}; give it twice to compare two.  [default: the shipped PilotNet]",
)
@options.declared_options
@options.preset_option
@options.device_option
@options.label_options
@options.steering_ratio_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Listen on this port.  [default: a free one]"
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen on this address; one that other machines can reach requires a token.",
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@click.option(
    "--export",
    type=OUT,
    metavar="FILE.html",
    help="Write the review to one file, or as NAME.review.html into a folder, instead of serving it.",
)
@click.option(
    "--case", default="increase", show_default=True, metavar="NAME", help="Export the heat of this case."
)
@options.first_method_option
@options.exported_option
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option(
    "--notes",
    type=options.FILE,
    metavar="FILE.json",
    help="Keep notes in this file.  [default: next to the drive]",
)
@options.typed(ReviewConfig)
def command(source: Path, config: ReviewConfig) -> int:
    """Inspect a drive frame by frame in the browser: heat, timeline, worst frames, what-if, notes."""
    if len(config.model_paths) > 2:
        raise OptionError(
            "one model or two", f"--model was given {len(config.model_paths)} times", "leave some out"
        )
    _check_models(config)
    if config.export is None and config.span.every is not None:
        raise OptionError("--export for --every", "it was not given", "leave --every out")
    with _recordings.open_drive(source, config.recording) as recording:
        if config.export is not None:
            return _export(source, recording, config)
        return _review(recording, config)


def _review(recording: Recording, config: ReviewConfig) -> int:
    """Serve the page until the user stops it."""
    from drivesal.review.compute.session import Session
    from drivesal.review.server import access_control, serving
    from drivesal.review.server.endpoints import create_app

    notes = _notes(recording, config.notes)
    with Session(recording, notes, _view(config), _report) as session:
        listening = serving.listen(config.host, config.port)
        port = listening.getsockname()[1]
        token = None if access_control.is_loopback(config.host) else access_control.new_token()
        names = access_control.allowed_hosts(config.host)
        server = access_control.AccessControl(create_app(session), port, names, token)
        with serving.run_server(server, listening):
            host = config.host if config.host in names else names[0]
            address = f"http://{_url_host(host)}:{port}/" + (f"?token={token}" if token else "")
            click.echo(f"{session.name} at {address}  (Ctrl+C to stop)")
            try:
                if not config.no_browser:
                    webbrowser.open(address)
                _begin_or_report(session, config)
                Stopped.check()  # TensorFlow may have swallowed the exception
                threading.Event().wait()
            except Stopped as stop:
                if stop.args[0] != signal.SIGINT:
                    click.echo("drivesal: stopped; notes are saved", err=True)
                    return 128 + int(stop.args[0])
            finally:
                session.jobs.close()  # otherwise the server waits for requests of open pages
        return 0 if session.refusal is None else session.refusal.exit_code


def _export(source: Path, recording: Recording, config: ReviewConfig) -> int:
    """Write the review to one file."""
    from drivesal.api.files import files_read
    from drivesal.io.outputs import Outputs, writing
    from drivesal.review.compute.session import Session
    from drivesal.review.html_export import Exporter

    assert config.export is not None
    out = output_path(config.export, f"{output_name(source)}.review.html")
    if len(config.model_paths) > 1:
        raise OptionError("one model to export", "there are two", "export each separately")
    if out.suffix.lower() not in (".html", ".htm"):
        raise OptionError("--export to end in .html", f"it is {out}", "change its suffix to .html")
    first = next(iter(config.model_paths), default_model())
    read = files_read([source], [recording], config.recording, first, imports=config.model.imports)
    with (
        Outputs(
            [out], overwrite=config.overwrite, inputs=read, make=folders_to_create(config.export)
        ) as outputs,
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
    """Check models and cards as far as possible without loading them. Raises ModelError, OptionError."""
    from drivesal.model.card import card_path, read_card
    from drivesal.model.readers.detection import format_of
    from drivesal.model.readers.stated import check_stated

    for path in config.model_paths:
        format_of(path)
        card = card_path(path)
        check_stated(config.model)
        if card.is_file():
            read_card(card)


def _report(line: str) -> None:
    click.echo(f"drivesal: {line}", err=True)


def _begin_or_report(session: Session, config: ReviewConfig) -> None:
    """Load the models; report an error in the terminal and on the page, which stays open."""
    try:
        _begin(session, config)
    except DrivesalError as error:
        session.refuse(error)
    except Exception as error:  # a bug: the page must not look as if the server were gone
        logging.getLogger(__name__).exception("the models could not be loaded")
        came = f"loading it failed ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        session.refuse(ModelError("a model that can be loaded", came, "see the terminal, or try another model"))


def _view(config: ReviewConfig) -> View:
    """The initial view. Raises OptionError."""
    from drivesal.attribution.registry import method
    from drivesal.explanation.registry import cases
    from drivesal.review.compute.drive_explainer import View

    optional = tuple(
        case.name for case in cases().values() if case.shown == "named" and case.name == config.case
    )
    return View(ExplainSettings(method=method(config.explain.method).name), cases=optional)


def _url_host(host: str) -> str:
    """A host as written in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _notes(recording: Recording, path: Path | None) -> Notes:
    """The notes on the drive: from --notes, else next to the drive or in the current folder."""
    from drivesal.review.notes import Notes
    from drivesal.review.notes_folder import notes_location

    drive, frames = recording.info.path, recording.info.length or 0
    name = drive.resolve().name
    if path is not None:
        if not path.absolute().parent.is_dir():
            raise OutputError(
                "a folder for --notes", f"{path.parent} is not a folder", "create it, or choose another"
            )
        return Notes.load(path, name, frames)
    location = notes_location(drive)
    if location.unwritable is not None:
        click.echo(location.message)
    return Notes.load(location.path, name, frames, location.unwritable)


def _begin(session: Session, config: ReviewConfig) -> None:
    """Load the models, which takes seconds; the page is already served meanwhile."""
    from drivesal.recordings.labels.comparing import beside

    models: list[SteeringModel] = []
    for path in config.model_paths or (default_model(),):
        model = _model_loading.load(path, config.model, config.recording, session.recording)
        _warnings.warn_enlarged([session.recording], model)
        _warnings.warn_side_camera(session.recording)
        models.append(model)
    session.begin(models, config.comparison.steering_ratio)
    labels = session.explainer.labels
    if labels is not None:
        click.echo(beside(labels, models[0].kind))
    for model in models:
        for assumed in model.assumed:
            remedy = "declare it in a card or with options (see `drivesal model`)"
            click.echo(f"assumed of {model.name}: {assumed}; {remedy}")
