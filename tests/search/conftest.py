"""What the search's tests look at besides what a run gives back."""

from __future__ import annotations

import pytest

from azdsl.search import session


@pytest.fixture
def sessions(monkeypatch):
    """The sessions that come to their end."""
    seen = []
    finish = session.Session.finish
    monkeypatch.setattr(session.Session, "finish", lambda self: seen.append(self) or finish(self))
    return seen
