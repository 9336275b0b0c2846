"""A runner that speaks the protocol with the standard library only, so that faults can be scripted.

`task["params"]["do"]` names what an attempt does; see `act`. FAKE_* variables break the start.
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

path, token = sys.argv[sys.argv.index("--socket") + 1], os.environ["CELERIAC_RUNNER_TOKEN"]


def pack(kind, **fields):
    body = json.dumps({"v": 1, "type": kind, **fields}).encode()
    return struct.pack(">I", len(body)) + body


def connect(**hello):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    stream.sendall(pack("hello", token=token, pid=os.getpid(), **hello))
    return stream


def receive(stream):
    head = b""
    while len(head) < 4:
        chunk = stream.recv(4 - len(head))
        if not chunk:
            return None
        head += chunk
    (length,), body = struct.unpack(">I", head), b""
    while len(body) < length:
        body += stream.recv(length - len(body))
    return json.loads(body)


class Cancelled(Exception):
    pass


class Timeout(Exception):
    pass


def child(child_id):
    os.setsid()
    if os.environ.get("FAKE_CHILD") == "exit":
        os._exit(3)
    if os.environ.get("FAKE_CHILD") == "exit-after-hello":
        for role in ("stdout", "stderr", "control"):
            connect(role=role, child_id=child_id)
        os._exit(3)
    for role, fd in (("stdout", 1), ("stderr", 2)):
        stream = connect(role=role, child_id=child_id)
        os.dup2(stream.fileno(), fd)
        stream.close()
    control = connect(role="control", child_id=child_id)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        control.sendall(pack("ready"))
        frame = receive(control)
        if frame is None or frame["type"] == "stop":
            os._exit(0)
        delivery = frame["delivery_id"]
        if frame["type"] in ("predict", "load", "unload"):
            answer = {"predict": predict, "load": load, "unload": unload}[frame["type"]](frame)
            control.sendall(pack("result", delivery_id=delivery, **answer))
            continue

        def cancel(*_):
            raise Cancelled

        def expire(*_):
            raise Timeout

        signal.signal(signal.SIGTERM, cancel)
        signal.signal(signal.SIGALRM, expire)
        if frame["soft_time_limit_s"]:
            signal.setitimer(signal.ITIMER_REAL, frame["soft_time_limit_s"])
        try:
            answer = {"status": "SUCCESS", "result": act(control, delivery, frame)}
        except Cancelled:
            answer = failure("TASK_CANCELLED", "cancelled")
        except Timeout:
            answer = failure("TASK_TIMED_OUT", "soft time limit")
        except MemoryError:
            answer = failure("TASK_OUT_OF_MEMORY", "limit")
        except Exception as error:
            answer = failure("TASK_FAILED", str(error), retryable=True)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        for fd in (1, 2):
            try:
                os.write(fd, f"\0celeriac-end {delivery}\n".encode())
            except OSError:
                pass
        control.sendall(pack("result", delivery_id=delivery, **answer))


def failure(code, message, **more):
    error = {"code": code, "exc_type": "Fault", "exc_message": [message], "message": message, "traceback": "Traceback", **more}
    return {"status": "FAILURE", "error": error}


loaded = []


def load(frame):
    """`uri` says what the model is like: `…/missing` does not exist, `…/fatal` kills its process, `…/bytes=9` is that large."""
    uri = frame["model_uri"]
    unload(frame)
    if uri.endswith("/missing"):
        return failure("TASK_ARTIFACT_NOT_FOUND", "no such deployment")
    if uri.endswith("/fatal"):
        os.kill(os.getpid(), signal.SIGKILL)
    loaded.append(uri)
    _, _, size = uri.rpartition("bytes=")
    sizes = [1, 2, 3] if frame["warm_up"] else []
    result = {"bytes": int(size) if size.isdigit() else 1, "timings": [[n, 0.0001 + n * 0.00001] for n in sizes]}
    return {"status": "SUCCESS", "result": result}


def unload(frame):
    for uri in frame["unload"]:
        if uri in loaded:
            loaded.remove(uri)
    return {"status": "SUCCESS", "result": {}}


def predict(frame):
    """A row is [x, do]. The answer tells who gave it, in how large a batch, and what that process had loaded."""
    rows = frame["rows"]
    if frame["model_uri"] not in loaded:
        return failure("TASK_FAILED", "not loaded")
    for x, do in rows:
        if do == "invalid":
            details = [{"path": "rows[0].x", "expected": "number", "got": "string"}]
            return failure("TASK_INVALID_PARAMS", "bad rows", details=details)
        if do == "sleep":
            time.sleep(x)
        if do == "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        if do and do.startswith("die-once "):
            try:
                os.close(os.open(do[9:], os.O_CREAT | os.O_EXCL))
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
    answer = {"pid": os.getpid(), "batch": len(rows), "loaded": loaded}
    return {"status": "SUCCESS", "result": {"predictions": [{"predict_result": x, **answer} for x, _ in rows]}}


def act(control, delivery, frame):
    params = frame["task"]["params"]
    do = params.get("do", "nothing")
    metrics = {"pid": os.getpid()}
    if do == "print":
        for number in range(params["lines"]):
            os.write(1, f"line {number}\n".encode())
        os.write(2, b"a warning\n")
        os.write(1, b"an open line")
    elif do == "write":
        os.write(1, bytes.fromhex(params["hex"]))
    elif do == "progress":
        for current in range(1, 4):
            control.sendall(pack("progress", delivery_id=delivery, current=current, total=3, message=f"step {current}"))
    elif do == "raise":
        raise ValueError(params["message"])
    elif do == "memory":
        raise MemoryError
    elif do == "kill9":
        os.write(1, b"last words\n")
        os.kill(os.getpid(), signal.SIGKILL)
    elif do == "exit":
        os._exit(params["code"])
    elif do == "sleep":
        os.write(1, b"sleeping\n")
        deadline = time.monotonic() + params["seconds"]
        while time.monotonic() < deadline:
            time.sleep(0.01)
    elif do == "hang":  # deaf to SIGTERM
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b"hanging\n")
        while True:
            time.sleep(60)
    elif do == "garbage":
        control.sendall(bytes.fromhex(params["hex"]))
        time.sleep(60)
    elif do == "stale":
        control.sendall(pack("progress", delivery_id="another", current=1, total=1, message=""))
        time.sleep(60)
    elif do == "malformed":
        return {"outputs": {"zero": 1}}
    elif do == "close-stdout":
        os.close(1)
    elif do == "spawn":  # a process of the operator that outlives it, in its process group
        process = subprocess.Popen(["sleep", "60"])
        metrics["spawned"] = process.pid
        if params.get("die"):
            os.write(1, f"{process.pid}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
    elif do == "echo":
        metrics["soft"] = frame["soft_time_limit_s"] or 0
        metrics["memory"] = frame["memory_limit_bytes"] or 0
    return {"outputs": {}, "metrics": metrics, "compat": []}


def main():
    if os.environ.get("FAKE_PARENT") == "exit":
        print("no module named celeriac", file=sys.stderr)
        sys.exit(1)
    if os.environ.get("FAKE_PARENT") == "mute":
        time.sleep(60)
    control = connect(role="parent", versions={"python": "0"})
    children, buffer = {}, b""
    while True:
        readable, _, _ = select.select([control], [], [], 0.01)
        if readable:
            chunk = control.recv(65536)
            if not chunk:
                for pid in children:
                    os.kill(pid, signal.SIGKILL)
                return
            buffer += chunk
            while len(buffer) >= 4 and len(buffer) >= 4 + struct.unpack(">I", buffer[:4])[0]:
                end = 4 + struct.unpack(">I", buffer[:4])[0]
                frame, buffer = json.loads(buffer[4:end]), buffer[end:]
                pid = os.fork()
                if pid == 0:
                    control.close()
                    try:
                        child(frame["child_id"])
                    finally:
                        os._exit(9)
                children[pid] = frame["child_id"]
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else None
            exit_code = code if code >= 0 else None
            control.sendall(pack("exited", child_id=children.pop(pid), pid=pid, exit_code=exit_code, signal=name))


main()
