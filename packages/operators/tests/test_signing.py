"""Signatures of tasks; the other side and the same known message: packages/tasks/test/message/signature.test.ts."""

import zlib

import pytest
from celery import Celery

from celeriac.signing import HEADER, sign_tasks, signature

SECRET = "a secret of at least 32 characters"


def test_the_signature_of_a_known_message_is_this_one_in_every_version():
    value = signature(
        "k1",
        SECRET,
        "[[2, 2], {}, {}]",
        "application/json",
        "utf-8",
        {
            "task": "tasks.add",
            "id": "i",
            "retries": 2,
            "timelimit": [300, 1.2345],
            "ignore_result": True,
            "eta": None,
            "other": "x",
        },
        "réponses",
    )
    assert value == "1.k1.oLMV1QhAkrGB3nL4hyOA0a7ywEvZbU1Y86t2yEb-Xlc"


@pytest.mark.parametrize(("key_id", "secret"), [("a b", SECRET), ("", SECRET), ("k1", "short")])
def test_a_key_that_the_other_side_would_refuse_is_refused(key_id, secret):
    with pytest.raises(ValueError, match="must"):
        sign_tasks(Celery("app"), key_id, secret)


def test_published_tasks_carry_the_signature_of_what_is_sent():
    app = Celery("app", broker="memory://")
    assert app.amqp.queues is not None  # an app that was used before
    sign_tasks(app, "k1", SECRET)
    app.send_task("tasks.add", (2, 2), task_id="i", compression="zlib", queue="signed", reply_to="r")
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("signed").get(timeout=1)
    # kombu has decompressed the body; what was sent is made again.
    body = zlib.compress(message.body)
    expected = signature("k1", SECRET, body, message.content_type, message.content_encoding, message.headers, "r")
    assert message.headers[HEADER] == expected


def test_another_app_with_the_same_broker_does_not_sign():
    signing, plain = Celery("signing", broker="memory://"), Celery("plain", broker="memory://")
    sign_tasks(signing, "k1", SECRET)
    signing.send_task("tasks.add", queue="both")
    plain.send_task("tasks.add", queue="both")
    with plain.connection_for_read() as connection:
        queue = connection.SimpleQueue("both")
        headers = [queue.get(timeout=1).headers for _ in range(2)]
    assert [HEADER in received for received in headers] == [True, False]


def test_other_publications_are_not_signed():
    app = Celery("app", broker="memory://")
    sign_tasks(app, "k1", SECRET)
    with app.producer_pool.acquire() as producer:
        producer.publish({"a": 1}, routing_key="plain", declare=[app.amqp.queues.select_add("plain")])
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("plain").get(timeout=1)
    assert HEADER not in message.headers
