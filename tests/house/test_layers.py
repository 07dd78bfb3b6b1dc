"""The layer contracts hold, and the linter really sees a violation."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINTER), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_points_down():
    """interfaces > pipelines > assets > resources > trading, and the rooms inside trading."""
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


def test_an_upward_import_is_reported(tmp_path):
    """A contract that cannot fail proves nothing: plant a violation in a copy."""
    for folder in ("interfaces", "pipelines", "assets", "resources", "trading"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / "trading" / "market" / "planted.py"
    planted.write_text('"""Planted."""\n\nimport dagster\n\nimport trading.store\n\n_ = (dagster, trading)\n')
    talks = tmp_path / "interfaces" / "run" / "planted.py"
    talks.write_text('"""Planted."""\n\nimport fastapi\nimport telegram\n\n_ = (fastapi, telegram)\n')
    result = lint(tmp_path)
    assert result.returncode == 1
    assert "trading.market.planted" in result.stdout
    for name in ("fastapi", "telegram"):
        assert f"interfaces.run.planted -> {name}" in result.stdout
