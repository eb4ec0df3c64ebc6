"""Who may be learnt from and who is judged: stored splits, or random ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from foretell.errors import InputError, UnknownNameError
from foretell.observations import GROUP, Observation, ObservationSet, Split

__all__ = ["SplitPlan", "demonstrations_of", "first"]


_DIVISIONS = 20
"""Random divisions where nobody says how many: their mean tells predictors apart that one division cannot."""


@dataclass(frozen=True)
class SplitPlan:
    """How observations are divided.

    Attributes:
        kind: "stored", or "random:N" for N random divisions; empty: the stored ones where there are any, else
            twenty random ones.
        seeds: Which stored splits (by name), or the seeds of the random ones; empty takes all stored splits,
            or the seeds 0 to N - 1.
    """

    kind: str = ""
    seeds: tuple[str, ...] = ()

    def make(self, collection: ObservationSet, demonstrations: Sequence[int]) -> list[Split]:
        """The divisions; demonstrations of fewer labels are the first of the longer ones.

        A stored split's test side is always the same. A random split tests on all architectures that no
        number of demonstrations uses, so that a learning curve's points are judged on the same ones; where several
        architectures share a group (`foretell.observations.GROUP`), labels come from one half of the groups and the
        other half is tested on.

        Raises:
            InputError: No stored splits, too few architectures, or a kind that cannot be read.
            UnknownNameError: A stored split that is not there.
        """
        most = max(demonstrations)
        kind = self.resolved(collection)
        if kind == "stored":
            splits = self._stored(collection)
            for split in splits:
                if (shown := len(_distinct(split.train))) < most:
                    raise InputError(
                        f"the stored split {split.name} has {shown} demonstrations, {most} were asked for; "
                        "ask for fewer or use --splits random:3."
                    )
            return splits
        architectures = _distinct(collection.observations)
        if len(architectures) < most + 2:
            raise InputError(
                f"{len(architectures)} distinct architectures were observed; {most} demonstrations and at least 2 to "
                "test on are needed: ask for fewer demonstrations or observe more."
            )
        groups = [str(each[0].provenance.get(GROUP, number)) for number, each in enumerate(architectures)]
        divide = _random if len(set(groups)) == len(groups) else partial(_by_group, groups)
        return [divide(architectures, most, seed) for seed in self._seeds(kind)]

    def resolved(self, collection: ObservationSet) -> str:
        """The kind for these observations, where it was left open: "stored" or "random:N"."""
        return self.kind or ("stored" if collection.splits else f"random:{_DIVISIONS}")

    def _stored(self, collection: ObservationSet) -> list[Split]:
        if not collection.splits:
            raise InputError("the observations have no stored splits; use --splits random:3.")
        known = [split.name for split in collection.splits]
        for name in self.seeds:
            if name not in known:
                raise UnknownNameError("split", name, known)
        return [split for split in collection.splits if not self.seeds or split.name in self.seeds]

    def _seeds(self, kind: str) -> list[int]:
        name, _, number = kind.partition(":")
        if name != "random" or not number.isdigit() or int(number) < 1:
            raise InputError(f"cannot read the splits {kind!r}; expected stored, or random:3 for three draws.")
        if not all(seed.isdigit() for seed in self.seeds):
            raise InputError(f"the seeds {', '.join(self.seeds)} of random splits must be whole numbers.")
        return [int(seed) for seed in self.seeds] or list(range(int(number)))


def first(observations: Sequence[Observation], n: int) -> list[Observation]:
    """The observations of the first `n` architectures: one that was trained several times is one label."""
    return [item for group in _distinct(observations)[:n] for item in group]


def demonstrations_of(known: ObservationSet, count: int) -> list[Observation]:
    """The observations of the first `count` architectures: of a stored split, whose tests so stay unseen, or of all."""
    return first(known.splits[0].train if known.splits else known.observations, count)


def _distinct(observations: Sequence[Observation]) -> list[tuple[Observation, ...]]:
    """Observations by architecture, so that one that was trained twice is wholly on one side."""
    groups: dict[bytes, list[Observation]] = {}
    for item in observations:
        groups.setdefault(item.architecture.row.tobytes(), []).append(item)
    return [tuple(group) for group in groups.values()]


def _by_group(groups: Sequence[str], architectures: Sequence[tuple[Observation, ...]], most: int, seed: int) -> Split:
    """Labels from a random half of the groups, or from as many as it takes; judged on the other groups."""
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(groups))
    sizes = Counter(groups)
    order = [names[index] for index in rng.permutation(len(names))]
    learnt = order[: len(order) // 2]
    while sum(sizes[name] for name in learnt) < most:
        learnt = order[: len(learnt) + 1]
    if len(architectures) - sum(sizes[name] for name in learnt) < 2:
        raise InputError(
            f"{most} demonstrations take the architectures of {len(learnt)} of {len(names)} groups, which leaves none "
            "to test on; ask for fewer demonstrations or observe more groups."
        )
    inside = set(learnt)
    pool = [index for index, name in enumerate(groups) if name in inside]
    train = tuple(item for index in rng.permutation(pool)[:most] for item in architectures[index])
    test = tuple(item for name, each in zip(groups, architectures, strict=True) if name not in inside for item in each)
    return Split(str(seed), train, test)


def _random(groups: Sequence[tuple[Observation, ...]], most: int, seed: int) -> Split:
    order = np.random.default_rng(seed).permutation(len(groups))
    train = tuple(item for index in order[:most] for item in groups[index])
    test = tuple(item for index in order[most:] for item in groups[index])
    return Split(str(seed), train, test)
