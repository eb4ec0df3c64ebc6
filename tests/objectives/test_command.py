"""The user's program: what it is given, what is read from it, and every way in which it can go wrong."""

import json
import re
import sys
import textwrap

import pytest

from foretell.errors import InputError, StorageError
from foretell.objectives import CommandObjective, CommandSettings, Fidelities
from foretell.testing import ObjectiveConformance
from tests.objectives.programs import GENES, SPACE, TOLD, is_running, label, number_in, objective

CONTINUED = """
import json, sys
from pathlib import Path
log = Path(sys.argv[1]) / "epochs.txt"
done = log.read_text().split() if log.exists() else []
done += [str(epoch) for epoch in range(len(done), int(sys.argv[2]))]
log.write_text(" ".join(done))
print("epochs", done)
print(json.dumps({"loss": 1 / len(done) + int(sys.argv[3])}))
"""


class TestCommand(ObjectiveConformance):
    small = 0.25

    def make(self, folder):
        arguments = ["{folder}", "{fidelity}", "{seed}", "{architecture}"]
        return objective(folder, CONTINUED, arguments, fidelity=Fidelities(unit="epochs", full=4, continued=True))

    def make_failing(self, folder):
        return objective(folder, "raise SystemExit('no\\nnumber')")


# ---- what it is given


@pytest.mark.network  # asks torch for the device
def test_placeholders_are_filled_in_word_by_word(tmp_path):
    arguments = ["--x={decoder-layer-num}", "{decoder-ffn-embed-dim-all}", "{{x}} {seed}", "{fidelity}", "{folder}/m"]
    arguments += ["{device}", "{architecture}"]
    found = objective(
        tmp_path,
        f"import sys, json; open('said.json', 'w').write(json.dumps(sys.argv[1:])); {TOLD}",
        arguments,
        fidelity={"unit": "epochs", "full": 8},
    )
    assert not label(found, tmp_path, 0.5).failed
    *said, genes = json.loads((tmp_path / "said.json").read_text())
    values = SPACE.smallest().to_dict()
    folder = str(tmp_path / "a folder")
    layers = json.dumps(values["decoder-ffn-embed-dim-all"])
    assert said == [f"--x={values['decoder-layer-num']}", layers, "{x} 7", "4", f"{folder}/m", "cpu"]
    assert genes == f"{folder}/architecture.json"
    assert json.loads((tmp_path / "a folder" / "architecture.json").read_text()) == values


def test_no_shell_reads_the_words_unless_it_is_asked_for(tmp_path):
    code = f"import sys; open('said', 'w').write(sys.argv[1]); {TOLD}"
    assert not label(objective(tmp_path, code, ["$(touch made); {architecture}"]), tmp_path).failed
    assert not (tmp_path / "made").exists()
    script = f"test -d {{folder}} && touch made && {sys.executable} -S program.py {{architecture}} | cat"
    assert not label(objective(tmp_path, code, command=script, **{"shell": True}), tmp_path).failed
    assert (tmp_path / "made").exists()
    assert (tmp_path / "said").read_text() == str(tmp_path / "a folder" / "architecture.json")


def test_variables_and_the_folder_are_the_declared_ones(tmp_path):
    (tmp_path / "inner").mkdir()
    code = f"import os; print(os.getcwd(), os.environ['A'], os.environ['N']); {TOLD}"
    env = {"A": "{architecture} {{}}", "N": 3}
    assert not label(objective(tmp_path, code, (), env=env, cwd="inner"), tmp_path).failed
    genes = tmp_path / "a folder" / "architecture.json"
    assert f"{tmp_path / 'inner'} {genes} {{}} 3" in (tmp_path / "a folder" / "log.txt").read_text()


# ---- what is read


