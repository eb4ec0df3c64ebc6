"""How long the command line takes to start: medians over whole processes, as one JSON object.

Run: `python benchmarks/start.py --runs 11`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python_s": ["-c", "pass"],
    "import_foretell_s": ["-c", "import foretell"],
    "help_s": ["-m", "foretell", "--help"],
}


def main() -> None:
    """Time each command in turn, so that a change of the machine's speed falls on all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: round(statistics.median(values), 4) for name, values in seconds.items()}
    print(json.dumps({"runs": runs, **medians}))


if __name__ == "__main__":
    main()
