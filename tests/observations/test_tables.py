"""Tables: what is written comes back, and what is damaged is refused."""

import gzip
from dataclasses import replace

import pytest

from foretell.errors import InputError, IntegrityError, UnknownNameError
from foretell.metrics import Metric
from foretell.observations import OWN_UNIT, load
from foretell.observations.tables import Column, Table, is_table, read_table, write_table

PERPLEXITY = Metric.declare("ppl", higher_is_better=False, unit="per word")


@pytest.fixture
def table():
    return Table(
        "mine",
        (
            Column("gene", "layers", ("2", "4", "2")),
            Column("gene", "mixer", ("gru", "lstm", "gru")),
            Column("gene", "rate", ("0.1", "1e-3", "1")),
            Column("metric", "ppl", ("31.5", "30.25", "")),
            Column("cost", "params", ("1e6", "", "3000000")),
            Column("score", "nwot", ("-1.5", "2", "")),
            Column("score of ppl", "guess", ("30", "", "31")),
            Column("group", "", ("a", "b", "a")),
            Column("about", "failed", ("", "", "out of memory")),
        ),
        PERPLEXITY,
        task="words",
        source={"licence": "MIT"},
        splits={"1": ((1,), (0, 2))},
    )


def test_it_says_what_its_columns_say(table):
    found = table.observations()
    first, second, third = found.observations
    assert first.architecture.to_dict() == {"layers": 2, "mixer": "gru", "rate": 0.1}
    assert second.metrics == {"ppl": 30.25}
    assert second.costs == {}
    assert third.costs == {"params": 3e6}
    assert first.scores == {"nwot": {OWN_UNIT: -1.5}, "guess": {"ppl": 30.0}}
    assert first.provenance == {"licence": "MIT", "task": "words", "group": "a"}
    assert third.failed == "out of memory"
    assert found.splits[0].train == (second,)
    assert found.metric == PERPLEXITY
    assert [list(gene.choices) for gene in found.space.genes] == [[2, 4], ["gru", "lstm"], [0.001, 0.1, 1.0]]


def test_it_comes_back_from_the_disk_by_the_one_door(table, tmp_path):
    path = tmp_path / "any.name"
    write_table(path, table)
    assert is_table(path)
    assert load(path).metric == PERPLEXITY
    assert load(path).observations == table.observations().observations
    before = path.read_bytes()
    write_table(path, read_table(path))
    assert path.read_bytes() == before


def test_what_is_unpacked_by_hand_is_read_too(table, tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, table)
    path.write_bytes(gzip.decompress(path.read_bytes()))
    assert load(path).observations == table.observations().observations


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format": 1', b'"format": 2'),
        (b"cost:params", b"price:params"),
        (b"0.1,31.5,", b"0.1,"),
        (b'"metric"', b'"measure"'),
        (b'"source"', b'"sauce": {}, "source'),
        (b'{"format"', b'{{"format"'),
        (b"gru", b"\xff\xfe"),
    ],
)
def test_damage_is_one_sentence(table, tmp_path, old, new):
    path = tmp_path / "table.csv"
    write_table(path, table)
    whole = gzip.decompress(path.read_bytes())
    assert old in whole
    path.write_bytes(whole.replace(old, new))
    with pytest.raises(IntegrityError, match=r"write or import it again|reads format 1"):
        load(path)


def test_a_cut_archive_is_named(table, tmp_path):
    path = tmp_path / "table.csv.gz"
    write_table(path, table)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(IntegrityError, match="damaged gzip"):
        read_table(path)


def test_text_where_a_number_belongs_is_named_with_its_row(table):
    wrong = replace(table, columns=(*table.columns[:4], Column("cost", "params", ("1", "many", "2"))))
    with pytest.raises(InputError, match="row 2: params is 'many'"):
        wrong.observations()


def test_a_known_space_reads_its_own_columns():
    found = load("published:tfs-eval-wmt14ende")
    assert found.space.name == "hat-wmt14-en-de"
    cut = read_table(_path("tfs-eval-wmt14ende"))
    with pytest.raises(IntegrityError, match="columns"):
        replace(cut, columns=cut.columns[1:]).observations()


def test_an_unknown_one_names_the_nearest():
    with pytest.raises(UnknownNameError, match="tfs-eval-wmt14ende"):
        load("published:tfs-eval-wmt14-en-de")


def _path(name):
    from foretell.observations.reference import shipped_path

    return shipped_path(f"published:{name}")