def test_the_last_object_line_of_standard_output_counts(tmp_path):
    code = """
    import sys
    print('{"loss": 1}'); print('{"loss": 2, "ms": 5, "acc": 0.5, "note": "x"}')
    print("{not json}"); print("[1]"); sys.stdout.flush()
    print('{"loss": 9}', file=sys.stderr)
    """
    found = label(objective(tmp_path, textwrap.dedent(code), costs=("ms",)), tmp_path)
    assert found.metrics == {"loss": 2.0, "acc": 0.5}
    assert found.costs == {"ms": 5.0}
    assert found.provenance["seed"] == 7
    assert found.provenance["training_seconds"] > 0


@pytest.mark.parametrize("text", ['{\n "loss": 2\n}\n', 'epoch 1\n{"loss": 3}\n{"loss": 2}\ndone'])
def test_metrics_may_come_from_a_file(tmp_path, text):
    code = f"import sys; open(sys.argv[1] + '/m.json', 'w').write({text!r}); print('{{\"loss\": 8}}')"
    found = objective(tmp_path, code, ["{folder}", "{architecture}"], metrics_file="m.json")
    assert label(found, tmp_path).metrics == {"loss": 2.0}
    (tmp_path / "program.py").write_text("print(1)")
    # The earlier run's file is not taken for this one's.
    assert label(found, tmp_path).failed.startswith(f"the command ended well but {tmp_path}/a folder/m.json is not th")


# ---- what goes wrong


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", 'the command printed nothing; expected a line such as {"loss": 1.23} on its standard output.'),
        ("print('loss: 3')", "the command printed no JSON object in one line; expected one such as .*last: loss: 3"),
        ("print('{\"loss\": NaN}')", "the metric loss is nan; expected a finite number."),
        ("print('{\"loss\": 1e999}')", "the metric loss is inf; expected a finite number."),
        ("print('{\"val_loss\": 3}')", "loss is missing; found val_loss: call 'val_loss' so, or declare it."),
        ('print(\'{"loss": "3"}\')', "loss is '3'; expected a number."),
        ("raise SystemExit(3)", "the command ended with exit code 3, and it said nothing"),
        ("print('x', flush=True); 1 / 0", "the command ended with exit code 1: ZeroDivisionError: division by zero"),
        (
            "import os; os.kill(os.getpid(), 11)",
            r"the command was killed by SIGSEGV \(signal 11\), and it said nothing",
        ),
    ],
)
def test_a_program_that_goes_wrong_is_a_failed_label(tmp_path, code, told):
    found = label(objective(tmp_path, code), tmp_path)
    assert not found.metrics
    assert re.fullmatch(told, found.failed), found.failed


def test_a_program_that_hangs_is_stopped_with_all_that_it_started(tmp_path):
    code = """
    import os, time
    child = os.fork()
    if child == 0:
        time.sleep(600)
    open("pid", "w").write(f"{child}\\n")
    print("epoch 1", flush=True)
    time.sleep(600)
    """
    found = label(objective(tmp_path, textwrap.dedent(code), time_limit="0.5s"), tmp_path)
    assert found.failed == "the command ran for more than 0.5 s and was stopped: epoch 1"
    assert not is_running(number_in(tmp_path / "pid"))


def test_a_daemon_does_not_outlive_its_program_nor_hold_it_up(tmp_path):
    code = """
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("pid", "w").write(f"{os.getpid()}\\n")
            time.sleep(600)
        os._exit(0)
    while not os.path.exists("pid"):
        time.sleep(0.01)
    print('{"loss": 1}')
    """
    assert label(objective(tmp_path, textwrap.dedent(code)), tmp_path).metrics == {"loss": 1.0}
    assert not is_running(number_in(tmp_path / "pid"))


def test_a_log_of_any_length_is_cut_in_the_middle(tmp_path):
    code = f"import sys\nprint('begin')\nfor n in range(4000): print('x' * 999)\nprint('end')\n{TOLD}"
    found = label(objective(tmp_path, code, log_limit=2000), tmp_path)
    assert found.metrics == {"loss": 2.5}
    log = (tmp_path / "a folder" / "log.txt").read_text()
    assert len(log) < 2100
    assert "begin\n" in log
    assert "bytes are left out here" in log
    assert log.endswith('end\n{"loss": 2.5}\n')


