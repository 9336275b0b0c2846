"""Keeps a ledger of its own executions, and writes the token of this execution into the artifact.

A line of the ledger is one write to a file opened for appending: whole, in order, and there even if the process is
killed or stopped at the next instruction. A database would be locked by whoever is stopped in the middle of it.
Times are by the machine's monotonic clock, which nobody sets.
"""

import json
import os
import secrets
import select
import time

import pyarrow as pa

from celeriac.errors import InvalidInput


def run(ctx):
    token = secrets.token_hex(8)
    who = {"run": ctx.run_id, "operator": ctx.operator_id, "attempt": ctx.attempt, "token": token}

    def note(what, **facts):
        line = json.dumps({"what": what, "at": time.monotonic() * 1000, **who, **facts}) + "\n"
        file = os.open(ctx.params["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    note("began", pid=os.getpid())
    read = [ctx.table(port).read().column("token")[0].as_py() for port in (0, 1) if ctx.has_input(port)]
    # Not `time.sleep`: the library that sets clocks for tests breaks it.
    select.select([], [], [], ctx.params["seconds"])
    if ctx.params["fails"]:
        note("ended")
        raise InvalidInput("fails on purpose")
    columns = {"run": [ctx.run_id], "operator": [ctx.operator_id], "attempt": [ctx.attempt], "token": [token]}
    ctx.write_table(0, pa.table({**columns, "read": [json.dumps(read)]}))
    note("ended")
