import re
from pathlib import Path

import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.published.hat_latency import HAT_LATENCY_COLUMNS, import_hat_latency, read_hat_latency
from foretell.records import read_jsonl

HEADER = ",".join(HAT_LATENCY_COLUMNS)
ROW = "512,6,1024.0,4.0,640,2,2048.0,8.0,4.0,1.5,5.5,94.5,0.1,0.0"


def write(folder: Path, *lines: str, name: str = "iwslt14deen_gpu_titanxp_all.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_row_becomes_a_sample(tmp_path: Path):
    records = import_hat_latency(write(tmp_path, HEADER, ROW, ROW), tmp_path / "deep" / "out.jsonl")
    assert read_jsonl(tmp_path / "deep" / "out.jsonl") == records
    first, second = records
    assert (first["row"], second["row"]) == (0, 1)
    assert (first["latency_ms"], first["encoder_ms"], first["decoder_ms"]) == (100.0, 5.5, 94.5)
    assert list(first["averages"].values()) == [512, 6, 1024, 4, 640, 2, 2048, 8, 4, 1.5]
    assert first["averages"]["decoder-layer-num"] == 2
    assert first["setting"]["space"] == "hat-iwslt14-de-en"
    assert first["setting"]["device_name"] == "gpu_titanxp"


def test_columns_may_stand_in_any_order(tmp_path: Path):
    order = [*range(13, -1, -1)]
    header = ",".join(HAT_LATENCY_COLUMNS[i] for i in order)
    row = ",".join(ROW.split(",")[i] for i in order)
    plain = read_hat_latency(write(tmp_path, HEADER, ROW))
    assert read_hat_latency(write(tmp_path, header, row)) == plain


def test_a_file_of_another_name_needs_its_task_and_device(tmp_path: Path):
    path = write(tmp_path, HEADER, ROW, name="mine.csv")
    with pytest.raises(InputError, match=r"does not tell task and device.*--space and --device-name"):
        read_hat_latency(path)
    (record,) = read_hat_latency(path, space="hat-wmt14-en-fr", device="my board")
    assert record["setting"]["device_name"] == "my board"
    with pytest.raises(UnknownNameError, match="search space"):
        read_hat_latency(path, space="hat-wmt14-en-xx", device="my board")


def replaced(column: int, value: str) -> str:
    cells = ROW.split(",")
    cells[column] = value
    return ",".join(cells)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([HEADER.replace(",decoder_layer_num", ""), ROW], "lacks the column decoder_layer_num"),
        ([HEADER.replace("decoder_layer_num", "decoder_layers"), ROW], "did you mean 'decoder_layer_num'"),
        ([HEADER + ",extra", ROW + ",1"], "unknown column 'extra'"),
        ([HEADER, replaced(11, "0")], "line 2: latency_mean_decoder is '0'; expected a positive number"),
        ([HEADER, ROW, replaced(10, "-3.5")], "line 3: latency_mean_encoder is '-3.5'"),
        ([HEADER, replaced(11, "nan")], "latency_mean_decoder is 'nan'"),
        ([HEADER, replaced(0, "wide")], "encoder_embed_dim is 'wide'"),
        ([HEADER, replaced(12, "-1")], "latency_std_encoder is '-1'; expected a number that is not negative"),
        ([HEADER, ROW + ",7"], "line 2 has 15 values; expected 14"),
        ([HEADER], "holds a header and no latency"),
        ([""], "lacks the column encoder_embed_dim"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path: Path, lines: list[str], sentence: str):
    with pytest.raises(InputError, match=re.escape(sentence)):
        read_hat_latency(write(tmp_path, *lines))


def test_files_that_are_not_there_or_not_text(tmp_path: Path):
    path = tmp_path / "wmt14ende_cpu_xeon_all.csv"
    with pytest.raises(InputError, match="does not exist; check the path"):
        read_hat_latency(path)
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match="line 1 is not UTF-8 text"):
        read_hat_latency(path)


def test_the_published_files(published: Path):
    records = read_hat_latency(published / "hat" / "latency_dataset" / "wmt14ende_gpu_titanxp_all.csv")
    latencies = sorted(record["latency_ms"] for record in records)
    assert len(records) == 2000
    # Counted in the published file.
    assert (latencies[0], latencies[-1]) == pytest.approx((54.7, 372.9), abs=0.05)
