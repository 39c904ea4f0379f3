"""`up`, `serve`, `doctor`, `env`: running the service and asking how it is wired."""

import gc
import ipaddress
import socket
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from rich.text import Text

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.cli.screen import errors, progress_bar, show_table
from quikapp_ml.cli.wiring import wiring
from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.serving.local_token import read_local_token
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home

LAST_SECONDS = 5
"""Containers are killed ten seconds after they were told to end, and all must be on the disk by then."""

SWITCH_SECONDS = 0.0005
"""A thread that writes tables or reads clocks hands over after this time; Python's own 5 ms are ten answers."""


def up(
    users: Annotated[int, typer.Option(min=5, max=100_000, help="People in the sample workspace.")] = 200,
    days: Annotated[int, typer.Option(min=1, max=730, help="Days of history in the sample workspace.")] = 45,
    seed: Annotated[int, typer.Option(help="The same seed gives the same workspace.")] = 7,
    empty: Annotated[bool, typer.Option("--empty", help="Leave an empty home empty.")] = False,
) -> None:
    """Run the whole service; an empty home is filled with a sample workspace first."""
    settings = Settings.from_environment()
    listener = _listen(settings)
    service = open_service(settings)
    service.start()
    if service.is_empty and not empty:
        _fill(service, SampleConfig(users=users, days=days, seed=seed, until=_last_midnight()))
    _run(service, listener, show_examples=True)


def serve() -> None:
    """Run the whole service on the home as it is."""
    settings = Settings.from_environment()
    listener = _listen(settings)
    _run(open_service(settings), listener, show_examples=False)


def doctor() -> None:
    """Say what is wired to which URL, and whether it answers; exit 1 when something does not."""
    found = wiring(Settings.from_environment())
    show_table(
        ("thing", "where", "answers", ""),
        [(w.thing, w.url, Text("yes", "green") if w.answers else Text("no", "red"), w.detail) for w in found],
        empty="nothing is wired",
    )
    if not all(w.answers for w in found):
        raise typer.Exit(1)


def env() -> None:
    """Print the lines that point official clients at the running service: `eval "$(quikapp-ml env)"`."""
    settings = Settings.from_environment()
    running = Home(settings.home).running()
    if running is None or not running.url:
        raise NotFound(f"no service runs on the home {settings.home}; start one with: quikapp-ml serve")
    typer.echo(f"export DATABRICKS_HOST={running.url}")
    typer.echo(f"export DATABRICKS_TOKEN={read_local_token(settings.home)}")
    typer.echo(f"export MLFLOW_TRACKING_URI={settings.mlflow_uri}")
    typer.echo(f"export QUIKAPP_ML_HOME={settings.home}")


def _last_midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else, so that a taken one is told at once."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise Conflict(
            f"port {settings.port} of {settings.host} cannot be used: {error.strerror}. Choose another: PORT=5018"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where programs of this machine reach it: a listener on all addresses is not asked by the name 0.0.0.0."""
    host, port = listener.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  compared, not bound


def _fill(service: Service, config: SampleConfig) -> None:
    with progress_bar() as bar:
        task = bar.add_task("Filling the empty home with a sample workspace", total=None)
        delivered = deliver(
            generate(config), intake_sink(service.intake), on_progress=lambda n: bar.update(task, completed=n)
        )
    errors.print(f"{config.users} people, {config.days} days, {delivered.accepted:,} events")


def _run(service: Service, listener: socket.socket, *, show_examples: bool) -> None:
    url = url_of(listener)
    service.announce(url)
    if show_examples:
        _show_examples(service, url)
    else:
        errors.print(f"Serving on {url}")
    warn_of_strangers(service.settings, listener)
    service.start_intake()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # the state that was read in stays: looking through all of it would hold up answers now and then
    server_of(create_app(service)).run(sockets=[listener])


def warn_of_strangers(settings: Settings, listener: socket.socket) -> None:
    """Who opens the service to other machines must know who is taken for a program of this one."""
    if settings.trust_loopback and not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        errors.print(
            "Other machines can reach this service, and need tokens; programs of this machine do not. Behind a reverse "
            "proxy on this machine that adds no X-Forwarded-For everybody would be one of them: set "
            "QUIKAPP_ML_TRUST_LOOPBACK=false"
        )


def server_of(app: FastAPI, last_seconds: int = LAST_SECONDS) -> uvicorn.Server:
    """The HTTP server; when it is told to end, requests that are under way have `last_seconds` to do so, too."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_graceful_shutdown=last_seconds,
        )
    )


def _show_examples(service: Service, url: str) -> None:
    person = min(service.workspace.people, default="user-123")
    examples = (
        ("recommendations", f'{{"user_id":"{person}","limit":5}}'),
        ("spam-check", '{"content":"Check out this amazing offer!","user_id":"user-789"}'),
        ("sentiment", '{"messages":[{"id":"msg-1","content":"This is great!"}]}'),
    )
    lines = [
        f"QuikApp ML Service on {url}, home {service.settings.home}",
        "",
        "Try, in another terminal:",
        f"  curl -s {url}/health",
        *(f"  curl -s {url}/api/ml/{name} -H 'Content-Type: application/json' -d '{body}'" for name, body in examples),
        "  .venv/bin/quikapp-ml pipeline run      # features, training, deployment: the nightly job, now",
        "",
        f"Documentation: {url}/docs    End: Ctrl-C",
    ]
    typer.echo("\n".join(lines))
