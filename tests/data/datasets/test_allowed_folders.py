"""Which folders users may choose for data, and the messages for all others."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.datasets.allowed_folders import (
    AllowedFolders,
    FolderError,
    MissingFile,
    MissingFolder,
    OutsideAllowedFolders,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "waste images" / "Gläser").mkdir(parents=True)
    return folder.resolve()


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "[::1]", "127.0.0.2"])
def test_a_loopback_address_allows_the_working_directory_and_home(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir(), work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    allowed = AllowedFolders.for_server(address, [])
    assert (allowed.resolve("~"), allowed.resolve(".")) == (home.resolve(), work.resolve())
    with pytest.raises(OutsideAllowedFolders):
        allowed.resolve(str(tmp_path))


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"])
def test_an_address_that_others_can_reach_allows_nothing(address: str) -> None:
    allowed = AllowedFolders.for_server(address, [])
    assert allowed == AllowedFolders(())
    with pytest.raises(OutsideAllowedFolders, match=r"allows none.*sample"):
        allowed.resolve(".")


def test_configured_folders_replace_the_default(root: Path) -> None:
    for address in ("127.0.0.1", "0.0.0.0"):
        allowed = AllowedFolders.for_server(address, [root])
        assert allowed.resolve(str(root)) == root
        with pytest.raises(OutsideAllowedFolders):
            allowed.resolve(str(root.parent))


def test_a_folder_below_an_allowed_one_is_resolved(root: Path) -> None:
    allowed = AllowedFolders((root.parent / "none", root))
    assert allowed.resolve(f"{root}/waste images/../waste images/Gläser") == root / "waste images" / "Gläser"


def test_links_are_followed_before_the_check(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "in").symlink_to(root / "waste images")
    (tmp_path / "link").symlink_to(root)
    allowed = AllowedFolders((tmp_path / "link",))
    assert allowed.resolve(str(root / "in")) == root / "waste images"
    assert allowed.resolve(str(tmp_path / "link" / "waste images")) == root / "waste images"
    with pytest.raises(OutsideAllowedFolders):
        allowed.resolve(str(root / "out"))


def test_a_file_is_allowed_below_an_allowed_folder_if_it_is_a_regular_file_there(root: Path, tmp_path: Path) -> None:
    for path in (root / "groups.csv", tmp_path / "secret.csv"):
        path.write_text("path,group\n")
    (root / "in.csv").symlink_to(root / "groups.csv")
    (root / "out.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(root / "pipe.csv")
    allowed = AllowedFolders((root,))
    assert allowed.resolve_file(str(root / "in.csv")) == root / "groups.csv"
    for outside in (root / "out.csv", tmp_path / "secret.csv", root / ".." / "secret.csv"):
        with pytest.raises(OutsideAllowedFolders, match=r"Expected a file below .*copy the file there"):
            allowed.resolve_file(str(outside))
    for no_file in (root / "pipe.csv", root / "missing.csv", root):
        with pytest.raises(MissingFile, match=r"Expected an existing file; received .*; check its spelling"):
            allowed.resolve_file(str(no_file))


def test_a_sibling_whose_name_has_the_same_prefix_is_refused(root: Path) -> None:
    sibling = root.with_name("root-other")
    sibling.mkdir()
    with pytest.raises(OutsideAllowedFolders):
        AllowedFolders((root,)).resolve(str(sibling))


def test_the_message_does_not_reveal_whether_a_folder_outside_exists(root: Path, tmp_path: Path) -> None:
    existing, missing, a_file = tmp_path / "aaaa", tmp_path / "bbbb", tmp_path / "cccc"
    existing.mkdir(), a_file.touch()
    messages = set()
    for path in (existing, missing, a_file, Path("~cccc")):
        with pytest.raises(OutsideAllowedFolders) as caught:
            AllowedFolders((root,)).resolve(str(path))
        messages.add(str(caught.value).replace(repr(str(path)), "PATH"))
    assert len(messages) == 1


def test_a_path_below_an_allowed_folder_that_is_no_folder_is_missing(root: Path) -> None:
    (root / "file").touch()
    (root / "loop").symlink_to(root / "loop")
    for name in ("none", "file", "file/below", "loop", "x" * 300):
        with pytest.raises(MissingFolder, match="Expected an existing folder; received"):
            AllowedFolders((root,)).resolve(str(root / name))


@pytest.mark.parametrize("path", ["", "  ", "\0", "a\0b", "x" * 5000, "/" * 5000, "\ud800", "a\nb"])
def test_an_invalid_path_gets_a_message_of_one_line(path: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)  # an allowed folder: relative paths would be missing, the empty one found
    with pytest.raises(OutsideAllowedFolders, match=r"^Expected .*; received .*; .*\.$") as caught:
        AllowedFolders((root,)).resolve(path)
    assert len(str(caught.value)) < 600 and str(caught.value).isprintable()


@given(st.text(st.characters() | st.sampled_from("/.~\0\\")))
def test_any_text_is_a_folder_below_the_allowed_one_or_a_message_of_one_line(path: str) -> None:
    root = Path(__file__).parent.resolve()
    try:
        assert AllowedFolders((root,)).resolve(f"{root}/{path}").is_relative_to(root)
    except FolderError as error:
        assert "\n" not in str(error)
