"""What a person may and may not choose as a data folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.datasets.allowed_folders import AllowedFolders, FolderError, MissingFolder, OutsideAllowedFolders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "waste images" / "Gläser").mkdir(parents=True)
    return folder.resolve()


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "LOCALHOST", "::1", "[::1]", "127.0.0.2"])
def test_loopback_offers_the_working_directory_and_home(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir(), work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    roots = AllowedFolders.default(address, [])
    assert (roots.resolve("~"), roots.resolve(".")) == (home.resolve(), work.resolve())
    with pytest.raises(OutsideAllowedFolders):
        roots.resolve(str(tmp_path))


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"])
def test_a_server_others_reach_offers_nothing(address: str) -> None:
    roots = AllowedFolders.default(address, [])
    assert roots == AllowedFolders(())
    with pytest.raises(OutsideAllowedFolders, match=r"offers none.*sample"):
        roots.resolve(".")


def test_given_roots_replace_the_default(root: Path) -> None:
    for address in ("127.0.0.1", "0.0.0.0"):
        roots = AllowedFolders.default(address, [root])
        assert roots.resolve(str(root)) == root
        with pytest.raises(OutsideAllowedFolders):
            roots.resolve(str(root.parent))


def test_a_folder_below_a_root_is_returned_real(root: Path) -> None:
    roots = AllowedFolders((root.parent / "none", root))
    assert roots.resolve(f"{root}/waste images/../waste images/Gläser") == root / "waste images" / "Gläser"


def test_links_are_followed_before_judging(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "in").symlink_to(root / "waste images")
    (tmp_path / "way").symlink_to(root)
    roots = AllowedFolders((tmp_path / "way",))
    assert roots.resolve(str(root / "in")) == root / "waste images"
    assert roots.resolve(str(tmp_path / "way" / "waste images")) == root / "waste images"
    with pytest.raises(OutsideAllowedFolders):
        roots.resolve(str(root / "out"))


def test_a_root_is_no_prefix_of_letters(root: Path) -> None:
    sibling = root.with_name("root-other")
    sibling.mkdir()
    with pytest.raises(OutsideAllowedFolders):
        AllowedFolders((root,)).resolve(str(sibling))


def test_outside_the_roots_existence_is_not_told(root: Path, tmp_path: Path) -> None:
    there, missing, a_file = tmp_path / "aaaa", tmp_path / "bbbb", tmp_path / "cccc"
    there.mkdir(), a_file.touch()
    said = set()
    for path in (there, missing, a_file, Path("~cccc")):
        with pytest.raises(OutsideAllowedFolders) as caught:
            AllowedFolders((root,)).resolve(str(path))
        said.add(str(caught.value).replace(repr(str(path)), "PATH"))
    assert len(said) == 1


def test_below_a_root_what_is_no_folder_is_missing(root: Path) -> None:
    (root / "file").touch()
    (root / "loop").symlink_to(root / "loop")
    for name in ("none", "file", "file/below", "loop", "x" * 300):
        with pytest.raises(MissingFolder, match="Expected an existing folder; received"):
            AllowedFolders((root,)).resolve(str(root / name))


@pytest.mark.parametrize("path", ["", "  ", "\0", "a\0b", "x" * 5000, "/" * 5000, "\ud800", "a\nb"])
def test_what_is_no_path_gets_one_clear_line(path: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)  # where a relative path would be missing or, when empty, found
    with pytest.raises(OutsideAllowedFolders, match=r"^Expected .*; received .*; .*\.$") as caught:
        AllowedFolders((root,)).resolve(path)
    assert len(str(caught.value)) < 600 and str(caught.value).isprintable()


@given(st.text(st.characters() | st.sampled_from("/.~\0\\")))
def test_any_text_is_a_folder_below_the_root_or_one_clear_line(path: str) -> None:
    root = Path(__file__).parent.resolve()
    try:
        assert AllowedFolders((root,)).resolve(f"{root}/{path}").is_relative_to(root)
    except FolderError as error:
        assert "\n" not in str(error)
