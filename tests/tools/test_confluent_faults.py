# SPDX-License-Identifier: Apache-2.0
"""usage: test_confluent_faults.py CONFLUENT_CLIENT: what a client says of servers
that fail, stall, lie and flood. The server here is for that alone: the form of
good answers is tested with one of others, by test_apicurio.py."""

import base64
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

CLIENT = sys.argv[1]
TEXT = 'syntax = "proto3"; message A { int32 a = 1; }'


def document(schema, references=(), kind="PROTOBUF"):
    return json.dumps({"subject": "s", "version": 1, "id": 1, "schema": schema,
                       "schemaType": kind, "references": list(references)}).encode()


def reference(name, subject="r"):
    return {"name": name, "subject": subject, "version": 1}


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as self.server.answer says: bytes, a status, or a function."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append((self.path, self.request_version, dict(self.headers)))
        answer = self.server.answers.get(self.path.split("?")[0], 404)
        if callable(answer):
            answer(self)
            self.close_connection = True
            return
        status = answer if isinstance(answer, int) else 200
        body = b'{"error_code":1,"message":"no\x1bway"}' if status != 200 else answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def cut(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'["s"')


def stall(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"[")
    handler.wfile.flush()
    handler.server.release.wait(20)


def flood(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(1000):
            handler.wfile.write(b'["' + b"x" * (1 << 20))
            handler.server.flooded += 1 << 20
    except OSError:
        pass


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.release.wait(0.01):
            handler.wfile.write(b" ")
    except OSError:
        pass


class Faults(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.server.daemon_threads = True
        self.server.asked = []
        self.server.answers = {}
        self.server.flooded = 0
        self.server.release = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.folder = tempfile.TemporaryDirectory()
        self.registry = pathlib.Path(self.folder.name) / "reg"

    def tearDown(self):
        self.server.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def client(self, command, argument, protoc="", timeout=5000, most=0, url=None):
        url = url or f"http://127.0.0.1:{self.server.server_address[1]}/"
        return subprocess.run(
            [CLIENT, url, f"file:{self.registry}", str(timeout), str(most), protoc,
             command, argument], capture_output=True, text=True, timeout=60, check=False)

    def fails(self, status, *words, command="import", argument="", **options):
        done = self.client(command, argument, **options)
        self.assertEqual(done.returncode, 1, done)
        for word in (status, *words):
            self.assertIn(word, done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        self.assertEqual(list((self.registry / "schemas").iterdir()), [])

    def serve(self, schema, **more):
        self.server.answers |= {
            "/subjects": b'["s"]', "/subjects/s/versions": b"[1]",
            "/subjects/s/versions/1": document(schema, **more)}

    def test_a_server_that_fails(self):
        for answer, status, word in (
            (500, "DP_EREMOTE", "HTTP status 500"), (401, "DP_EDENIED", "authorization"),
            (403, "DP_EDENIED", "authorization"), (404, "DP_ENOTFOUND", "404"),
            (302, "DP_EREMOTE", "302"), (503, "DP_EREMOTE", "no?way"),
        ):
            with self.subTest(answer):
                self.server.answers["/subjects"] = answer
                self.fails(status, word, "/subjects")

    def test_no_server(self):
        self.fails("DP_EREMOTE", "onnect", url="http://127.0.0.1:1")
        self.fails("DP_EINVAL", "http://", url="ftp://127.0.0.1")

    def test_an_answer_that_is_cut(self):
        self.server.answers["/subjects"] = cut
        self.fails("DP_EREMOTE", "/subjects")

    def test_a_server_that_stalls_meets_the_deadline(self):
        for answer in (stall, drip):
            self.server.answers["/subjects"] = answer
            began = time.monotonic()
            self.fails("DP_ETIMEDOUT", "/subjects", timeout=200)
            self.assertLess(time.monotonic() - began, 10)

    def test_a_flood_ends_at_the_limit(self):
        self.server.answers["/subjects"] = flood
        self.fails("DP_ETOOBIG", "65536 bytes", most=65536)
        self.assertLess(self.server.flooded, 64 << 20)

    def test_answers_that_are_something_else(self):
        self.server.answers["/subjects/s/versions"] = b"[]"
        for body in (b"<html>", b"{}", b'["s"', b'["s"]x', b"[[", b'["\\ud800"]', b"[1]",
                     b'["\xff"]', b"[" * 100000, b""):
            with self.subTest(body[:10]):
                self.server.answers["/subjects"] = body
                self.fails("DP_EREMOTE", "/subjects")
        self.server.answers["/subjects"] = b'["s"]'
        for body in (b'["a"]', b"[-1]", b"[99999999999999999999]"):
            with self.subTest(body):
                self.server.answers["/subjects/s/versions"] = body
                self.fails("DP_EREMOTE", "versions")
        self.server.answers["/subjects/s/versions"] = b"[1]"
        for body in (b"[]", b"{}", b'{"schema":1}', b'{"schema":null}', b'{"schema":"',
                     b'{"schema":"x","references":', b'{"schema":"x","references": nul'):
            with self.subTest(body):
                self.server.answers["/subjects/s/versions/1"] = body
                self.fails("DP_EREMOTE", "no schema")

    def test_text_and_no_compiler_says_what_to_do(self):
        self.serve(TEXT)
        self.fails("DP_ESCHEMA", "datapipe schema import", "compile")

    def test_text_that_does_not_compile_is_quoted(self):
        self.serve("message {")
        self.fails("DP_ESCHEMA", "Expected", protoc="protoc")
        self.fails("DP_ESCHEMA", "no-such-protoc", protoc="no-such-protoc")

    def test_descriptors_that_are_none(self):
        for bytes_ in (b"\xff\xff", b"\x22\x7f", b"\x22\x02\x0a\x00"):
            with self.subTest(bytes_):
                self.serve(base64.b64encode(bytes_).decode())
                self.fails("DP_ESCHEMA", "127.0.0.1")

    def test_references_that_lead_nowhere_or_out(self):
        self.serve(TEXT, references=[reference("gone.proto", "gone")])
        self.fails("DP_ENOTFOUND", "/subjects/gone/versions/1", protoc="protoc")
        for name in ("../x.proto", "/etc/x", "a//b", "", "a\\b", "datapipe_import.proto",
                     "x" * 300):
            with self.subTest(name):
                self.serve(TEXT, references=[reference(name)])
                self.fails("DP_ESCHEMA", "no name of a file", protoc="protoc")

    def test_references_in_a_circle(self):
        self.serve(TEXT, references=[reference("a.proto", "s")])
        self.fails("DP_ETOOBIG", "circle", protoc="protoc")

    def test_one_form_or_the_other(self):
        self.serve(TEXT, references=[reference("a.proto")])
        self.server.answers["/subjects/r/versions/1"] = document(
            base64.b64encode(b'\x0a\x07a.proto').decode())
        self.fails("DP_ESCHEMA", "one form", protoc="protoc")

    def test_prefixes_that_lead_nowhere(self):
        self.fails("DP_ESCHEMA", "begin with 0", command="resolve", argument="01020304")
        self.fails("DP_ENOTFOUND", "/schemas/ids/7", command="resolve",
                   argument="000000000700")
        self.server.answers["/schemas/ids/7"] = document(TEXT)
        self.fails("DP_ENOTFOUND", "no message", command="resolve", protoc="protoc",
                   argument="000000000704020a")
        self.server.answers["/schemas/ids/7"] = document('"string"', kind="AVRO")
        self.fails("DP_ESCHEMA", "not a schema of protobuf", command="resolve",
                   argument="000000000700")

    def test_it_speaks_http_1_1_and_asks_for_descriptors(self):
        self.serve("CgdhLnByb3RvIgoKAUESBQoBYRgB")
        self.client("import", "")
        self.assertEqual({version for _, version, _ in self.server.asked}, {"HTTP/1.1"})
        self.assertIn("/subjects/s/versions/1?format=serialized",
                      [path for path, _, _ in self.server.asked])


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main()
