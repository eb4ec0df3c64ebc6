"""Made-up parallel text: no sentence of any real corpus is kept in the repository."""

import json
import random
import zipfile
from pathlib import Path

from foretell.tasks.translation import ParallelCorpus

_WORDS = {
    "the lamp": "die Lampe",
    "a door": "eine Tür",
    "my kettle": "mein Kessel",
    "this garden": "dieser Garten",
    "every window": "jedes Fenster",
    "our roof": "unser Dach",
}
_VERBS = {"opens": "öffnet sich", "glows": "leuchtet", "hums": "summt", "waits": "wartet", "sleeps": "schläft"}
_WHEN = {"today": "heute", "at night": "nachts", "in spring": "im Frühling", "again": "wieder", "twice": "zweimal"}


def made_up(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct pairs; a number word makes each sentence its own."""
    rng = random.Random(seed)  # noqa: S311
    pairs = []
    for number in range(count):
        noun, verb, when = (rng.choice(sorted(table)) for table in (_WORDS, _VERBS, _WHEN))
        name = "".join(rng.choice("bdfgklmnprst") + rng.choice("aeiou") for _ in range(3)) + _letters(number)
        pairs.append((f"{noun} {verb} {when} near {name}", f"{_WORDS[noun]} {_VERBS[verb]} {_WHEN[when]} bei {name}"))
    return pairs


def corpus(train: int = 300, valid: int = 20, test: int = 30, **options: object) -> ParallelCorpus:
    pairs = made_up(train + valid + test)
    parts = pairs[:train], pairs[train : train + valid], pairs[train + valid :]
    return ParallelCorpus("en", "de", *parts, **options)


def write_wheel(path: Path, components: dict[str, dict[str, object]], licence: str = "free as air\n") -> Path:
    """A zip laid out like Home Assistant's wheel: component -> language -> tree of texts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for component, files in components.items():
            for language, tree in files.items():
                data = tree if isinstance(tree, str | bytes) else json.dumps(tree)
                archive.writestr(f"homeassistant/components/{component}/translations/{language}.json", data)
        archive.writestr("homeassistant-2026.11.0.dist-info/licenses/LICENSE.md", licence)
        archive.writestr("homeassistant/components/evil/__init__.py", "raise SystemExit('never run')")
    return path


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
