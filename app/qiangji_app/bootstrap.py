"""The one place that wires ports to their implementations."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from qiangji_app.cds.clients import Clients, read_clients
from qiangji_app.config import Settings
from qiangji_app.reader import LocalReader
from qiangji_app.recognition_rules import RecognitionRules, recognition_rules
from qiangji_app.rules.installed import FOLDER as RULES_FOLDER
from qiangji_app.rules.installed import InstalledRules
from qiangji_app.seals.keys import Issuer
from qiangji_app.services.context import Context
from qiangji_app.services.housekeeping import keep_house
from qiangji_app.services.imaging import RecordCache
from qiangji_app.services.recordings import run_next
from qiangji_app.storage.blobs import FileBlobs
from qiangji_app.storage.clock import SystemClock
from qiangji_app.storage.ids import SystemIds
from qiangji_app.storage.keys import open_keys
from qiangji_app.storage.passwords import Argon2Cost, Argon2Passwords
from qiangji_app.storage.store import SqlStore, open_store
from qiangji_app.worker import Regular, TriageWorker
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.pool import ReaderPool
from qiangji_datasets.messages import Catalogue
from qiangji_inference.engine import Engine

_HOUR_S = 3600.0
#: The first housekeeping waits until the server has settled, no longer.
_FIRST_HOUSEKEEPING_S = 300.0
#: A viewer waits so long behind other files, and then for its own.
_VIEWER_PATIENCE_S = 10.0
CATALOGUE_PACKAGES = (
    "qiangji_datasets",
    "qiangji_models",
    "qiangji_inference",
    "qiangji_app",
)


@dataclass(frozen=True)
class Installation:
    """Everything that runs; ``close`` ends it in order."""

    settings: Settings
    context: Context
    store: SqlStore
    engine: Engine
    pool: ReaderPool
    worker: TriageWorker
    regular: tuple[Regular, ...]
    issuer: Issuer
    recognition: RecognitionRules
    cds_clients: Clients

    def start(self) -> None:
        """Begin background work: bundles warm, waiting recordings are triaged."""
        self.engine.warm_in_background()
        self.context.rules.warm_in_background()
        self.worker.start()
        for item in self.regular:
            item.start()

    def close(self) -> None:
        """Finish the job in hand, end workers, write chain heads."""
        for item in self.regular:
            item.stop()
        self.worker.stop()
        self.pool.close()
        self.store.close()


def catalogue() -> Catalogue:
    """All texts of the product."""
    return Catalogue.of(*CATALOGUE_PACKAGES)


def install(settings: Settings, *, password_cost: Argon2Cost | None = None) -> Installation:
    """Build an installation from its settings; nothing runs yet.

    Raises
    ------
    InputRejected
        ``demo.not_loopback``: demo mode on an address others can reach.
        ``demo.accounts_left``: a real installation with demo accounts; ``demo.real_accounts``:
        demo mode on the data of a real one.
        ``settings.key_dir``: keys would lie inside the data folder.
        ``seal.unknown_algorithm``: no installed package signs so. ``recognition.file``: the
        county's setting cannot be read. ``cds.clients``: the list of clients cannot.
    StorageFault
        Database or keys cannot be opened.
    """
    _check(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    keys = open_keys(settings.key_dir)
    issuer = Issuer(keys, settings.signature_algorithm)
    recognition = recognition_rules(settings.recognition_file)
    cds_clients = read_clients(settings.cds_clients_file)
    clock = SystemClock()
    ids = SystemIds(clock)
    store = open_store(
        settings.url, keys=keys, clock=clock, ids=ids, heads_folder=settings.key_dir / "heads"
    )
    _keep_demo_apart(settings, store)
    pool = ReaderPool(
        workers=settings.reader_workers,
        memory_mb=settings.reader_memory_mb,
        timeout_s=settings.reader_timeout_s,
    )
    engine = Engine(_bundle_paths(settings))
    alarm = threading.Event()
    context = Context(
        store=store,
        blobs=FileBlobs(
            settings.data_dir / "blobs",
            keys,
            reserve_bytes=settings.reserve_mb * 2**20,
        ),
        clock=clock,
        ids=ids,
        passwords=Argon2Passwords(password_cost),
        reader=LocalReader(pool, engine, wait_s=settings.reader_timeout_s + _VIEWER_PATIENCE_S),
        cache=RecordCache(),
        catalogue=catalogue(),
        wake=alarm.set,
        is_demo=settings.demo,
        rules=InstalledRules(settings.data_dir / RULES_FOLDER),
    )
    worker = TriageWorker(lambda: run_next(context), alarm)
    regular = (
        Regular("chain-heads", store.write_heads, _HOUR_S),
        Regular(
            "housekeeping",
            lambda: keep_house(context),
            24 * _HOUR_S,
            first_after_s=_FIRST_HOUSEKEEPING_S,
        ),
    )
    return Installation(
        *(settings, context, store, engine, pool, worker, regular),
        issuer=issuer,
        recognition=recognition,
        cds_clients=cds_clients,
    )


def _check(settings: Settings) -> None:
    if settings.demo and not settings.is_loopback:
        raise InputRejected("demo.not_loopback", host=settings.host)
    if settings.key_dir.resolve().is_relative_to(settings.data_dir.resolve()):
        raise InputRejected("settings.key_dir")


def _keep_demo_apart(settings: Settings, store: SqlStore) -> None:
    """Everybody knows the passwords of demo accounts: they open no real installation."""
    with store.read() as unit:
        accounts = unit.accounts.all()
    if all(account.is_demo is settings.demo for account in accounts):
        return
    store.close()
    code = "demo.real_accounts" if settings.demo else "demo.accounts_left"
    raise InputRejected(code, data=settings.data_dir.name)


def _bundle_paths(settings: Settings) -> list[Path] | None:
    if settings.bundle_dir is None:
        return None
    return sorted(path for path in settings.bundle_dir.iterdir() if path.is_dir())
