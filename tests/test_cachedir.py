"""The cache directory: whom it can be trusted for, and with which permissions it is made."""

from __future__ import annotations

import os
import stat

import pytest

from azdsl import cachedir, cachefiles, messages
from azdsl.cachedir import distrust, usable
from azdsl.cli import main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and permissions as POSIX has them")


@pytest.fixture(autouse=True)
def _said_anew():
    messages.warn_once.cache_clear()


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "above" / "cache"
    path.mkdir(parents=True)
    return path.resolve()


def give_away(path, monkeypatch):
    """Make another unprivileged user the owner of a file, or this user another one."""
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        own = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: own + 1)


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("mode", [0o757, 0o777, 0o1777, 0o755, 0o700, 0o555])
def test_a_directory_that_others_may_write(place, above, mode, caplog):
    part = place.parent if above else place
    part.chmod(mode)
    trusted = mode not in (0o757, 0o777)
    assert (usable(place / "objects") is not None) == trusted
    assert [f"{part} may be written by every user" in record.message for record in caplog.records] == [True] * (
        not trusted
    )
    usable(place / "tasks")
    assert len(caplog.records) == (not trusted), "said once"


@pytest.mark.parametrize("above", [False, True])
def test_a_directory_of_another_user(place, above, monkeypatch):
    give_away(place.parent if above else place, monkeypatch)
    assert "belongs to user" in str(distrust(place)) and usable(place) is None


def test_a_link_to_a_directory_that_others_may_write(place, tmp_path):
    (tmp_path / "link").symlink_to(place)
    assert usable(tmp_path / "link") == place
    place.chmod(0o777)
    assert usable(tmp_path / "link") is None


@pytest.mark.parametrize(
    ("private", "group", "members", "trusted"),
    [
        (1000, "me", [], True),
        (1000, "me", ["me"], True),
        (1000, "me", ["me", "you"], False),
        (7, "all", [], False),
        (1, "me", [], False),
    ],
)
def test_the_group_of_one_user_counts_as_that_user(monkeypatch, private, group, members, trusted):
    """Where every user has a private group, the umask lets it write."""
    import grp
    import pwd
    from types import SimpleNamespace

    monkeypatch.setattr(grp, "getgrgid", lambda number: SimpleNamespace(gr_gid=number, gr_name=group, gr_mem=members))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me", pw_gid=private))
    cachedir._alone_in.cache_clear()
    number = 1000 if private != 7 else 7
    status = os.stat_result((stat.S_IFDIR | 0o775, 0, 0, 0, os.geteuid(), number, 0, 0, 0, 0))
    assert (cachedir.others(status) is None) == trusted
    cachedir._alone_in.cache_clear()


@pytest.mark.parametrize(
    ("umask", "files", "folders"), [(0, 0o644, 0o755), (0o002, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_what_is_made_can_be_read_by_all_and_written_by_one(place, umask, files, folders):
    before = os.umask(umask)
    try:
        made = usable(place / "a" / "b")
        assert made is not None
        (made / "file").write_bytes(b"damaged")
        (made / "file").chmod(0o666)
        assert cachefiles.write(made / "file", b"title\n", b"key", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((made / "file").stat().st_mode) == files
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made, made.parent)} == {folders}


def test_a_file_counts_only_under_its_key_and_title(place):
    cachefiles.write(place / "file", b"title\n", b"key", b"content")
    assert cachefiles.read(place / "file", b"title\n", b"key") == b"content"
    assert cachefiles.read(place / "file", b"title\n", b"other") is None
    assert cachefiles.read(place / "file", b"Title\n", b"key") is None


def test_a_file_of_another_user_is_not_read(place, monkeypatch):
    cachefiles.write(place / "file", b"title\n", b"key", b"content")
    give_away(place / "file", monkeypatch)
    assert cachefiles.read(place / "file", b"title\n", b"key") is None


def test_a_user_without_a_home_has_a_directory_of_its_own(monkeypatch):
    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AZDSL_CACHE", raising=False)
    monkeypatch.setattr(cachedir.Path, "home", none)
    assert str(os.getuid()) in cachedir.cache_root().name


def test_what_is_not_used_is_said_by_verbose_only(place, caplog):
    cachefiles.write(place / "file", b"title\n", b"key", b"content")
    (place / "file").write_bytes(b"torn")
    assert cachefiles.read(place / "file", b"title\n", b"key") is None and not caplog.records
    with caplog.at_level("INFO", "azdsl"):
        assert cachefiles.read(place / "file", b"title\n", b"key") is None
    assert [record.message for record in caplog.records] == [
        f"cache     {place / 'file'} is made again: its checksum is wrong"
    ]


def test_the_command_says_what_is_not_used(place, monkeypatch, capsys):
    monkeypatch.setenv("AZDSL_CACHE", str(place))
    assert main(["cache"]) == 0 and "not used" not in capsys.readouterr().out
    place.chmod(0o777)
    assert main(["cache"]) == 0 and f"not used   {place} may be written by every user" in capsys.readouterr().out
