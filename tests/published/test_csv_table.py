"""A user's CSV: roles by name or as asked, and one sentence for every way in which it can be wrong."""

import gzip

import numpy as np
import pytest

from foretell.errors import ForetellError, InputError, UnknownNameError
from foretell.evaluation import SplitPlan, evaluate
from foretell.observations import OWN_UNIT, load
from foretell.observations.tables import write_table
from foretell.published.csv_table import import_csv

ROWS = """g_layers,g_mixer,x_tokens,zc_nwot,hw_ms,params,flops_m,loss,seconds,note
2,gru,100,1.5,10,1e6,5,3.5,60,first
4,lstm,100,2.5,20,2e6,9,3.1,70,second
2,lstm,200,,30,2e6,,3.0,80,third
"""


@pytest.fixture
def write(tmp_path):
    def written(text, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def observations(found):
    return found.table.observations().observations


def test_columns_are_what_their_names_say(write):
    found = import_csv(write(ROWS), "loss:min")
    collection = found.table.observations()
    first, _, third = collection.observations
    assert first.architecture.to_dict() == {"layers": 2, "mixer": "gru", "tokens": 100}
    assert first.scores == {"nwot": {OWN_UNIT: 1.5}}
    assert first.costs == {"ms": 10, "params": 1e6, "flops_m": 5}
    assert first.metrics == {"loss": 3.5, "seconds": 60}
    assert first.provenance == {"note": "first", "group": "2, gru"}
    assert third.scores == {}
    assert third.costs == {"ms": 30, "params": 2e6}
    assert collection.metric.key == "loss"
    assert not collection.metric.higher_is_better
    assert found.table.name == "mine"


def test_the_user_says_otherwise(write):
    found = import_csv(
        write(ROWS), "seconds:max", genes=["g_layers", "par*"], scores=["loss"], costs=[], group="g_mixer"
    )
    first = observations(found)[0]
    assert first.architecture.to_dict() == {"layers": 2, "params": 1_000_000, "tokens": 100}
    assert first.scores == {"loss": {OWN_UNIT: 3.5}}
    assert first.costs == {}
    assert first.provenance["group"] == "gru"
    assert set(first.metrics) == {"seconds", "zc_nwot", "hw_ms", "flops_m"}


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(ROWS.encode(), mtime=0),
        ROWS.replace(",", ";").encode(),
        ROWS.replace(",", "\t").encode("utf-16"),
        b"\xef\xbb\xbf" + ROWS.replace("\n", "\r\n").encode(),
        ROWS.replace("\n", "\n\n").encode(),
    ],
    ids=["gzipped", "semicolons", "tabs in UTF-16", "Windows", "blank lines"],
)
def test_other_ways_to_write_the_same(write, data):
    plain = observations(import_csv(write(ROWS), "loss:min"))
    assert observations(import_csv(write(data, "other.csv"), "loss:min"))[0].costs == plain[0].costs
    assert len(observations(import_csv(write(data, "other.csv"), "loss:min"))) == 3


def test_a_missing_label_leaves_a_row_out_and_an_infinite_one_has_failed(write):
    text = ROWS + "8,gru,100,1,1,1,1,,1,x\n8,lstm,100,1,1,1,1,inf,1,x\n9,gru,100,1,1,1,1,nan,1,x\n"
    found = import_csv(write(text), "loss:min")
    failed = [item.failed for item in observations(found)]
    assert failed == ["", "", "", "the metric loss is inf", "the metric loss is nan"]
    assert "1 rows without loss are left out." in found.remarks
    assert any("failed trainings" in remark for remark in found.remarks)


def test_rows_that_repeat_or_disagree_are_told(write):
    text = ROWS + "2,gru,100,1.5,10,1e6,5,3.5,60,first\n4,lstm,100,2.5,20,2e6,9,3.3,70,again\n"
    found = import_csv(write(text), "loss:min")
    assert len(observations(found)) == 4
    assert any("word for word" in remark for remark in found.remarks)
    assert any("1 architectures stand in several rows" in remark for remark in found.remarks)
    table = evaluate(
        found.table.observations(),
        ["constant"],
        trivial=False,
        demonstrations=(1,),
        plan=SplitPlan("random:1"),
        draws=2,
        complete=False,
    )
    assert np.isfinite(table.row("constant").values["mae"])


