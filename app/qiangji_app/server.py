"""Starts the server: a real installation, or the demonstration county on this machine."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from qiangji_app.command_texts import lines
from qiangji_app.config import Settings
from qiangji_app.domain.roles import Site, SiteKind
from qiangji_app.services.accounts import add_site
from qiangji_app.services.context import Context
from qiangji_app.services.setup import issue_token
from qiangji_datasets.errors import Conflict

_LOG = logging.getLogger(__name__)
_ROOT_SITE = "county"
_NOT_STARTED: Final = 3  # as uvicorn's own command says it


def run(settings: Settings) -> None:
    """Serve until stopped.

    Raises
    ------
    InputRejected
        Demo mode or demo accounts on an address that others can reach.
    """
    import uvicorn

    from qiangji_app.bootstrap import install
    from qiangji_app.demo.county import shown_accounts
    from qiangji_app.storage.passwords import CHEAP
    from qiangji_app.web.app import create_app

    configure_logs()
    installation = install(settings, password_cost=CHEAP if settings.demo else None)
    on_start = None
    if settings.demo:
        on_start = _demo_filler(installation.context)
    app = create_app(
        installation,
        demo_accounts=shown_accounts() if settings.demo else None,
        on_start=on_start,
    )
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    listener = config.bind_socket()  # port 0: the system chooses, and it is told below
    _announce(settings, listener.getsockname()[1])
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        sys.exit(_NOT_STARTED)


def initialise(settings: Settings, hospital: str) -> str:
    """Make data folder, keys and the county site; returns the one-time token.

    Raises
    ------
    Conflict
        The installation has accounts already.
    """
    from qiangji_app.bootstrap import install

    installation = install(settings)
    ctx = installation.context
    try:
        with ctx.store.read() as unit:
            if unit.accounts.all():
                raise Conflict("account.not_first")
            has_root = any(site.parent_id is None for site in unit.accounts.sites())
        if not has_root:
            add_site(ctx, None, Site(_ROOT_SITE, hospital, SiteKind.COUNTY, None))
        return issue_token(settings.key_dir, ctx.clock.now())
    finally:
        installation.close()


def configure_logs() -> None:
    """One JSON object a line on stderr; no identities, no request bodies."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(ensure_ascii=False),
            foreign_pre_chain=[*processors, structlog.processors.format_exc_info],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "pydicom", "alembic", "fontTools", "weasyprint"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _demo_filler(ctx: Context) -> Callable[[], None]:
    from qiangji_app.demo.referrals import seed_referrals
    from qiangji_app.demo.seed import seed_accounts, seed_cases
    from qiangji_app.demo.visits import seed_visits

    seed_accounts(ctx)

    def fill() -> None:
        try:
            seed_referrals(ctx)
            seed_visits(ctx)
            seed_cases(ctx)
        except Exception:  # noqa: BLE001 - the edge of a background thread
            _LOG.exception("the demo county could not be filled")

    def start() -> None:
        threading.Thread(target=fill, name="demo-county", daemon=True).start()

    return start


def _announce(settings: Settings, port: int) -> None:
    """What a person at the terminal needs to know."""
    from qiangji_app.demo.county import PASSWORD, shown_accounts

    out = sys.stdout
    out.write(f"\n强基 Qiangji  →  http://{settings.host}:{port}\n")
    if settings.demo:
        out.write(f"{' '.join(lines('demo_accounts', password=PASSWORD))}\n")
        for row in shown_accounts():
            out.write(f"  {row['login']:<10} {row['display_name']}\n")
        out.write(f"{' '.join(lines('demo_data'))}\n")
    out.write(f"{' '.join(lines('stop'))}\n\n")
    out.flush()
