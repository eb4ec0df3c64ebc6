"""What a family of networks must keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Family, Population, SearchSpace, feature_names

__all__ = ["FamilyConformance"]


class FamilyConformance:
    """Inherit, set `space_name`, and pytest runs every rule of the contract (`foretell.spaces.Family`) against it.

    Attributes:
        space_name: A space of the family, as `foretell.spaces.create` knows it: a name, or the path of a file.
        drawn: How many architectures the rules are tried on.
    """

    space_name = ""
    drawn = 200

    def space(self) -> SearchSpace:
        """The space that the rules are tried on."""
        return spaces.create(self.space_name)

    def _drawn(self) -> tuple[SearchSpace, Family, Population]:
        space = self.space()
        _check(space.family is not None, f"{self.space_name} has a family")
        assert space.family is not None  # noqa: S101 - for the type checker
        return space, space.family, space.sample(self.drawn, np.random.default_rng(0))

    def test_it_is_found_by_its_name(self) -> None:
        """The registry hands out the same object."""
        _, family, _ = self._drawn()
        _check(spaces.family(family.name) is family, "the registry knows the family by its name")
        _check(bool(family.about.strip()), "it says what it is")

    def test_a_space_is_written_and_read_back(self) -> None:
        """What a file holds of a space makes the same space."""
        space, _, _ = self._drawn()
        again = spaces.from_dict(json.loads(json.dumps(space.to_dict())), "a file")
        _check(again.fingerprint == space.fingerprint, "a space survives being written and read")

    def test_unknown_genes_and_constants_are_refused(self) -> None:
        """Each in a sentence that names the nearest known one."""
        space, family, _ = self._drawn()
        choices = {gene.name: gene.choices for gene in space.genes}
        _refuses(lambda: family.genes({**choices, "no-such-gene": (1,)}, space.constants), UnknownNameError)
        _refuses(lambda: family.constants({"no_such_constant": 1}, "a file"), UnknownNameError)
        for name in choices:
            rest = {other: values for other, values in choices.items() if other != name}
            _refuses(partial(family.genes, rest, space.constants), InputError)

    def test_costs_belong_to_the_network_not_to_its_spelling(self) -> None:
        """Closed forms are finite, not negative, and equal for rows that mean the same network."""
        space, family, rows = self._drawn()
        names = list(family.costs)
        plain, canonical = (family.count(space, each, names, {}) for each in (rows, space.canonical(rows)))
        for name in names:
            _check(plain[name].shape == (len(rows),), f"{name} is one number an architecture")
            _check(bool(np.isfinite(plain[name]).all() and (plain[name] >= 0).all()), f"{name} is finite, not negative")
            _check(np.array_equal(plain[name], canonical[name]), f"{name} does not depend on inactive genes")

    def test_a_row_costs_the_same_in_any_company(self) -> None:
        """Costs of a population are those of its rows alone."""
        space, family, rows = self._drawn()
        names = list(family.costs)
        whole = family.count(space, rows, names, {})
        for index in range(0, len(rows), max(1, len(rows) // 10)):
            alone = family.count(space, rows[index : index + 1], names, {})
            _check(all(alone[name][0] == whole[name][index] for name in names), "a row's costs are its own")

    def test_encodings_have_as_many_columns_as_names(self) -> None:
        """And depend on the network alone."""
        space, family, rows = self._drawn()
        for kind in family.features:
            encoded = space.features(rows, kind)
            _check(encoded.shape == (len(rows), len(feature_names(space, kind))), f"{kind} has a name for each column")
            _check(bool(np.isfinite(encoded).all()), f"{kind} is finite")
            _check(np.array_equal(encoded, space.features(space.canonical(rows), kind)), f"{kind} is of the network")


def _check(kept: bool, rule: str) -> None:
    if not kept:
        raise AssertionError(f"not kept: {rule}")


def _refuses(call: Callable[[], object], kind: type[InputError]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"not kept: what makes no sense is refused by {kind.__name__}")
