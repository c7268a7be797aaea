"""What a web process must not load: slow libraries that only workers and documents need."""

import subprocess
import sys
from pathlib import Path

HEAVY = ("pandas", "numpy", "weasyprint", "celery", "num2words", "schwifty")
_LOADED = f"""
import sys
from app import create_app
create_app()
print(sorted(name for name in {HEAVY} if name in sys.modules))
"""


def test_the_application_is_built_without_heavy_libraries(root: Path, tmp_path: Path) -> None:
    env = {"PATH": "", "CRM_VAR": str(tmp_path), "CRM_DATABASE_URL": f"sqlite:///{tmp_path / 'light.db'}"}
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=root, env=env, capture_output=True, check=False, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr[-2000:]
