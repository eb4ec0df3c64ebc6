"""What travels between a job's folder on another machine and the driver's."""

import os

import pytest

from foretell.errors import ForetellError, IntegrityError
from foretell.objectives.executors import parcels
from foretell.objectives.executors.parcels import Outbox, Parcel, pack, unpack
from foretell.objectives.executors.ray_entry import Mailbox


class Driver:
    """Takes what an outbox posts, through a mailbox, and keeps it."""

    def __init__(self, folder):
        self.folder, self.names, self.mailbox, self.sent = folder, {}, Mailbox(), []

    def post(self, parcel):
        self.sent.append(sorted(map(len, parcel.contents.values())))
        self.mailbox.post(1, parcel.names, parcel.contents, parcel.report)

    def take(self):
        _, (names, contents, report) = self.mailbox.take()
        unpack(self.folder, self.names, Parcel(names, contents))
        self.names = names
        return report


@pytest.fixture
def far(tmp_path):
    (tmp_path / "far").mkdir()
    return tmp_path / "far"


@pytest.fixture
def driver(tmp_path):
    return Driver(tmp_path / "here")


@pytest.fixture
def outbox(far, driver):
    return Outbox(far, {}, driver.post)


def written(folder):
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def test_only_what_is_new_is_sent_and_the_driver_has_what_the_worker_has(far, driver, outbox):
    (far / "inner").mkdir()
    for name, text in (("state", "12345"), ("inner/log", "a"), (".lock", "mine"), (".state.part", "unfinished")):
        (far / name).write_text(text)
    outbox.look()
    outbox.look()
    driver.take()
    assert written(driver.folder) == {"state": "12345", "inner/log": "a"}
    (far / "state").replace(far / "state.previous")
    (far / "state").write_text("1234567")
    outbox.finish()
    (far / "state.previous").unlink()
    outbox.finish()
    driver.take()
    assert driver.mailbox.take() is None
    assert written(driver.folder) == {"state": "1234567", "inner/log": "a"}
    assert driver.sent == [[1, 5], [7], []]
    assert pack(driver.folder).names == pack(far).names


def test_what_the_driver_did_not_take_in_time_is_not_missing_later(far, driver, outbox):
    (far / "state").write_text("12345")
    outbox.look()
    (far / "state").replace(far / "state.previous")
    (far / "state").write_text("1234567")
    outbox.look()
    driver.take()
    assert written(driver.folder) == {"state": "1234567", "state.previous": "12345"}


def test_a_folder_is_sent_as_it_was_at_one_moment(far, driver, outbox, monkeypatch):
    (far / "weights").write_text("old")
    read = parcels._read

    def meanwhile(*arguments):
        yield from read(*arguments)
        (far / "weights").write_text("newer")

    with monkeypatch.context() as patch:
        patch.setattr(parcels, "_read", meanwhile)
        outbox.look()
    assert not driver.sent
    outbox.look()
    driver.take()
    assert written(driver.folder) == {"weights": "newer"}


def test_reports_come_along_now_and_then(far, driver, outbox, monkeypatch):
    monkeypatch.setattr(parcels, "_TOLD_EVERY", 0.0)
    outbox("training", 0.5, "4 tokens/s")
    assert driver.take() == ("training", 0.5, "4 tokens/s")
    monkeypatch.setattr(parcels, "_TOLD_EVERY", 1e6)
    outbox("training", 0.6, "")
    assert driver.mailbox.take() is None


@pytest.mark.parametrize(
    ("name", "told"),
    [("state", "came with other contents"), ("../state", "outside"), ("/state", "outside"), ("a/.lock", "outside")],
)
def test_what_was_altered_or_would_lie_elsewhere_is_refused(tmp_path, name, told):
    (tmp_path / "state").write_text("good")
    before = pack(tmp_path)
    with pytest.raises(IntegrityError, match=told):
        unpack(tmp_path, before.names, Parcel({**before.names, name: "0" * 64}, {"0" * 64: b"bad"}))
    with pytest.raises(IntegrityError):
        unpack(tmp_path, before.names, Parcel({"missing": "1" * 64}))
    assert written(tmp_path) == {"state": "good"}


def test_what_cannot_be_sent_disturbs_no_training_and_is_told_in_the_end(far, monkeypatch):
    def refuse(_):
        raise ForetellError("Ray's object store is full.")

    outbox = Outbox(far, {}, refuse)
    (far / "state").write_text("12345")
    outbox.look()
    outbox("training", 0.5, "")
    with pytest.raises(ForetellError, match="is full"):
        outbox.finish()
    monkeypatch.setattr(parcels, "_MOST_BYTES", 4)
    with pytest.raises(ForetellError, match=r"far holds .* at most .* share under the same path"):
        outbox.finish()
    os.utime(far / "state")
    with pytest.raises(ForetellError, match="at most"):
        pack(far)
