"""Where rings go, and how they lie in a folder."""

import threading
from queue import Empty

import pytest
from kombu import Connection

from app.tasks import dispatch, folder


@pytest.mark.parametrize(
    ("topic", "queue"),
    [
        ("invoice.render", "pdf"),
        ("import.run", "import"),
        ("import_run.start", "import"),
        ("mailing.step", "mail"),
        ("invoice.send", "mail"),
        ("job.tidy", "urgent"),
        ("whatever", "urgent"),
    ],
)
def test_slow_kinds_of_work_have_queues_of_their_own(topic, queue):
    assert dispatch.queue_of(topic) == queue


@pytest.fixture
def channel(tmp_path):
    folder.install()
    options = {"folder": str(tmp_path / "broker"), "control_folder": str(tmp_path / "broker")}
    connection = Connection("filesystem://localhost", transport_options=options)
    yield connection.channel()
    connection.release()


def test_a_folder_keeps_the_order_and_the_queues_apart(channel, tmp_path):
    for number in range(3):
        channel._put("pdf", {"number": number})
    channel._put("mail", {"number": 9})
    assert (channel._size("pdf"), channel._size("mail"), channel._size("urgent")) == (3, 1, 0)
    assert [channel._get("pdf")["number"] for _ in range(3)] == [0, 1, 2]
    assert channel._purge("mail") == 1
    with pytest.raises(Empty):
        channel._get("mail")
    assert list((tmp_path / "broker").iterdir()) == []


def test_a_folder_gives_each_message_to_one_reader_and_survives_nonsense(channel, tmp_path):
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "0.pdf.msg").write_text("half a mess")
    for number in range(200):
        channel._put("pdf", {"number": number})
    taken = []

    def read():
        while True:
            try:
                taken.append(channel._get("pdf")["number"])
            except Empty:
                return

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(200))


def test_an_empty_or_missing_folder_has_no_messages(channel):
    with pytest.raises(Empty):
        channel._get("pdf")
    assert channel._purge("pdf") == 0
