# SPDX-License-Identifier: Apache-2.0
"""usage: test_apicurio.py DATAPIPE CONFLUENT_CLIENT FOLDER: imports from a server of
others, Apicurio Registry, which speaks Confluent's interface, and resolves the
prefixes of payloads there. Maven fetches it, once; FOLDER is where it runs. Exits
with 77 if it cannot be had."""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import urllib.error
import urllib.request

DATAPIPE, CLIENT, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
VERSION = "2.6.13.Final"
NAME = "apicurio-registry-app"
GET = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
START_SECONDS = 240

MONEY = """syntax = "proto3";
package shop;
message Money { string currency = 1; int64 units = 2; }
"""
PAID = """syntax = "proto3";
package shop;
import "shop/money.proto";
import "google/protobuf/timestamp.proto";
// Apostrophes, "quotes", \\ and ✓ travel in JSON.
message Note { string text = 1; }
message Paid {
  message Line { message Tax { int32 rate = 1; } int32 n = 1; Tax tax = 2; }
  string order = 1; Money total = 2; repeated Line lines = 3;
  google.protobuf.Timestamp at = 4; map<string, Money> parts = 5;
}
"""
PAID_2 = PAID.replace("string order = 1;", "string order = 1; string shop = 6;")


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def fetch():
    """The archive, of Maven's own store."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        skip("java and mvn are not installed")
    home = pathlib.Path(os.environ.get("HOME", "/root")) / ".m2/repository"
    archive = home / "io/apicurio" / NAME / VERSION / f"{NAME}-{VERSION}-all.tar.gz"
    if not archive.exists():
        try:
            done = subprocess.run(
                ["mvn", "-q", "-B", GET, "-Dtransitive=false",
                 f"-Dartifact=io.apicurio:{NAME}:{VERSION}:tar.gz:all"],
                capture_output=True, text=True, timeout=240, check=False)
        except subprocess.TimeoutExpired:
            skip("mvn could not fetch Apicurio Registry within 240 s")
        if done.returncode != 0 or not archive.exists():
            skip(f"mvn cannot fetch Apicurio Registry: {done.stdout[-300:]}")
    return archive


def unpack(archive):
    folder = FOLDER / f"apicurio-{VERSION}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
        (folder / "whole").touch()
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(url, body=None):
    request = urllib.request.Request(
        url, data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


class Apicurio:
    def __init__(self, folder):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        self.said = open(folder / "said", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
             "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-jar",
             f"{NAME}-{VERSION}-runner.jar"],
            cwd=folder, stdout=self.said, stderr=subprocess.STDOUT)

    def wait(self):
        """Until it answers: its own first answer is the condition."""
        end = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < end:
            try:
                call(self.url + "/subjects")
                return
            except (urllib.error.URLError, OSError):
                try:
                    self.process.wait(0.25)
                except subprocess.TimeoutExpired:
                    pass
        self.said.seek(0)
        text = self.said.read()
        self.stop()
        if "UnsupportedClassVersionError" in text:
            skip("Apicurio Registry wants a newer Java")
        print(text[-3000:])
        sys.exit(f"Apicurio Registry does not answer within {START_SECONDS} s")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.said.close()

    def register(self, subject, schema, references=(), kind="PROTOBUF"):
        return call(f"{self.url}/subjects/{subject.replace('/', '%2F')}/versions", {
            "schemaType": kind, "schema": schema, "references": [
                {"name": name, "subject": of, "version": version}
                for name, of, version in references]})["id"]


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def serialized(texts):
    """What protoc makes of each text, in base64, by the name of its file."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        out = pathlib.Path(folder, "set")
        subprocess.run(["protoc", "-I", folder, f"--descriptor_set_out={out}", *texts],
                       check=True)
        data, at, made = out.read_bytes(), 0, []
        while at < len(data):
            size, at = varint(data, at + 1)
            made.append(data[at:at + size])
            at += size
    by_name = {f[2:2 + f[1]].decode(): base64.b64encode(f).decode() for f in made}
    return [by_name[name] for name in texts]


class Import(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.registry = "file:" + self.folder.name + "/reg"

    def tearDown(self):
        self.folder.cleanup()

    @classmethod
    def setUpClass(cls):
        cls.ids = {}
        add = SERVER.register
        add("shop/money.proto", MONEY)
        cls.ids["text"] = add(
            "paid-value", PAID, [("shop/money.proto", "shop/money.proto", 1)])
        add("paid-value", PAID_2, [("shop/money.proto", "shop/money.proto", 1)])
        money, paid = serialized({"shop/money.proto": MONEY, "shop/paid.proto": PAID})
        add("descriptors/money", money)
        cls.ids["descriptors"] = add(
            "descriptors/paid", paid, [("shop/money.proto", "descriptors/money", 1)])
        cls.ids["avro"] = add("other-value", '{"type":"string"}', kind="AVRO")

    def client(self, command, argument, protoc="protoc"):
        done = subprocess.run(
            [CLIENT, SERVER.url, self.registry, "20000", "0", protoc, command, argument],
            capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout.strip()

    def resolve(self, id_, indexes, **options):
        prefix = b"\0" + id_.to_bytes(4, "big") + indexes
        status, said = self.client("resolve", (prefix + b"\x08\x05").hex(), **options)
        self.assertEqual(status, 0, said)
        kind, fingerprint, again, rest = said.split()
        self.assertEqual((again, rest), (prefix.hex(), "0805"))
        return kind, fingerprint

    def test_the_command_imports_all_subjects(self):
        for _ in range(2):
            done = subprocess.run(
                [DATAPIPE, "schema", "import", "--url", SERVER.url, self.registry],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(
                done.stdout, "5 versions of 4 subjects registered, 1 of Avro or JSON "
                "schema passed over\n")
        sets = list(pathlib.Path(self.folder.name, "reg/schemas").iterdir())
        self.assertEqual(len(sets), 4)  # Money, Note, and two of Paid

    def test_one_subject_with_what_it_references(self):
        self.assertEqual(self.client("import", "descriptors/paid", protoc=""),
                         (0, "1 1 0"))
        self.assertEqual(self.client("import", "paid-value"), (0, "1 2 0"))
        status, said = self.client("import", "gone")
        self.assertEqual(status, 1)
        self.assertRegex(said, "^DP_ENOTFOUND .*/subjects/gone/versions")

    def test_a_prefix_finds_the_message_that_it_names(self):
        for indexes, kind in (
            (b"\0", "shop.Note"), (b"\x02\x02", "shop.Paid"),
            (b"\x04\x02\0", "shop.Paid.Line"), (b"\x06\x02\0\0", "shop.Paid.Line.Tax"),
        ):
            with self.subTest(kind):
                by_text = self.resolve(self.ids["text"], indexes)
                self.assertEqual(by_text[0], kind)
                by_descriptors = self.resolve(self.ids["descriptors"], indexes, protoc="")
                self.assertEqual(by_text, by_descriptors)

    def test_a_server_of_text_says_what_it_needs(self):
        status, said = self.client("import", "paid-value", protoc="")
        self.assertEqual(status, 1)
        self.assertIn("datapipe schema import", said)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    SERVER = Apicurio(unpack(fetch()))
    try:
        SERVER.wait()
        program = unittest.main(argv=sys.argv[:1], exit=False)
    finally:
        if SERVER.process.poll() is None:
            SERVER.stop()
    if program.result.wasSuccessful():
        print(f"figure: confluent: 5 versions imported from Apicurio {VERSION}, by text "
              "and by descriptors, with equal fingerprints")
    sys.exit(not program.result.wasSuccessful())
