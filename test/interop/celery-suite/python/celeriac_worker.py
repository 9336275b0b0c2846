"""A pytest plugin: Celery's integration suite with a worker process in place of the worker thread it embeds.

Loaded with ``-p celeriac_worker`` before Celery's ``conftest.py``, whose session fixture looks ``start_worker`` up when it
needs the worker. What the plugin needs comes in the environment:

``CELERY_SUITE_WORKER``
    The command of the worker, as a JSON list. ``{nodename}`` stands for the node name that the tests expect.
``CELERY_SUITE_LOG``
    File that the output of the worker goes to.
``CELERY_SUITE_REPORT``
    File that gets one JSON line for each test: its id, outcome, seconds and message, and how
    often it was run again for what.
"""
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest
from celery.contrib.testing import worker as testing_worker
from celery.result import _set_task_join_will_block
from celery.utils.nodenames import anon_nodename

START_SECONDS = 60
STOP_SECONDS = 30

_worker = None


@contextmanager
def start_worker(app, **_options):
    """Stand-in of ``celery.contrib.testing.worker.start_worker``: yields when the worker answers a ping."""
    global _worker
    testing_worker.setup_app_for_worker(app, loglevel='error', logfile=None)
    nodename = anon_nodename()
    command = [part.replace('{nodename}', nodename) for part in json.loads(os.environ['CELERY_SUITE_WORKER'])]
    with open(os.environ['CELERY_SUITE_LOG'], 'a', encoding='utf-8') as log:
        # A group of its own: Ctrl-C ends the tests first, and they then end the worker.
        _worker = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for_pong(app, nodename)
            # As the embedded worker does: the tests wait for results in the process that started it.
            _set_task_join_will_block(False)
            yield _worker
        finally:
            stop(_worker)


def wait_for_pong(app, nodename):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _worker.poll() is not None:
            break
        if any(nodename in reply for reply in app.control.ping(timeout=0.5)):
            return
    pytest.exit(
        f'the worker does not answer; its output is in {os.environ["CELERY_SUITE_LOG"]}', returncode=3
    )


def stop(process):
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pytest_configure():
    testing_worker.start_worker = start_worker


def pytest_runtest_setup():
    if _worker is not None and _worker.poll() is not None:
        pytest.exit(
            f'the worker has ended with {_worker.returncode}; its output is in {os.environ["CELERY_SUITE_LOG"]}',
            returncode=3,
        )


_open = {}


def pytest_runtest_logreport(report):
    """Joins the reports of set-up, call, tear-down and subtests of a test, and of its runs, to one outcome."""
    entry = _open.setdefault(report.nodeid, {'outcome': 'passed', 'seconds': 0.0, 'message': '', 'reruns': 0})
    entry['seconds'] += report.duration
    outcome = outcome_of(report)
    if outcome == 'rerun':
        # Celery marks the tests that race with a loaded machine (`flaky`): the last run counts.
        entry.update(outcome='again', message='', reruns=entry['reruns'] + 1, rerun_for=message_of(report))
    elif entry['outcome'] == 'again' or (outcome != 'passed' and entry['outcome'] != 'failed'):
        entry.update(outcome=outcome, message=message_of(report) if outcome != 'passed' else '')


def pytest_runtest_logfinish(nodeid):
    # Called after each run of a test.
    if nodeid not in _open or _open[nodeid]['outcome'] == 'again':
        return
    entry = _open.pop(nodeid)
    entry['seconds'] = round(entry['seconds'], 3)
    with open(os.environ['CELERY_SUITE_REPORT'], 'a', encoding='utf-8') as file:
        file.write(json.dumps({'test': nodeid, **entry}) + '\n')


def outcome_of(report):
    if hasattr(report, 'wasxfail'):
        return 'xpassed' if report.passed else 'xfailed'
    # A test that Celery marks as failing, and that passes, is a failure to pytest (`xfail_strict`). It passed.
    if report.failed and str(report.longrepr).startswith('[XPASS(strict)]'):
        return 'xpassed'
    return report.outcome


def message_of(report):
    if hasattr(report, 'wasxfail'):
        return report.wasxfail
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2]
    crash = getattr(report.longrepr, 'reprcrash', None)
    return crash.message if crash is not None else str(report.longrepr or '')
