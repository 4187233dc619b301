"""Which deployment suites a run of the tests leaves out, asked of real repositories and runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import deployment

ROOT = Path(__file__).resolve().parents[3]
SUITE = """
import pytest
pytestmark = pytest.mark.deployment("edge", "gateway.py")
def test_deployed(): ...
"""


def git(project: Path, *arguments: str) -> None:
    person = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(
        ["git", *person, *arguments],
        cwd=project,
        env=environment(),
        check=True,
        capture_output=True,
    )


def environment() -> dict[str, str]:
    """This environment, without CI and what a git hook sets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "CI" and not name.startswith(("GIT_", "PYTEST_"))
    }
    ours = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return kept | ours | {"GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository on a branch of its own, with one deployment suite and one other test."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge/index.ts").write_text("")
    (tmp_path / "gateway.py").write_text("")
    (tmp_path / "test_edge.py").write_text(SUITE)
    (tmp_path / "test_other.py").write_text("def test_other(): ...\n")
    (tmp_path / ".gitignore").write_text("__pycache__\n*.log\n")
    git(tmp_path, "init", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message=all")
    git(tmp_path, "switch", "--create=mine")
    return tmp_path


def run(project: Path, *options: str, status: int = 0, ci: bool = False) -> str:
    """What pytest prints in a run in `project` that ends with `status`."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.deployment", "-p", "no:cacheprovider"),
            *("-q", "-ra", "--rootdir=.", *options),
        ],
        cwd=project,
        env=environment() | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_unchanged_suite_is_left_out_with_the_reason(project: Path) -> None:
    """The summary counts it and says what it covers and how to run it all the same."""
    said = run(project)
    assert "1 passed, 1 skipped" in said
    assert "unchanged since main: edge, gateway.py; `pytest --deployment` runs it" in said


@pytest.mark.parametrize(("options", "ci"), [(["--deployment"], False), ([], True)])
def test_all_suites_run_when_asked(project: Path, options: list[str], ci: bool) -> None:
    """With the option, and in CI, nothing is left out."""
    assert "2 passed" in run(project, *options, ci=ci)


def test_a_changed_suite_runs(project: Path) -> None:
    """A file of its folder is new and not committed."""
    (project / "edge/proxy.ts").write_text("")
    assert "2 passed" in run(project)


def test_without_git_all_suites_run(project: Path) -> None:
    """A source archive has no history."""
    (project / ".git").rename(project / "not-git")
    assert "2 passed" in run(project)


def test_what_has_changed(project: Path) -> None:
    """Commits of the branch, staged, edited, deleted, renamed and new files; nothing ignored."""
    assert deployment.changed_files(project) == set()
    (project / "committed ü.py").write_text("")
    git(project, "add", ".")
    git(project, "commit", "--message=more")
    (project / "staged.py").write_text("")
    git(project, "add", "staged.py")
    (project / "test_edge.py").unlink()
    git(project, "mv", "edge/index.ts", "moved.ts")
    (project / "test_other.py").write_text("def test_other(): assert True\n")
    (project / "new.py").write_text("")
    (project / "ignored.log").write_text("")
    assert deployment.changed_files(project) == {
        *("committed ü.py", "staged.py", "test_edge.py", "edge/index.ts", "moved.ts"),
        *("test_other.py", "new.py"),
    }


def test_what_main_got_since_is_no_change(project: Path) -> None:
    """The branch is compared with the commit where it left main."""
    git(project, "switch", "main")
    (project / "edge/proxy.ts").write_text("")
    git(project, "add", ".")
    git(project, "commit", "--message=main goes on")
    git(project, "switch", "mine")
    assert deployment.changed_files(project) == set()


def test_git_cannot_say(project: Path) -> None:
    """No main branch, a folder inside another repository, no repository."""
    assert deployment.changed_files(project / "edge") is None
    git(project, "branch", "--delete", "--force", "main")
    assert deployment.changed_files(project) is None
    (project / ".git").rename(project / "not-git")
    assert deployment.changed_files(project) is None


def test_what_a_path_covers() -> None:
    """Itself and what lies in it, but not names that begin alike."""
    assert deployment.covers(["edge"], ["edge/a/b.ts"])
    assert deployment.covers(["edge/a.ts"], ["edge/a.ts"])
    assert not deployment.covers(["edge"], ["edge.py", "edges/a.ts", "a/edge"])


def test_a_path_that_is_not_there_is_an_error(project: Path) -> None:
    """A folder that moved would never be seen to change."""
    (project / "gateway.py").unlink()
    assert "gateway.py is not there" in run(project, status=4)
