"""A smaller model of the same line, which a part of a larger one must beat, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.families.pruned.genes import pruned_space
from foretell.records import fingerprint
from foretell.study.shrinking.candidates import layers_left
from foretell.study.shrinking.config import ShrinkConfig
from foretell.study.shrinking.eval_tasks import EvalTasks
from foretell.study.shrinking.judging import Healer, heal, measured
from foretell.study.shrinking.sources import Source, find_model
from foretell.tasks.language_model.pretrained_text import PretrainedText, pretrained_text
from foretell.tasks.task import Split

__all__ = ["find_smaller", "smaller_entry"]


def find_smaller(config: ShrinkConfig, parent: Source) -> Source:
    """Look at the smaller model.

    Raises:
        InputError: It cannot be used, or is not smaller than the parent.
    """
    assert config.smaller is not None  # noqa: S101 - who calls has looked
    found = find_model(config.smaller)
    mine, theirs = found.checkpoint.parameters, parent.checkpoint.parameters
    if mine >= theirs:
        raise InputError(
            f"{found.name} has {mine:,} parameters and {parent.name} has {theirs:,}; name a smaller one (--smaller)."
        )
    if config.block > found.checkpoint.backbone.context:
        raise InputError(
            f"a block of {config.block} tokens is longer than the {found.checkpoint.backbone.context} that "
            f"{found.name} reads; lower --block."
        )
    return found


def smaller_entry(
    config: ShrinkConfig, source: Source, healer: Healer, costs: tuple[str, ...], folder: Path, tasks: EvalTasks | None
) -> dict[str, Any]:
    """What `result.json` says of it: judged on the same text, and healed by as many updates.

    Where it spells as the parent does it learns from the parent as all others do, else from the text itself.

    Args:
        config: Which text.
        source: The smaller model.
        healer: How the others heal; its task is the parent's.
        costs: That results tell.
        folder: Of the run.
        tasks: Further ones to judge by.
    """
    checkpoint = source.checkpoint
    network, tokenizer = checkpoint.load(), checkpoint.tokenizer()
    sizes: dict[Split, int] = {"train": 0, "valid": config.search_tokens, "test": config.test_tokens}
    task: PretrainedText = pretrained_text(config.corpus, tokenizer, sizes)
    alike = task.fingerprint == healer.task.fingerprint and network.vocabulary == healer.teacher.vocabulary
    space = pruned_space(source.name, checkpoint.shape, checkpoint.backbone, step=config.step)
    whole = space.population([space.largest()])
    counted = CostModel(space, vocabulary=checkpoint.vocabulary).costs(whole, costs)
    about = {"model": checkpoint.fingerprint, "text": task.fingerprint}

    def judged(name: str, key: str) -> dict[str, float]:
        path = folder / "measured"
        found = measured(network, task, path / f"{name}.json", key)
        return found if tasks is None else found | tasks.scores(network, tokenizer, path / f"{name}-tasks.json", key)

    before = judged("smaller", fingerprint({**healer.about, **about}))
    after = None
    if config.heal:
        teacher = healer.teacher if alike else None
        told = {**healer.about, **about, "taught": alike}
        own = Healer(teacher, task, healer.recipe, healer.seed, healer.device, told, healer.recompute)
        heal(network, f"healing {source.name}", folder / "healing" / "smaller", own, {})
        recipe = healer.recipe.model_dump(mode="json")
        key = fingerprint({**own.about, "recipe": recipe, "seed": healer.seed})
        after = judged("smaller-healed", key)
    learns = "learns from the parent" if alike else "learns from the text, for it is spelt otherwise"
    return {
        "about": f"{source.name} as it is" + (f"; {learns}" if config.heal else ""),
        "architecture": space.largest().to_dict(),
        "layers": layers_left(checkpoint.shape),
        "uniform": True,
        "costs": {cost: float(values[0]) for cost, values in counted.items()},
        "metrics": {"before": before, "after": after},
    }
