"""An OpenAI-compatible server on the loopback interface that answers well, or badly in many ways.

Plain asyncio, in a thread of the test. It knows the right answer to every question, counts what it answered
and how often each question was answered well, and speaks enough of the files and batches API for one batch.
"""

import asyncio
import hashlib
import json
import random
import re
import threading
from collections import Counter

FAULTS = (
    "429",
    "429-retry-after",
    "500",
    "stall",
    "reset",
    "empty",
    "not-json",
    "prose",
    "nan",
    "out-of-range",
    "twice",
    "refusal",
)
_ANSWERED = ("prose", "nan", "out-of-range", "twice", "refusal")


def truth(question: str) -> str:
    """The right answer: a number of two decimals that only this question has."""
    digest = hashlib.sha256(question.strip().encode()).digest()
    return f"{20 + int.from_bytes(digest[:4], 'big') % 1000 / 100:.2f}"


class FaultServer:
    def __init__(self, rate=0.0, faults=FAULTS, seed=0, delay=0.0, dialect=(), echo_key=False, **habits):
        self.rate, self.faults, self.delay = rate, faults, delay
        self.dialect, self.echo_key = dialect, echo_key
        # Ways of other servers: `prefix` of its paths, `streams` alone, `thinks` so many tokens first, `says` always
        # the same, `refuses` a call by (predicate of its body, status, body).
        self.prefix, self.streams = habits.get("prefix", ""), habits.get("streams", False)
        self.thinks, self.says, self.refuses = habits.get("thinks", 0), habits.get("says"), habits.get("refuses")
        self.random = random.Random(seed)  # noqa: S311 - faults are no secrets
        self.lost = 0
        self.calls, self.tokens, self.flying, self.most_flying = 0, 0, 0, 0
        self.faulted, self.answers, self.retry_gaps = Counter(), Counter(), []
        self.files, self.batches, self.bodies, self.headers = {}, {}, [], []

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def succeeded(self):
        return sum(self.answers.values())

    def _run(self, ready):
        asyncio.run(self._serve(ready))

    async def _serve(self, ready):
        self.loop, self.done = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self.done.wait()
        server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    async def _connection(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                headers = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:] if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._handle(method, path, headers, body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _handle(self, method, path, headers, body, writer):
        path = path.split("?")[0]
        if not path.startswith(self.prefix):
            self.lost += 1
            return await self._send(writer, 404, b"<html><head><title>404 Not Found</title></head></html>")
        path = path.removeprefix("/v1")
        self.headers.append(headers)
        if path in ("/chat/completions", "/completions"):
            return await self._complete(json.loads(body), headers, writer)
        return await self._send(writer, 200, self._side(method, path, headers, body))

    async def _send(self, writer, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Content-Type: application/json", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await writer.drain()
        return True

    async def _complete(self, body, headers, writer):
        self.calls += 1
        self.bodies.append(body)
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            if self.echo_key:
                return await self._send(writer, 401, {"error": {"message": f"bad key {headers.get('authorization')}"}})
            for name in self.dialect:
                if name in body:
                    message = f"Unsupported parameter: '{name}' is not supported with this model."
                    return await self._send(writer, 400, {"error": {"message": message, "param": name}})
            if self.refuses is not None and self.refuses[0](body):
                return await self._send(writer, *self.refuses[1:])
            if self.streams and not body.get("stream"):
                return await self._send(writer, 400, {"error": "this server needs stream=true"})
            await asyncio.sleep(self.delay)
            if self.random.random() < self.rate:
                return await self._fault(self.random.choice(self.faults), body, writer)
            prompt = _prompt(body)
            # Counted before it is sent: what the client was killed for is paid all the same.
            self.answers[prompt] += 1
            text = self.says or answer_to(prompt)
            whole = self._answer(body, text)
            if self.thinks:
                cut = body["max_tokens"] < self.thinks
                whole["choices"][0]["message"]["content"] = "<think>so" if cut else f"<think>so</think>\n{text}"
                whole["choices"][0]["finish_reason"] = "length" if cut else "stop"
            return await self._send(writer, 200, _as_stream(whole) if body.get("stream") else whole)
        finally:
            self.flying -= 1

    async def _fault(self, fault, body, writer):
        self.faulted[fault] += 1
        if fault in _ANSWERED:
            right = answer_to(_prompt(body))
            text = {
                "prose": "I would estimate something in the mid twenties, given its depth.",
                "nan": "NaN",
                "out-of-range": "2514.00",
                "twice": f"{right} {float(right.split()[-1]) + 1}",
                "refusal": None,
            }[fault]
            return await self._send(writer, 200, self._answer(body, text))
        error = {"error": {"message": "try later"}}
        if fault == "429":
            return await self._send(writer, 429, error)
        if fault == "429-retry-after":
            return await self._send(writer, 429, error, ["Retry-After: 0.05"])
        if fault == "500":
            return await self._send(writer, 500, b"<html>oops</html>")
        if fault == "empty":
            return await self._send(writer, 200, b"")
        if fault == "not-json":
            return await self._send(writer, 200, b"{'text': 25.1")
        if fault == "stall":
            await asyncio.sleep(20)
        writer.write(b'HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n{"choices": [{"mess')
        await writer.drain()
        return False

    def _answer(self, body, text):
        tokens = len(_prompt(body)) // 4, len(text or "") // 2
        self.tokens += sum(tokens)
        choice = {"index": 0, "finish_reason": "stop"}
        if "messages" in body:
            choice["message"] = {"role": "assistant", "content": text, "refusal": None if text else "I cannot do that."}
        else:
            choice["text"] = text
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        return {"id": "x", "model": body["model"], "choices": [choice], "usage": usage, "system_fingerprint": "fp_1"}

    def _side(self, method, path, headers, body):
        """Files and batches."""
        parts = path.strip("/").split("/")
        if path == "/files":
            boundary = re.search("boundary=(.+)", headers["content-type"])[1].encode()
            found = re.search(rb'filename="[^"]*".*?\r\n\r\n(.*?)\r\n--' + re.escape(boundary), body, re.DOTALL | re.I)
            name = f"file-{len(self.files)}"
            self.files[name] = found[1]
            return {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch"}
        if parts[0] == "files":
            return self.files[parts[1]]
        if path == "/batches" and method == "POST":
            wanted = json.loads(body)
            name = f"batch-{len(self.batches)}"
            rows = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
            lines = []
            for row in rows:
                prompt = _prompt(row["body"])
                self.answers[prompt] += 1
                done = {"status_code": 200, "body": self._answer(row["body"], answer_to(prompt))}
                lines.append(json.dumps({"custom_id": row["custom_id"], "response": done, "error": None}))
            self.files[f"out-{name}"] = "\n".join(lines).encode()
            self.batches[name] = [wanted.get("metadata"), 0]
            return self._batch(name)
        if path == "/batches":
            return {"object": "list", "data": [self._batch(name) for name in self.batches], "has_more": False}
        self.batches[parts[1]][1] += 1
        return self._batch(parts[1])

    def _batch(self, name):
        metadata, looks = self.batches[name]
        return {
            "id": name,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "x",
            "completion_window": "24h",
            "created_at": 1,
            "status": "completed" if looks > 1 else "in_progress",
            "output_file_id": f"out-{name}" if looks > 1 else None,
            "metadata": metadata,
        }


def _as_stream(whole):
    """An answer in three events."""
    (choice,), about = whole["choices"], {"model": whole["model"]}
    text = choice["message"]["content"]
    deltas = [{"role": "assistant", "content": ""}, {"content": text[:2]}, {"content": text[2:]}]
    events = [{**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**about, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    events.append({**about, "choices": [], "usage": whole["usage"]})
    return ("".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n").encode()


def _prompt(body):
    return body["prompt"] if "prompt" in body else body["messages"][0]["content"]


def answer_to(prompt):
    """Right answers: one for the last question, or one for each numbered one."""
    several = re.findall(r"^\[(\d+)\]\n(.*?)\n(?=\n)", prompt, re.DOTALL | re.MULTILINE)
    if several:
        return "\n".join(f"{number}: {truth(question)}" for number, question in several)
    return truth(prompt.rstrip("\n").split("\n")[-1])
