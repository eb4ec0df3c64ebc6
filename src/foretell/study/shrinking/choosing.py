"""What is chosen without a search: the rules that a winner must beat, and where the search begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, InputError
from foretell.spaces import Population

__all__ = ["Chooser"]

_Numbers = npt.NDArray[np.int64]
_Move = tuple[str, int, int]
"""What is made smaller, of which layer, and to what."""
Judge = Callable[[Population], npt.NDArray[np.float64]]
"""Goodness of canonical rows: minus the loss."""
_FEWEST = 8
_TRIES = 20


class Chooser:
    """Architectures of one space that come as close to the limits as their rule allows.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.

    Raises:
        InputError: The parent keeps the limits already.
        InfeasibleError: No part of it does.
    """

    def __init__(self, costs: CostModel, constraints: Constraints) -> None:
        self.costs, self.constraints, self.space = costs, constraints, costs.space
        self.count = int(self.space.gene("layers").numbers.max())
        self.most_groups, self.most_ffn = (int(self.space.gene(name).numbers.max()) for name in ("groups", "ffn"))
        self.widths = sorted({int(value) for value in self.space.gene("ffn").numbers}, reverse=True)
        self.alike = self.space.gene("groups").depth is None
        genes = [gene for gene in self.space.genes if gene.name == "width"]
        self.channels = [number for gene in genes for number in sorted(map(int, gene.numbers), reverse=True)]
        self.parent = self.row(*self._whole())
        self._check()

    def _whole(self) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
        ones = np.ones(self.count, dtype=np.int64)
        return ones, ones * self.most_groups, ones * self.most_ffn, np.array(self.channels[:1])

    def row(self, kept: _Numbers, groups: _Numbers, ffn: _Numbers, channels: _Numbers | None = None) -> Population:
        """The architecture with so much in each layer, each `[layers]`: canonical, `int16 [1, columns]`.

        Args:
            kept: Which layers are there.
            groups: Of heads.
            ffn: Neurons.
            channels: Of embeddings and layers, `[1]`; None: all.
        """
        there = np.flatnonzero(kept)
        first = int(there[0]) if len(there) else 0
        shown = [groups[first : first + 1], ffn[first : first + 1]] if self.alike else [groups, ffn]
        spelt = [self.count, *kept.tolist(), *shown[0].tolist(), *shown[1].tolist()]
        if self.channels:
            spelt.append(self.channels[0] if channels is None else int(channels[0]))
        return self.space.canonical(self.space.read([spelt]))

    def excess(self, rows: Population) -> npt.NDArray[np.float64]:
        """How far rows are beyond the limit that they miss most, as shares of it, `[n]`."""
        return self.constraints.excess(self.costs, rows).max(axis=1)

    def _check(self) -> None:
        satisfied = self.constraints.satisfied(self.costs, self.parent)
        names = self.constraints.cost_names
        if satisfied[0]:
            told = ", ".join(f"{self.costs.cost(self.parent, name)[0]:,.0f} {name}" for name in names)
            raise InputError(
                f"{self.space.name} has {told} and keeps {self.constraints} as it is; give a lower limit, such as 70%."
            )
        kept, groups, ffn = (np.zeros(self.count, dtype=np.int64) for _ in range(3))
        kept[0], least = 1, min(width for width in self.widths if width)
        groups[0], ffn[0] = (1, least) if self.alike else (0, least)
        smallest = self.row(kept, groups, ffn, np.array(self.channels[-1:]))
        if not self.constraints.satisfied(self.costs, smallest)[0]:
            told = ", ".join(f"{self.costs.cost(smallest, name)[0]:,.0f} {name}" for name in names)
            raise InfeasibleError(
                f"the least that is left of {self.space.name}, one layer, has {told}: {self.constraints} cannot be "
                "kept; give a higher limit."
            )

    def first(self, rows: Sequence[Population]) -> Population | None:
        """The first of some rows that keeps the limits; None where none does."""
        kept = self.constraints.satisfied(self.costs, np.concatenate(rows))
        return rows[int(np.argmax(kept))] if kept.any() else None

    def uniform_width(self) -> Population | None:
        """All layers, of each the same share of heads and neurons."""
        kept = self._whole()[0]
        found = []
        for width in self.widths:
            groups = max(1, round(self.most_groups * width / self.most_ffn))
            if width:
                found.append(self.row(kept, kept * groups, kept * width))
        return self.first(found)

    def hidden_width(self) -> Population | None:
        """All layers whole, of as many channels as the limits allow; None where they are too many, or all there are."""
        kept, groups, ffn, _ = self._whole()
        found = [self.row(kept, groups, ffn, np.array([channels])) for channels in self.channels[1:]]
        return self.first(found) if found else None

    def without_layers(self, order: Sequence[int], width: int | None = None) -> Population | None:
        """As many whole layers as the limits allow.

        Args:
            order: Layers, those first that go first.
            width: Of the feed-forward networks of those that stay; None: whole.
        """
        kept, groups, ffn, _ = self._whole()
        ffn = ffn if width is None else np.full_like(ffn, width)
        found = []
        for number in order[:-1]:
            kept = kept.copy()
            kept[number] = 0
            found.append(self.row(kept, groups, ffn))
        return self.first(found)

    def random(self, seed: int) -> Population | None:
        """Parts taken away at random, a step at a time, until the limits are kept."""
        rng = np.random.default_rng(seed)
        kept, groups, ffn, _ = self._whole()
        if self.alike:
            found = [
                self.without_layers(rng.permutation(self.count).tolist(), int(width))
                for width in rng.choice(self.widths, size=3)
            ]
            there = [row for row in found if row is not None]
            return min(there, key=lambda row: -float(self.excess(row)[0])) if there else None
        steps: list[Population] = []
        for _ in range(self.count * (self.most_groups + len(self.widths))):
            number = int(rng.integers(self.count))
            if rng.random() < 0.5 and groups[number]:
                groups[number] -= 1
            elif ffn[number]:
                ffn[number] = self.widths[self.widths.index(int(ffn[number])) + 1]
            steps.append(self.row(kept, groups, ffn))
        return self.first(steps)

    # ---- by what each part is worth

    def greedy(self, judge: Judge, rounds: int) -> Iterator[Population]:
        """What is left when the parts go first whose absence costs least for what it saves, measured one at a time.

        Args:
            judge: Of the parts' network.
            rounds: How often what is left is measured anew on the way to the limits; after the first time only what was
                cheap then, or is new.

        Yields:
            What keeps the limits: of the last round.
        """
        state, prices = list(self._whole()), dict[_Move, float]()
        start = float(self.excess(self.row(*state))[0])
        for number in range(1, rounds + 1):
            goal = start * (1 - number / rounds)
            before = self.row(*state)
            moves = dict(self._layer_moves(state) if self.alike else self._part_moves(state))
            moves |= dict(self._channel_moves(state))
            asked = sorted(moves, key=lambda move: prices.get(move, 0.0))[: max(_FEWEST, len(moves) // min(number, 2))]
            rows = np.concatenate([self.row(*moves[move]) for move in asked])
            scores = judge(np.concatenate([before, rows]))
            saved = float(self.excess(before)[0]) - self.excess(rows)
            price = np.maximum(scores[0] - scores[1:], 0.0) / np.maximum(saved, 1e-12)
            prices |= dict(zip(asked, price.tolist(), strict=True))
            for move in sorted(moves, key=lambda move: prices.get(move, np.inf)):
                tried = [np.minimum(old, new) for old, new in zip(state, moves[move], strict=True)]
                if not tried[0].any():
                    continue
                state = tried
                if float(self.excess(self.row(*state))[0]) <= goal:
                    break
        row = self.row(*state)
        if self.constraints.satisfied(self.costs, row)[0]:
            yield row
            yield self._filled(state)

    def _layer_moves(self, state: list[_Numbers]) -> Iterator[tuple[_Move, list[_Numbers]]]:
        """Each layer away."""
        for number in np.flatnonzero(state[0]):
            kept = state[0].copy()
            kept[number] = 0
            yield ("layer", int(number), 0), [kept, *state[1:]]

    def _channel_moves(self, state: list[_Numbers]) -> Iterator[tuple[_Move, list[_Numbers]]]:
        """A step of channels away."""
        for channels in [each for each in self.channels if each < state[3][0]][:1]:
            yield ("channels", 0, channels), [*state[:3], np.array([channels])]

    def _part_moves(self, state: list[_Numbers]) -> Iterator[tuple[_Move, list[_Numbers]]]:
        """Each layer's attention away, its feed-forward network halved, or away."""
        for number in range(self.count):
            if state[1][number]:
                groups = state[1].copy()
                groups[number] = 0
                yield ("groups", number, 0), [state[0], groups, *state[2:]]
            half = next((width for width in self.widths if 0 < width <= state[2][number] // 2), 0)
            for width in {half, 0}:
                if state[2][number]:
                    ffn = state[2].copy()
                    ffn[number] = width
                    yield ("ffn", number, width), [*state[:2], ffn, state[3]]

    def neighbours(self, row: Population, count: int, seed: int) -> list[Population]:
        """Architectures that keep the limits, where a step of one layer's parts was given to another's.

        Args:
            row: The architecture whose neighbours they are, `int16 [1, columns]`; it keeps the limits.
            count: At most so many.
            seed: Of the draws.

        Returns:
            Canonical rows that differ; none where all layers are alike.
        """
        rng, found = np.random.default_rng(seed), {row.tobytes(): row}
        genes = ("kept", "groups", "ffn", *(["width"] if self.channels else []))
        kept, groups, ffn, *channels = (self.space.numbers(row, name)[0].astype(np.int64) for name in genes)
        for _ in range(0 if self.alike else _TRIES * count):
            changed = [groups * kept, ffn * kept]
            for direction in (1, -1, -1, -1):
                part, number = int(rng.integers(2)), int(rng.choice(np.flatnonzero(kept)))
                steps = list(range(self.most_groups + 1)) if part == 0 else self.widths[::-1]
                place = steps.index(int(changed[part][number])) + direction
                if 0 <= place < len(steps):
                    changed[part][number] = steps[place]
                near = self.row(kept, *changed, *channels)
                if direction < 0 and self.constraints.satisfied(self.costs, near)[0]:
                    found.setdefault(near.tobytes(), near)
                    break
            if len(found) > count:
                break
        return list(found.values())[1:]

    def _filled(self, state: list[_Numbers]) -> Population:
        """The same with steps of neurons added, from the narrowest layer on, while the limits are kept."""
        kept, groups, ffn, channels = (each.copy() for each in state)
        grew = not self.alike
        while grew:
            grew = False
            for number in np.argsort(ffn, kind="stable"):
                place = self.widths.index(int(ffn[number]))
                if not kept[number] or not ffn[number] or not place:
                    continue
                wider = ffn.copy()
                wider[number] = self.widths[place - 1]
                if self.constraints.satisfied(self.costs, self.row(kept, groups, wider, channels))[0]:
                    ffn, grew = wider, True
                    break
        return self.row(kept, groups, ffn, channels)
