"""What architectures say with the weights that they inherit from a supernet, translated once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell import spaces
from foretell.objectives import Job, claim
from foretell.records import append_jsonl, read_jsonl
from foretell.spaces import Architecture
from foretell.study.config import StudyConfig
from foretell.study.jobs import supernet_folder

__all__ = ["inherited_job"]

_FILE = "inherited.jsonl"


def inherited_job(study: StudyConfig, architectures: list[Architecture]) -> Job:
    """Translate the validation sentences with each architecture's weights in the study's supernet, and score them.

    The result is a list of metrics (`valid_bleu`, `valid_chrf`, `valid_ter`) in the order of the architectures.
    Each is appended to `inherited.jsonl` in the supernet's folder and not translated again.
    """
    values = {"study": study.model_dump(mode="json"), "rows": [a.to_dict() for a in architectures]}
    return Job(f"inherited weights ({study.supernet.kind})", _inherited, values)


def _inherited(study: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    from foretell.progress import track
    from foretell.training import choose_device, load_supernet, member_of

    config = StudyConfig.model_validate(study)
    space, task = spaces.create(config.space), config.make_task()
    folder = supernet_folder(config, task)
    network = load_supernet(folder, space, task)[0].to(choose_device(config.device))
    about = {**config.measuring, "code": task.measuring}
    with claim(folder):
        known = _known(folder / _FILE, about)
        with (folder / _FILE).open("a", encoding="utf-8") as file, track("inherited weights", len(rows)) as meter:
            for index, values in enumerate(rows):
                architecture = Architecture.from_dict(space, values)
                if architecture.key not in known:
                    alone = network.extract(member_of(architecture)).eval()
                    metrics = task.measure(alone, ("valid",), **config.measuring).metrics
                    append_jsonl(file, [{"architecture": architecture.key, **about, "metrics": metrics}])
                    known[architecture.key] = metrics
                meter.update(index + 1)
    return [known[Architecture.from_dict(space, values).key] for values in rows]


def _known(path: Path, about: dict[str, Any]) -> dict[str, dict[str, float]]:
    lines = read_jsonl(path, repair=True)
    return {
        line["architecture"]: line["metrics"]
        for line in lines
        if all(line.get(name) == value for name, value in about.items())
    }
