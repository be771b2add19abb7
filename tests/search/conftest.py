"""Fixtures of the search's tests."""

from __future__ import annotations

import pytest

from azdsl.search import session


@pytest.fixture
def sessions(monkeypatch):
    """The sessions that have finished."""
    seen = []
    finish = session.Session.finish
    monkeypatch.setattr(session.Session, "finish", lambda self: seen.append(self) or finish(self))
    return seen
