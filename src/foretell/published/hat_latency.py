"""HAT's published latency files: ten averages and two times a row."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder_decoder.genes import Backbone
from foretell.parsing import read_text
from foretell.records import fingerprint, write_atomic
from foretell.spaces import SearchSpace

__all__ = ["HAT_LATENCY_COLUMNS", "import_hat_latency", "read_hat_latency"]

HAT_LATENCY_COLUMNS = (
    "encoder_embed_dim",
    "encoder_layer_num",
    "encoder_ffn_embed_dim_avg",
    "encoder_self_attention_heads_avg",
    "decoder_embed_dim",
    "decoder_layer_num",
    "decoder_ffn_embed_dim_avg",
    "decoder_self_attention_heads_avg",
    "decoder_ende_attention_heads_avg",
    "decoder_arbitrary_ende_attn_avg",
    "latency_mean_encoder",
    "latency_mean_decoder",
    "latency_std_encoder",
    "latency_std_decoder",
)
"""The columns of the published files; the first ten are the genes in our order."""

_FORMAT = 2
_SPACES = {
    "wmt14ende": "hat-wmt14-en-de",
    "wmt14enfr": "hat-wmt14-en-fr",
    "wmt19ende": "hat-wmt19-en-de",
    "iwslt14deen": "hat-iwslt14-de-en",
}
_NAME = re.compile(r"(?P<task>[a-z0-9]+)_(?P<device>(?:cpu|gpu)_[a-z0-9]+)(?:_all)?\.csv")


def import_hat_latency(
    path: Path | str, out: Path | str, *, space: str | None = None, device: str | None = None
) -> list[dict[str, Any]]:
    """Read a published CSV file and write it as latency samples (docs/formats.md).

    Args:
        path: The file; its published name tells task and device.
        out: The JSON-lines file to write.
        space: Name of the space, where the file's name does not tell.
        device: Name of the device, where the file's name does not tell.

    Returns:
        The records written.

    Raises:
        InputError: No such file, missing or unknown columns, a value that makes no sense, or an unknown task.
        StorageError: The disk refused.
    """
    records = read_hat_latency(Path(path), space=space, device=device)
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
    write_atomic(Path(out), "".join(f"{line}\n" for line in lines))
    return records


def read_hat_latency(path: Path, *, space: str | None = None, device: str | None = None) -> list[dict[str, Any]]:
    """The records of a published file; see `import_hat_latency`."""
    known = _NAME.fullmatch(path.name)
    name = space or _SPACES.get(known["task"] if known else "", "")
    device = device or (known["device"] if known else None)
    if not name or device is None:
        raise InputError(
            f"{path.name} does not tell task and device, as wmt14ende_gpu_titanxp_all.csv does; "
            "name them with --space and --device-name."
        )
    setting = _setting(path, spaces.create(name), device)
    key = fingerprint(setting)
    genes = [gene.name for gene in spaces.create(name).genes]
    records = []
    for number, values in enumerate(_rows(path)):
        encoder, decoder, encoder_std, decoder_std = values[10:]
        records.append(
            {
                "format": _FORMAT,
                "key": key,
                "row": number,
                "averages": dict(zip(genes, values[:10], strict=True)),
                "latency_ms": encoder + decoder,
                "encoder_ms": encoder,
                "decoder_ms": decoder,
                "encoder_std_ms": encoder_std,
                "decoder_std_ms": decoder_std,
                "setting": setting,
            }
        )
    return records


def _setting(path: Path, space: SearchSpace, device: str) -> dict[str, Any]:
    """What is known of how it was measured, by HAT's `latency_dataset.py`."""
    return {
        "space": space.name,
        "space_fingerprint": space.fingerprint,
        "device": device.partition("_")[0],
        "device_name": device,
        "sentence_length": Backbone.of(space).sentence_length,
        "beam": 5,
        "batch": 1,
        "precision": "float32",
        "source": f"mit-han-lab/hardware-aware-transformers, latency_dataset/{path.name}",
    }


def _rows(path: Path) -> list[list[float]]:
    try:
        lines = list(csv.reader(read_text(path).splitlines()))
    except csv.Error as error:
        raise InputError(f"{path} is not CSV ({error}); give the path of a published CSV file.") from error
    header = [cell.strip() for cell in lines[0]] if lines else []
    _check_columns(path, header)
    order = [header.index(name) for name in HAT_LATENCY_COLUMNS]
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if line:
            if len(line) != len(header):
                raise InputError(f"{path}, line {number} has {len(line)} values; expected {len(header)}.")
            rows.append([_value(path, number, header[column], line[column]) for column in order])
    if not rows:
        raise InputError(f"{path} holds a header and no latency; expected one row an architecture.")
    return rows


def _check_columns(path: Path, header: list[str]) -> None:
    for name in header:
        if name not in HAT_LATENCY_COLUMNS:
            raise UnknownNameError("column", name, HAT_LATENCY_COLUMNS, str(path))
    missing = [name for name in HAT_LATENCY_COLUMNS if name not in header]
    if missing:
        raise InputError(
            f"{path} lacks the column {missing[0]}; expected the {len(HAT_LATENCY_COLUMNS)} columns of HAT's files."
        )


def _value(path: Path, number: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    spread = column.startswith("latency_std")
    if not (math.isfinite(value) and (value > 0 or (spread and value == 0))):
        expected = "a number that is not negative" if spread else "a positive number"
        raise InputError(
            f"{path}, line {number}: {column} is {text!r}; expected {expected}: correct or delete the row."
        )
    return value
