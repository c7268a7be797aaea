"""Run every check that needs no test: lint, format, types, import contracts, migrations, translations.

All of them run, so that one call says everything; the exit code is 0 only when all are content.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS: dict[str, list[str]] = {
    "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "types": [str(BIN / "mypy"), "--no-error-summary"],
    "import contracts": [str(BIN / "lint-imports")],
    "migrations": [sys.executable, "tools/check_migrations.py"],
    "translations": [sys.executable, "tools/messages.py", "check"],
}


def main() -> int:
    """Run the checks one after the other and name those that complain."""
    unhappy = []
    for name, command in CHECKS.items():
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        print(f"{name:20}{'ok' if done.returncode == 0 else 'FAILED':8}{time.monotonic() - began:6.1f} s", flush=True)
        if done.returncode:
            unhappy.append(name)
            print(done.stdout, flush=True)
    print(f"failed: {', '.join(unhappy)}" if unhappy else "all checks passed")
    return 1 if unhappy else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