def test_the_log_of_an_earlier_run_stays(tmp_path):
    first = objective(tmp_path, f"print('one'); {TOLD}")
    label(first, tmp_path)
    label(objective(tmp_path, f"print('two'); {TOLD}"), tmp_path)
    assert "one" in (tmp_path / "a folder" / "log.txt").read_text()


def test_a_full_disk_is_an_error_and_ends_the_program(tmp_path, monkeypatch):
    from foretell.objectives import output

    def full(self, data):
        with output.storage(tmp_path):
            raise OSError(28, "No space left on device")

    code = "import os, time\nopen('pid', 'w').write(f'{os.getpid()}\\n')\nprint(1, flush=True)\ntime.sleep(600)"
    found = objective(tmp_path, code)
    monkeypatch.setattr(output.JsonLines, "write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        label(found, tmp_path)
    assert not is_running(number_in(tmp_path / "pid"))


# ---- refused before anything runs


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"arguments": ["{decoder-layer-nums}"]},
            "unknown placeholder 'decoder-layer-nums' in the command; did you me",
        ),
        ({"arguments": ["{decoder-layer-num}"]}, r"never hears of the gene '.*': whatever its value"),
        ({"arguments": ["{decoder-layer-num:3}"]}, "a placeholder that is not just a name"),
        ({"arguments": ["{}"]}, "a placeholder that is not just a name"),
        ({"arguments": ["{seed"]}, "expected '}' before end of string; write {{ and }} for braces"),
        ({"arguments": ["}"]}, "Single '}' encountered"),
        ({"arguments": ["{architecture}", "{fidelity}"]}, "the fidelity is asked for but not declared"),
        ({"fidelity": {"unit": "epochs", "full": 3}}, "the fidelity is declared but the command never hears of it"),
        ({"command": "no-such-program {architecture}"}, "the command 'no-such-program' is not on the PATH"),
        ({"command": "./none {architecture}"}, r"the command './none' does not exist \(looked for from "),
        ({"command": "./program.py {architecture}"}, "the command './program.py' is not executable"),
        ({"cwd": "nowhere"}, "the command's folder .*nowhere does not exist"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_runs(tmp_path, settings, told):
    with pytest.raises(InputError, match=told):
        objective(tmp_path, **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]


def test_a_program_that_is_none_is_an_error(tmp_path):
    """The system refuses to start it: nothing has run, and nothing would for another architecture."""
    (tmp_path / "wrong").write_bytes(b"\x7fELF")
    (tmp_path / "wrong").chmod(0o755)
    with pytest.raises(InputError, match=r"cannot be run \(Exec format error\)"):
        label(objective(tmp_path, command="./wrong {architecture}"), tmp_path)


def test_every_gene_by_name_is_as_good_as_the_file(tmp_path):
    assert not label(objective(tmp_path, arguments=[f"{{{name}}}" for name in GENES]), tmp_path).failed


def test_the_fingerprint_follows_the_command_and_not_how_it_is_watched(tmp_path):
    def name(**settings):
        return objective(tmp_path, **settings).fingerprint

    base = name()
    assert name(time_limit=3, log_limit=5000, cwd=".") == base
    others = [name(arguments=["{architecture}", "-v"]), name(version=2), name(metrics=("acc",)), name(costs=("ms",))]
    assert len({base, *others}) == 5
    split = CommandSettings(command="a 'b c' {architecture}", metrics=("loss",))
    assert split.words == ("a", "b c", "{architecture}")


def test_an_objective_can_be_given_to_another_process(tmp_path):
    from multiprocessing.reduction import ForkingPickler

    found = ForkingPickler.loads(bytes(ForkingPickler.dumps(objective(tmp_path))))
    assert isinstance(found, CommandObjective)
    assert label(found, tmp_path).metrics == {"loss": 2.5}