def test_a_constant_gene_and_a_gene_of_many_numbers_are_fine(write):
    rows = "\n".join(f"{n},7,{n * 0.1}" for n in range(10_000))
    found = import_csv(write(f"g_width,g_same,y\n{rows}\n"), "y:max")
    space = found.table.observations().space
    assert [len(gene.choices) for gene in space.genes] == [10_000, 1]
    assert found.remarks == ["g_same is 7 in every row and says nothing."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 rows below its header"),
        ("g_a,y\n1,2\n", "1 rows below its header"),
        ("1,2,3\n4,5,6\n7,8,9\n", "no header"),
        ("g_a\n1\n2\n", "one column"),
        ("g_a,y,y\n1,2,3\n2,3,4\n", "2 columns called 'y'"),
        ("g_a,x_a,y\n1,2,3\n2,3,4\n", "2 genes called a"),
        ("g_a,,y\n1,2,3\n2,3,4\n", r"without a name \(number 2\)"),
        ("g_a,y\n1,2\n2,3,4\n", "line 3 has 3 cells; the header has 2"),
        ("g_a,y\n1,2\n,3\n", "line 3: the gene g_a has no value"),
        ("g_a,y\n1,2\ninf,3\n", "line 3: the gene g_a is inf"),
        ("g_a,y\n1,2\n2,low\n", "line 3: the metric y is 'low'"),
        ("g_a,params,y\n1,many,2\n2,1,3\n", "line 2: params is 'many'"),
        ("g_a,zc_b,y\n1,1_000,2\n2,1,3\n", "line 2: zc_b is '1_000'"),
        ("a,y\n1,2\n2,3\n", "no gene"),
        ("g_a,y\n1,\n2,\n", "0 rows with y"),
        ("g_a,y\n1,inf\n2,inf\n", "no row has a y that is a finite number"),
        ("g_a,y\n1,nan\n2,nan\n", "y"),
        ("g_a,y\n1e300,1\n2,2\n", r"line 2: the gene g_a is 1e300; expected a number below 2\*\*53"),
        ('g_a,y\n1,"2\n2,3\n', "rows below|line"),
        ("g_a,y\n" + "\n".join(f"name{n},1" for n in range(200)), "200 different words in 200 rows"),
        ("g_a,y\n" + "\n".join(f"{n},1" for n in range(40_000)), "40,000 choices"),
        (b"g_a,y\n1,\xff\n2,3\n", "not UTF-8"),
        ("g_a,y\n1,2\n2,3\n".encode("utf-16-le"), "NUL"),
        (gzip.compress(b"g_a,y\n1,2\n2,3\n", mtime=0)[:-4], "damaged gzip"),
    ],
)
def test_bad_files_are_one_sentence(write, text, said):
    with pytest.raises(InputError, match=said) as error:
        import_csv(write(text), "y:min").table.observations()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 or "choices" in said


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"metric": "los:min"}, UnknownNameError, "did you mean 'loss'"),
        ({"metric": "seconds"}, InputError, "seconds:min or seconds:max"),
        ({"metric": "loss:max"}, InputError, "lower is better"),
        ({"metric": "loss:min", "genes": ["layers"]}, UnknownNameError, "g_layers"),
        ({"metric": "loss:min", "genes": ["g_*"], "costs": ["g_layers"]}, InputError, "say which it is"),
        ({"metric": "loss:min", "scores": ["loss"]}, InputError, "is the metric"),
        ({"metric": "loss:min", "group": "shape"}, UnknownNameError, "group"),
    ],
)
def test_what_was_asked_makes_no_sense(write, options, error, said):
    with pytest.raises(error, match=said):
        import_csv(write(ROWS), **options)


def test_fewer_rows_than_labels(write, tmp_path):
    write_table(tmp_path / "t", import_csv(write(ROWS), "loss:min").table)
    with pytest.raises(ForetellError, match="3 distinct architectures were observed; 10 demonstrations"):
        evaluate(load(tmp_path / "t"), ["constant"], complete=False)
