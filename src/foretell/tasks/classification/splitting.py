"""Train, validation and test texts: each class in all of them, groups and near-copies in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from foretell.errors import InputError
from foretell.tasks.classification.reading import Labelled
from foretell.tasks.cleaning import near_copy_key

__all__ = ["LabelledSplits", "check_labels", "split_labelled"]

_FEWEST = 3  # texts of a class: one for each split
_MOST_CLASSES = 1000
_LARGEST_SHARE = 10  # neither validation nor test takes more than a tenth of a class

LabelledText = tuple[str, str]


class LabelledSplits(NamedTuple):
    """Texts with their labels."""

    train: list[LabelledText]
    valid: list[LabelledText]
    test: list[LabelledText]


def check_labels(labels: Sequence[str]) -> list[str]:
    """The classes, sorted.

    Raises:
        InputError: There is one, there are too many, or two differ in case only.
    """
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise InputError(f"all texts have the label {classes[0]!r}; a classifier needs at least two classes to tell.")
    if len(classes) > _MOST_CLASSES:
        raise InputError(
            f"the texts have {len(classes):,} different labels, at most {_MOST_CLASSES:,} are told apart; is this the "
            "column of the label? Name another one, or merge rare classes."
        )
    folded: dict[str, str] = {}
    for name in classes:
        before = folded.setdefault(name.casefold(), name)
        if before != name:
            raise InputError(f"the labels {before!r} and {name!r} differ in case only; spell them alike.")
    return classes


def split_labelled(texts: Sequence[Labelled], train: int | None, valid: int, test: int, seed: int) -> LabelledSplits:
    """Hold out whole groups until each class has as many texts as are wanted, the rarest class first.

    A text stands once in a class. What is a near-copy of a text held out (the same but for case, punctuation and
    numbers) is dropped from what is learnt from, and from validation where test has it.

    Args:
        texts: With groups.
        train: Most texts of a class to learn from; None keeps all.
        valid: Validation texts wanted of a class, at most a tenth of it.
        test: Test texts wanted of a class, at most a tenth of it.
        seed: Of the order.

    Raises:
        InputError: A class has too few texts that differ, or labels make no sense (`check_labels`).
    """
    classes = check_labels([each.label for each in texts])
    distinct = list({(each.text, each.label): each for each in reversed(texts)}.values())[::-1]
    keys = [near_copy_key(each.text) for each in distinct]
    of_class: dict[str, list[int]] = {name: [] for name in classes}
    for place in np.random.default_rng(seed).permutation(len(distinct)).tolist():
        of_class[distinct[place].label].append(place)
    for name, places in of_class.items():
        different = len({keys[place] for place in places})
        if different < _FEWEST:
            raise InputError(
                f"the class {name!r} has {different} text{'s' * (different != 1)} that differ in more than case, "
                f"punctuation and numbers; at least {_FEWEST} are needed, so that each split has one: give more, or "
                "leave the class out."
            )
    members = defaultdict(list)
    for place, each in enumerate(distinct):
        members[each.group].append(place)
    side: dict[int, str] = {}
    for split, most in (("test", test), ("valid", valid)):
        held = dict.fromkeys(classes, 0)
        for name in sorted(classes, key=lambda name: len(of_class[name])):
            wanted = max(1, min(most, len(of_class[name]) // _LARGEST_SHARE))
            for place in of_class[name]:
                if held[name] >= wanted:
                    break
                if place not in side:
                    for other in members[distinct[place].group]:
                        side[other] = split
                        held[distinct[other].label] += 1
    test_keys = {keys[place] for place, split in side.items() if split == "test"}
    held_keys = test_keys | {keys[place] for place in side}
    wanted_of = {"train": train, "valid": valid, "test": test}
    found: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for name, places in of_class.items():
        for split, kept in found.items():
            own = [place for place in places if side.get(place, "train") == split]
            if split != "test":
                seen = held_keys if split == "train" else test_keys
                own = [place for place in own if keys[place] not in seen]
            if not own:
                raise InputError(
                    f"no text of the class {name!r} is left for {split}, after those that have near-copies in another "
                    "split are dropped; give more texts of it, or leave the class out."
                )
            kept += own[: wanted_of[split]]
    splits = ([(distinct[i].text, distinct[i].label) for i in sorted(found[name])] for name in found)
    return LabelledSplits(*splits)
