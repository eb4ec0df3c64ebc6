"""One reader, fuzzed under the guidance of coverage: `python -m tests.fuzz.guided READER SECONDS` (see `make fuzz`).

Without arguments it prints the readers' names.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Instrument foretell's own code and run one reader until the time is over."""
    if len(sys.argv) < 3:
        from tests.fuzz.readers import READERS

        print(*READERS)
        return
    import atheris

    name, seconds = sys.argv[1:3]
    # Libraries stay as they are: instrumenting torch or NumPy would take minutes and guide nothing.
    with atheris.instrument_imports(include=["foretell", "yaml", "csv", "zipfile"]):
        from tests.fuzz.readers import READERS
        from tests.fuzz.test_readers import survive

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "seed").write_bytes(READERS[name].seed())
        limits = ["-rss_limit_mb=4096", "-timeout=60", "-max_len=100000", "-print_final_stats=1", "-verbosity=0"]
        atheris.Setup(["guided", folder, f"-max_total_time={seconds}", *limits], lambda data: survive(name, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
