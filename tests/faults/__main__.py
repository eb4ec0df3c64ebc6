"""The long form: every fault on every command, one line each, written as they are done.

Run: make faults    (python -m tests.faults [--only TEXT]... [--share 0.2] [--seed 2] [--out results/faults.csv])
"""

import argparse
import csv
import platform
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.catalogue import FAULTS, missing
from tests.faults.ground import Ground

COLUMNS = ("fault", "command", "tried", "survived", "lost", "seconds")


def main() -> int:
    """Exit code 1 if anything was not survived."""
    options = _options()
    begun, failed = time.monotonic(), False
    root = Path(tempfile.mkdtemp(prefix="foretell-faults-"))
    with Ground(root) as ground, options.out.open("a" if options.append else "w", newline="") as file:
        table = csv.writer(file)
        if not options.append:
            print(f"# python -m tests.faults; {platform.machine()}, Python {platform.python_version()}", file=file)
            table.writerow(COLUMNS)
        for fault, name in _wanted(options.only):
            if why := missing(fault, name, ground):
                print(f"{fault.name:<28} {name:<16} not tried: {why}", flush=True)
                continue
            start = time.monotonic()
            tally = fault.on(ground, name, max(1, round(fault.count * options.share)), options.seed)
            seconds = time.monotonic() - start
            table.writerow([fault.name, name, tally.tried, tally.survived, tally.lost, round(seconds)])
            file.flush()
            counts = f"tried {tally.tried:3}  survived {tally.survived:3}  lost {tally.lost:2}"
            print(f"{fault.name:<28} {name:<16} {counts}  {seconds:6.1f} s", flush=True)
            print("".join(f"    {note}\n" for note in tally.notes), end="", flush=True)
            failed = failed or tally.survived < tally.tried or tally.lost > 0
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes; evidence of failures, if any, in {root}")
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="part of 'fault / command'; several are all tried")
    parser.add_argument("--share", type=float, default=1.0, help="of the repetitions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/faults.csv"))
    parser.add_argument("--append", action="store_true", help="add lines to the table")
    return parser.parse_args()


def _wanted(only: list[str]):
    for fault in FAULTS:
        for name in fault.commands:
            if not only or any(text in f"{fault.name} / {name}" for text in only):
                yield fault, name


if __name__ == "__main__":
    sys.exit(main())
