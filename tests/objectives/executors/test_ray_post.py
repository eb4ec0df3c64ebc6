"""What the driver makes of what comes from workers that see no file of its own; Ray itself is not needed."""

from types import SimpleNamespace

import pytest

from foretell.locks import SharedLock
from foretell.objectives import Handle, Job
from foretell.objectives.executors import parcels, ray_post
from foretell.objectives.executors.ray_entry import Mailbox
from foretell.objectives.executors.ray_post import Post
from foretell.objectives.executors.remote import Running, read_report
from tests.objectives.executors import errands


@pytest.fixture
def ray(monkeypatch):
    """An object store and an actor in this process."""
    box = Mailbox()
    monkeypatch.setattr(ray_post, "actor_beside", lambda *_: SimpleNamespace(take=SimpleNamespace(remote=box.take)))
    return SimpleNamespace(get=lambda value: value, put=lambda value: value, box=box)


@pytest.fixture
def running(tmp_path):
    job = Job("training", errands.double, {"x": 1, "folder": tmp_path / "job"}, folder=tmp_path / "job")
    return Running(Handle(7, job), tmp_path / "box")


def told(sender, **files):
    """A parcel of one file, as a worker sends it."""
    ((name, text),) = files.items()
    digest = parcels._sha256(b"good")
    return sender, {name: digest}, {digest: text.encode()}, ("training", 0.5, "")


def test_what_an_earlier_start_sends_is_dropped_and_what_was_kept_goes_along_with_the_next(ray, running):
    post = Post(ray)
    assert post.job(running) is running.handle.job
    assert post.errand(running)["sender"] == (7, 1)
    ray.box.post(*told((7, 1), state="good"))
    post.deliver({7: running})
    assert (running.handle.job.folder / "state").read_text() == "good"
    assert read_report(running.box) == ("training", 0.5, "")
    assert list(post.errand(running)["contents"].values()) == [b"good"]
    ray.box.post(*told((7, 1), late="good"))
    ray.box.post(*told((8, 1), other="good"))
    post.deliver({7: running})
    assert [path.name for path in running.handle.job.folder.glob("[!.]*")] == ["state"]


def test_what_came_damaged_is_not_kept_and_the_start_does_not_count(ray, running):
    post = Post(ray)
    post.job(running)
    post.errand(running)
    ray.box.post(*told((7, 1), state="bad"))
    post.deliver({7: running})
    assert not (running.handle.job.folder / "state").exists()
    assert "state came with other contents than were sent" in post.wrong(running)
    post.errand(running)
    assert not post.wrong(running)


def test_a_folder_that_another_process_works_in_is_waited_for(ray, running):
    other, post = SharedLock(running.handle.job.folder), Post(ray)
    assert other.take()
    assert post.job(running) is None
    other.release()
    assert post.job(running) is not None
    assert not other.take()
    post.end(running)
    assert other.take()
    other.release()
