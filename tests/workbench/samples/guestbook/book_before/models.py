"""Guests, their entries, and the answers to those."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables of the guest book."""


class Guest(Base):
    """A guest who signed."""

    __tablename__ = "guest"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    entries: Mapped[list["Entry"]] = relationship(
        back_populates="guest", cascade="all, delete-orphan"
    )


class Entry(Base):
    """What a guest wrote."""

    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    guest_id: Mapped[int] = mapped_column(ForeignKey("guest.id"))
    guest: Mapped[Guest] = relationship(back_populates="entries")
    answers: Mapped[list["Answer"]] = relationship(cascade="all, delete-orphan")


class Answer(Base):
    """What was written under an entry."""

    __tablename__ = "answer"
    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
