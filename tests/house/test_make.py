"""The Makefile and the finder of Python do what the README's first screen promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FINDER = ROOT / "scripts" / "find_python.sh"


def find(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(FINDER)],
        env={"HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_make_alone_lists_every_target():
    """Whoever types `make` sees what there is."""
    result = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for target in ("setup", "run", "dev", "test", "test-slow", "check", "bench", "lock", "clean"):
        assert re.search(rf"^  make {target} ", result.stdout, re.MULTILINE)


def test_a_shim_on_path_that_fails_is_passed_over(tmp_path):
    """Version managers put a python3.12 on PATH that answers `command not found`; run it to know."""
    shims = tmp_path / "shims"
    shims.mkdir()
    executable(shims / "python3.12", "#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    executable(shims / "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    result = find(PATH=f"{shims}:/usr/bin:/bin")
    assert result.returncode == 0
    assert result.stdout.strip()


def test_another_python_is_not_taken(tmp_path):
    """A 3.11 that calls itself python3.12 fails the check, whatever its name."""
    shims = tmp_path / "shims"
    shims.mkdir()
    for name in ("python3.12", "python3", "uv"):
        executable(shims / name, "#!/bin/sh\nexit 1\n")
    result = find(PATH=f"{shims}:/bin")
    if result.returncode == 0:
        # The machine has one in a usual place outside PATH: that is a fair find.
        assert Path(result.stdout.strip()).exists()
    else:
        for word in ("Debian/Ubuntu", "macOS", "pyenv", "3.12"):
            assert word in result.stderr


def test_scripts_are_plain_shell():
    """Each script parses as POSIX shell, the CI script as bash."""
    for script in (ROOT / "scripts").glob("*.sh"):
        subprocess.run(["/bin/sh", "-n", str(script)], check=True)
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
