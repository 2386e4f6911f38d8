"""Columns and checks that all tables share, and the metadata they belong to."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up INTEGER only


def id_column(name: str = "id") -> Column[str]:
    """The id of a row, made where the thing is made."""
    return Column(name, String(64), nullable=False)


def sequence() -> Column[int]:
    """The order in which rows were stored."""
    return Column("seq", _SEQUENCE, primary_key=True, autoincrement=True)


def text_column(name: str, length: int = 200) -> Column[str]:
    """A short text, empty where there is none."""
    return Column(name, String(length), nullable=False)


def one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    """The column holds one of the values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def both_or_neither(who: str, when: str, name: str) -> CheckConstraint:
    """Who and when of an act are both set or both empty."""
    return CheckConstraint(f"({who} = '') = ({when} IS NULL)", name=name)
