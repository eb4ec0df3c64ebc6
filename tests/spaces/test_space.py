import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Architecture, Gene, Population, RuledFamily, SearchSpace

SPACES = [spaces.create(name) for name in spaces.names()]
# What families with rules of their own call the same is tested with them (tests/families).
PLAIN = [space for space in SPACES if not isinstance(space.family, RuledFamily)]
spaces_and_seeds = {"space": st.sampled_from(PLAIN), "seed": st.integers(0, 2**32 - 1)}


def every_genotype(space: SearchSpace) -> Population:
    choices = [range(len(gene.choices)) for gene in space.genes for _ in range(columns(space, gene))]
    return np.array(list(itertools.product(*choices)), dtype=np.int16)


def columns(space: SearchSpace, gene: Gene) -> int:
    return space.columns(gene.name).stop - space.columns(gene.name).start


def test_sizes_of_the_published_spaces():
    for name in ("hat-wmt14-en-de", "hat-wmt14-en-fr", "hat-wmt19-en-de", "hat-iwslt14-de-en"):
        space = spaces.create(name)
        assert space.size() == 417_846_678_672_384
        assert space.genotypes() == 2_437_438_960_041_984


def test_sizes_are_what_enumeration_finds(tiny: SearchSpace):
    everything = every_genotype(tiny)
    assert tiny.genotypes() == len(everything)
    assert tiny.size() == len({bytes(row) for row in tiny.canonical(everything)})


def test_equal_canonical_rows_mean_equal_descriptions(tiny: SearchSpace):
    everything = every_genotype(tiny)
    rows = [bytes(row) for row in tiny.canonical(everything)]
    descriptions = [described(tiny, row) for row in everything]
    assert len(set(rows)) == len(set(descriptions)) == len(set(zip(rows, descriptions, strict=True)))


def described(space: SearchSpace, row: np.ndarray) -> tuple:
    """What a network is, worked out without the code under test: depths, and values of active layers."""
    chosen = {gene.name: [gene.choices[i] for i in row[space.columns(gene.name)]] for gene in space.genes}
    depth = {gene.name: chosen[gene.name][0] for gene in space.genes if gene.depth is None}
    parts: list = sorted(depth.items())
    for gene in space.genes:
        if gene.depth is not None:
            values = chosen[gene.name][: depth[gene.depth]]
            if gene.bound is not None:
                values = [min({-1: 1, 1: 2, 2: 3}[v], depth[gene.bound]) for v in values]
            parts.append((gene.name, *values))
    return tuple(parts)


@given(**spaces_and_seeds)
@settings(max_examples=50, deadline=None)
def test_canonical_is_idempotent_and_changes_no_description(space: SearchSpace, seed: int):
    population = space.sample(20, np.random.default_rng(seed))
    before = population.copy()
    canonical = space.canonical(population)
    assert np.array_equal(population, before)
    assert np.array_equal(space.canonical(canonical), canonical)
    assert [described(space, row) for row in canonical] == [described(space, row) for row in population]
    space.validate(canonical)


@given(**spaces_and_seeds)
@settings(max_examples=50, deadline=None)
def test_canonical_rows_are_equal_exactly_when_descriptions_are(space: SearchSpace, seed: int):
    rng = np.random.default_rng(seed)
    parents = space.sample(4, rng)
    family = np.concatenate([parents, space.mutate(np.repeat(parents, 8, axis=0), 0.02, rng)])
    rows = [bytes(row) for row in space.canonical(family)]
    for (row, a), (other, b) in itertools.combinations(zip(rows, family, strict=True), 2):
        assert (row == other) == (described(space, a) == described(space, b))


@given(**spaces_and_seeds)
@settings(max_examples=30, deadline=None)
def test_mutation_keeps_all_at_zero_and_redraws_all_at_one(space: SearchSpace, seed: int):
    population = space.sample(200, np.random.default_rng(seed))
    same = space.mutate(population, 0.0, np.random.default_rng(seed + 1))
    assert np.array_equal(same, population)
    drawn = space.mutate(population, 1.0, np.random.default_rng(seed + 1))
    space.validate(drawn)
    free = np.array([len(gene.choices) > 1 for gene in space.genes for _ in range(columns(space, gene))])
    changed = (drawn != population).mean(axis=0)
    assert (changed[free] > 0.25).all()
    assert (changed[~free] == 0).all()


def test_mutation_changes_the_share_that_it_says():
    space = spaces.create("hat-wmt14-en-de")
    population = space.sample(20_000, np.random.default_rng(1))
    mutants = space.mutate(population, 0.3, np.random.default_rng(2))
    for gene in space.genes:
        # A redraw gives the same value again once in as many times as there are choices.
        expected = 0.3 * (1 - 1 / len(gene.choices))
        changed = (mutants != population)[:, space.columns(gene.name)].mean()
        assert changed == pytest.approx(expected, abs=0.02)


@given(**spaces_and_seeds)
@settings(max_examples=30, deadline=None)
def test_children_take_each_gene_from_one_of_their_parents(space: SearchSpace, seed: int):
    rng = np.random.default_rng(seed)
    a, b = space.sample(300, rng), space.sample(300, rng)
    children = space.crossover(a, b, rng)
    assert ((children == a) | (children == b)).all()
    differing = a != b
    assert (children == a)[differing].mean() == pytest.approx(0.5, abs=0.08)


