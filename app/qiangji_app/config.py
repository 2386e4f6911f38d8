"""One typed settings object, built once; nothing else reads the environment."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from qiangji_datasets.messages import Language


class Settings(BaseSettings):
    """Settings of one installation; environment variables begin with ``QIANGJI_``.

    Parameters
    ----------
    data_dir
        Database and files.
    key_dir
        Keys and signed chain heads; must lie outside ``data_dir``.
    database_url
        SQLAlchemy URL; empty means SQLite inside ``data_dir``.
    reserve_mb
        Free space that uploads must leave, so that reading and signing go on.
    lang
        Language of commands.
    recognition_file
        The county's setting for the recognition of results; none marks nothing and sets no window.
    cds_clients_file
        Electronic records that may call the CDS Hooks services; none lets nobody call.
    signature_algorithm
        Scheme of the seals on printed results; others than Ed25519 come with a package.
    """

    model_config = SettingsConfigDict(env_prefix="QIANGJI_", extra="ignore", frozen=True)

    data_dir: Path = Path("data/store")
    key_dir: Path = Path("data/keys")
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    demo: bool = False
    reader_workers: int = Field(default=1, ge=1, le=16)
    reader_memory_mb: int = Field(default=1024, ge=256)
    reader_timeout_s: float = Field(default=20.0, gt=0)
    reserve_mb: int = Field(default=200, ge=1)
    secure_cookie: bool = False
    bundle_dir: Path | None = None
    lang: Language = Language.ZH
    recognition_file: Path | None = None
    cds_clients_file: Path | None = None
    signature_algorithm: str = "Ed25519"

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'qiangji.db').resolve()}"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
