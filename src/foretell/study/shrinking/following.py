"""The other processes that `torchrun` starts for one job of shrinking: they help to train the parts, and end."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

from foretell.records import fingerprint, read_object
from foretell.spaces import Architecture
from foretell.study.shrinking.config import Shrinking
from foretell.study.shrinking.judging import about_of, healer_of
from foretell.study.shrinking.ordering import put_in_order
from foretell.study.shrinking.subject import Subject
from foretell.study.shrinking.supernet import NearLimits, train_parts

__all__ = ["IMPORTANCE", "PARTS", "follow", "parts_key"]

IMPORTANCE = "importance.safetensors"
PARTS = Path("supernet") / "parts.json"
"""Which parts are trained; it is written when everything that helpers need is there."""
_LOOK_EVERY = 1.0


def parts_key(about: dict[str, Any], order: str) -> str:
    """Names what the parts were chosen from."""
    return fingerprint({**about, "order": order})


def follow(config: Shrinking, subject: Subject, folder: Path) -> dict[str, Any]:
    """Wait until the first process trains the parts, and train them with it.

    Args:
        config: What is asked; it has a supernet.
        subject: What is shrunk.
        folder: Of the run, which all processes see.

    Returns:
        Nothing.

    Raises:
        RankLostError: Another process has ended.
    """
    assert config.supernet is not None  # noqa: S101 - `shrink` has looked
    while not (folder / PARTS).exists():
        time.sleep(_LOOK_EVERY)
    parent, task = subject.load()
    if subject.learns:
        subject.learn(parent, folder / "parent")
    about = about_of(subject.fingerprint, task.fingerprint)
    order = put_in_order(parent, subject, folder / IMPORTANCE, about, config.seed).name
    key = parts_key(about, order)
    while (told := read_object(folder / PARTS)).get("key") != key:  # of an earlier run
        time.sleep(_LOOK_EVERY)
    parts = [Architecture.from_dict(subject.space, each) for each in told["parts"]]
    narrow = None if told["narrow"] is None else Architecture.from_dict(subject.space, told["narrow"])
    healer = healer_of(config, parent, task, subject.max_tokens, about)
    rule, network = NearLimits(parts, narrow, config.seed), copy.deepcopy(parent)
    train_parts(network, rule, config.supernet, folder / PARTS.parent, healer, subject.max_tokens, order)
    return {}
