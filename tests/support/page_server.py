"""A real installation behind a real server on a free loopback port, for tests of the pages."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn

from qiangji_app.bootstrap import Installation, install
from qiangji_app.config import Settings
from qiangji_app.domain.roles import Role
from qiangji_app.services.accounts import add_site, create_account
from qiangji_app.storage.passwords import CHEAP
from qiangji_app.web.app import create_app
from qiangji_datasets.records import PersonIdentity, Sex
from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom
from support.county import PASSWORD, PEOPLE, SITES


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a new installation with the people of the test county; gives the address."""
    settings = Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=True)
    installation = install(settings, password_cost=CHEAP)
    populate(installation)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who comes before the server runs waits instead of being refused
    with warnings.catch_warnings():
        # Gradio leaves event loops behind while its pages are built.
        warnings.simplefilter("ignore", ResourceWarning)
        app = create_app(installation)
        gc.collect()
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()


def populate(installation: Installation) -> None:
    """Sites and people of the test county."""
    for site in SITES:
        add_site(installation.context, None, site)
    for login, (role, site_id) in PEOPLE.items():
        is_specialist = role is Role.SPECIALIST
        create_account(
            installation.context,
            None,
            login=login,
            password=PASSWORD,
            display_name=login,
            roles=frozenset({role}),
            site_id=site_id,
            licence_number="L-1" if is_specialist else "",
            sign_modalities=frozenset({"cxr", "ecg"} if is_specialist else ()),
            is_demo=True,
        )


def ecg_file(path: Path, *, name: str = "", seed: int = 1) -> Path:
    """A synthetic 12-lead ECG as DICOM, naming a person."""
    record = make_ecg(np.random.default_rng(seed), EcgRecipe())
    write_ecg_dicom(record, path, person=PersonIdentity(name=name, sex=Sex.M))
    return path