def test_a_seed_decides_all_draws():
    space = spaces.create("small-seq2seq")
    assert np.array_equal(space.sample(50, np.random.default_rng(3)), space.sample(50, np.random.default_rng(3)))


def test_genes_are_drawn_uniformly_and_so_are_depths():
    space = spaces.create("hat-wmt14-en-de")
    population = space.sample(30_000, np.random.default_rng(4))
    for gene in space.genes:
        _, counts = np.unique(population[:, space.columns(gene.name)], return_counts=True)
        assert len(counts) == len(gene.choices)
        assert len(counts) == 1 or chisquare(counts).pvalue > 1e-4
    depths = space.numbers(population, "decoder-layer-num").astype(int)
    assert (np.bincount(depths[:, 0])[1:] / len(depths)) == pytest.approx(np.full(6, 1 / 6), abs=0.01)


def test_architectures_can_be_drawn_uniformly(tiny: SearchSpace):
    population = tiny.sample(40_000, np.random.default_rng(5), uniform_over="architectures")
    tiny.validate(population)
    _, counts = np.unique(tiny.canonical(population), axis=0, return_counts=True)
    assert len(counts) == tiny.size()
    assert chisquare(counts).pvalue > 1e-3


def test_uniform_architectures_are_deep():
    space = spaces.create("hat-wmt14-en-de")
    population = space.sample(20_000, np.random.default_rng(6), uniform_over="architectures")
    assert (space.numbers(population, "decoder-layer-num") == 6).mean() == pytest.approx(0.972, abs=0.005)


def test_smallest_and_largest_are_extremes_of_every_gene(tiny: SearchSpace):
    for space in [*SPACES, tiny]:
        low, high = space.smallest(), space.largest()
        for gene in space.genes:
            assert set(np.atleast_1d(low[gene.name])) == {min(gene.choices)}
            # Of the two layers that the tiny space's encoder has at most, no three can be attended to.
            highest = 1 if space is tiny and gene.bound else max(gene.choices)
            assert set(np.atleast_1d(high[gene.name])) == {highest}


def test_a_place_that_no_choice_has_names_row_and_gene():
    space = spaces.create("hat-wmt14-en-de")
    population = space.sample(3, np.random.default_rng(0))
    population[1, space.columns("decoder-embed-dim")] = 2
    with pytest.raises(InputError, match=r"row 1 gives decoder-embed-dim the choice number 2; .* 2 of them.*640"):
        space.validate(population)
    population[1, space.columns("decoder-embed-dim")] = -1
    with pytest.raises(InputError, match="row 1 gives decoder-embed-dim the choice number -1"):
        space.validate(population)
    with pytest.raises(InputError, match="40 columns; found shape"):
        space.validate(population[:, :39])


def test_an_unknown_gene_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'decoder-embed-dim'"):
        spaces.create("small-seq2seq").columns("decoder-embed-dims")


def test_populations_hold_architectures_of_one_space_only(tiny: SearchSpace):
    other = spaces.create("small-seq2seq")
    population = tiny.canonical(tiny.sample(5, np.random.default_rng(0)))
    assert np.array_equal(tiny.population(tiny.architectures(population)), population)
    assert tiny.population([]).shape == (0, tiny.width)
    with pytest.raises(InputError, match="space small-seq2seq was given where the space tiny"):
        tiny.population([other.smallest()])


def test_spaces_that_make_no_sense_are_refused():
    depth = Gene("depth", (1, 2), "layers")
    with pytest.raises(InputError, match="two genes of one name"):
        SearchSpace([depth, depth], "twice")
    with pytest.raises(InputError, match="needs the depth gene depth"):
        SearchSpace([Gene("width", (1,), "", depth="depth")], "lonely")
    for choices in ((0, 2), (1.5, 2.0), ("one", "two"), (1, 300)):
        with pytest.raises(InputError, match="says how many layers width has"):
            SearchSpace([Gene("depth", choices), Gene("width", (1,), depth="depth")], "wrong")


def test_files_keep_rows_as_values_and_read_them_back(tiny: SearchSpace):
    for space in [*SPACES, tiny]:
        rows = space.canonical(space.sample(50, np.random.default_rng(1)))
        spelled = space.spelled(rows)
        assert spelled == [architecture.spelled() for architecture in space.architectures(rows)]
        assert np.array_equal(space.read(spelled), rows)
    with pytest.raises(InputError, match=r"row 0 gives encoder-embed-dim the value 9; .* the nearest is 8"):
        tiny.read([[9, *spelled[0][1:]]])
    with pytest.raises(InputError, match="row 0 has 1 values; the space tiny has"):
        tiny.read([[8]])


def test_equal_architectures_hash_and_name_alike(tiny: SearchSpace):
    row = tiny.sample(1, np.random.default_rng(0))[0]
    a, b = Architecture(tiny, row), Architecture(tiny, tiny.canonical(row[None])[0])
    assert a == b
    assert hash(a) == hash(b)
    assert a.key == b.key
    assert not a.row.flags.writeable
