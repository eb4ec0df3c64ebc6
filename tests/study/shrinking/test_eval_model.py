"""Tasks of lm-eval's that need no network: the user's own files."""

import json
import math

import pytest
import torch
import yaml

from foretell.cli.app import main
from foretell.errors import InputError, UnknownNameError
from tests.checkpoints import make_checkpoint
from tests.study.shrinking.test_shrink import study, text

__all__ = ["text"]
pytestmark = [
    pytest.mark.network,
    pytest.mark.filterwarnings("ignore"),  # of lm-eval's own use of what it depends on
]
QUESTIONS = [{"question": f"def f{n}(x):\n    return ", "choices": ["x", "27"], "answer": n % 2} for n in range(6)]


def task_file(folder, name, **told):
    data = folder / "questions.jsonl"
    data.write_text("".join(json.dumps(each) + "\n" for each in QUESTIONS))
    path = folder / f"{name}.yaml"
    where = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(data)}}, "test_split": "test"}
    path.write_text(yaml.safe_dump({"task": name, **where, "doc_to_text": "{{question}}", **told}))
    return path


def choosing(folder):
    told = {"doc_to_choice": "{{choices}}", "doc_to_target": "{{answer}}", "metric_list": [{"metric": "acc"}]}
    return task_file(folder, "choosing", output_type="multiple_choice", **told)


def test_without_the_package_it_is_named(tmp_path, text, capsys):
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        make_checkpoint(tmp_path / "parent", "llama")
        path = study(tmp_path, tmp_path / "parent", text)
        capsys.readouterr()
        assert main(["-q", "shrink", str(path), "--lm-eval", "arc_easy", "--out", str(tmp_path / "run")]) == 2
        assert "pip install 'foretell[lm-eval]'" in capsys.readouterr().err


def test_what_a_model_says_is_what_the_tasks_are_told(tmp_path, monkeypatch):
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from foretell.families.decoder.reading import read_pretrained
    from foretell.study.shrinking.eval_model import task_scores

    make_checkpoint(tmp_path / "model", "llama")
    found = read_pretrained(tmp_path / "model")
    network, tokenizer = found.load(), found.tokenizer()
    reading = task_file(
        tmp_path,
        "reading",
        output_type="loglikelihood_rolling",
        doc_to_text="",
        doc_to_target="{{question}}",
        metric_list=[{"metric": "bits_per_byte"}],
    )
    writing = task_file(
        tmp_path,
        "writing",
        output_type="generate_until",
        doc_to_target="{{choices[answer]}}",
        generation_kwargs={"until": ["\n"], "max_gen_toks": 4},
        metric_list=[{"metric": "exact_match"}],
    )
    said = task_scores(network, tokenizer, [str(choosing(tmp_path)), str(reading), str(writing)], None)
    assert set(said) >= {"choosing/acc", "reading/bits_per_byte", "writing/exact_match"}

    def nats(before, after):
        rows = torch.tensor([before + after])
        with torch.inference_mode():
            logs = network(rows)[0, :-1].log_softmax(-1)
        return -float(logs.gather(1, rows[0, 1:, None])[len(before) - 1 :].sum())

    bits = sum(nats([tokenizer.separator], tokenizer.encode([each["question"]])[0]) for each in QUESTIONS)
    size = sum(len(each["question"].encode()) for each in QUESTIONS)
    assert said["reading/bits_per_byte"] == pytest.approx(bits / math.log(2) / size, rel=1e-5)
    right = 0
    for each in QUESTIONS:
        before = tokenizer.encode([each["question"].rstrip()])[0]
        whole = [tokenizer.encode([each["question"] + choice])[0] for choice in each["choices"]]
        chosen = min(range(2), key=lambda at: nats(before, whole[at][len(before) :]))
        right += chosen == each["answer"]
    assert said["choosing/acc"] == pytest.approx(right / len(QUESTIONS))
    with pytest.raises(UnknownNameError, match="did you mean 'arc_easy'"):
        task_scores(network, tokenizer, ["arc_eazy"], None)
    (tmp_path / "code.yaml").write_text("task: x\nprocess_docs: !function os.system\n")
    with pytest.raises(InputError):
        task_scores(network, tokenizer, [str(tmp_path / "code.yaml")], None)


def test_what_is_shrunk_is_judged_by_tasks_before_healing_and_after(tmp_path, text, capsys):
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    make_checkpoint(tmp_path / "parent", "llama")
    path = study(tmp_path, tmp_path / "parent", text, heal=2)
    arguments = ["-q", "shrink", str(path), "--out", str(tmp_path / "run"), "--json"]
    capsys.readouterr()
    assert main([*arguments, "--lm-eval", str(choosing(tmp_path))]) == 0
    result = json.loads(capsys.readouterr().out)
    for name, entry in {"winner": result["winner"], **result["baselines"]}.items():
        assert 0 <= entry["metrics"]["before"]["choosing/acc"] <= 1
        assert name == "parent" or 0 <= entry["metrics"]["after"]["choosing/acc"] <= 1
