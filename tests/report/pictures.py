"""The README's pictures of a report page: `python -m tests.report.pictures RUN docs/images`.

They are taken of a finished run's `report.html` by the browser that the tests use, and stored with few colours,
so that each stays below 200 KB.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from tests.report.browser import chromium, opened

SHOTS = {
    "report-1280.png": {"width": 1280, "theme": "light", "start": "header", "end": ".winner", "sharpness": 1.5},
    "report-390.png": {
        "width": 390,
        "theme": "dark",
        "start": ".card:has(#run0-pareto)",
        "end": "#run0-pareto figcaption",
        "sharpness": 2,
    },
}
_AIR = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a finished run with its report.html")
    parser.add_argument("out", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, shot in SHOTS.items():
            size = take(browser, arguments.run / "report.html", arguments.out / name, **shot)
            print(f"{arguments.out / name}: {size:,} bytes")


def take(
    browser, page_file: Path, target: Path, *, width: int, theme: str, start: str, end: str, sharpness: float
) -> int:
    """One part of the page, from the top of one element to the foot of another; its size in bytes."""
    from PIL import Image

    with opened(browser, page_file, width=width, theme=theme, sharpness=sharpness) as page:
        # The bar at the top sticks to the screen; in a picture of a long page it stands where it belongs.
        page.evaluate("document.querySelector('.top').style.position = 'static'")
        edge = "([where, side]) => document.querySelector(where).getBoundingClientRect()[side]"
        top = max(0, page.evaluate(edge, [start, "top"]) - _AIR)
        foot = page.evaluate(edge, [end, "bottom"]) + _AIR
        clip = {"x": 0, "y": top, "width": width, "height": foot - top}
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))).convert("RGB")
    few = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(target, optimize=True)
    return target.stat().st_size


if __name__ == "__main__":
    main()
