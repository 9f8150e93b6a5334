# SPDX-License-Identifier: Apache-2.0
"""usage: test_publish.py DATAPIPE LOG_WORKER: lines of JSON become events."""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

DATAPIPE, WORKER = sys.argv[1:3]
PROTO = """syntax = "proto3";
package shop;
message Paid { string order_id = 1; uint64 cents = 2; repeated string notes = 3; }
"""


class Publish(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        (self.home / "shop.proto").write_text(PROTO)
        subprocess.run(
            ["protoc", f"-I{self.home}", f"--descriptor_set_out={self.home}/set",
             "shop.proto"], check=True)
        subprocess.run(
            [WORKER, "register", self.home / "schemas", self.home / "set"], check=True)

    def publish(self, text, *more, status=0, type_name="shop.Paid"):
        done = subprocess.run(
            [DATAPIPE, "log", "publish", "--registry", f"file:{self.home}/schemas",
             "--type", type_name, *more, self.home / "log", "payments"],
            input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            check=False, timeout=60)
        self.assertEqual(done.returncode, status, done)
        return done.stdout.decode(), done.stderr.decode()

    def events(self):
        done = subprocess.run(
            [DATAPIPE, "log", "dump", "--json", self.home / "log", "payments"],
            stdout=subprocess.PIPE, check=True, timeout=60)
        return list(map(json.loads, done.stdout.splitlines()))

    def test_each_line_is_an_event(self):
        said, _ = self.publish(
            '{"orderId":"a","cents":"7"}\n\n  {"notes":["x",""]}  ', "--source", "me")
        self.assertEqual(said, "published 2, passed over 0\n")
        events = self.events()
        self.assertEqual(len(events), 2)
        text = json.dumps(events)
        for data in (b"\x0a\x01a\x10\x07", b"\x1a\x01x\x1a\x00"):
            self.assertIn(base64.b64encode(data).decode(), text)
        self.assertIn('"me"', text)
        self.assertIn('"shop.Paid"', text)
        self.assertIn('"dp:', text)

    def test_what_is_no_message_is_passed_over(self):
        said, complaint = self.publish(
            '{"cents":1}\n{"cents":-1}\n{"cent":1}\n{"cents":2}\n', status=1)
        self.assertEqual(said, "published 2, passed over 2\n")
        lines = complaint.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], "line 2: shop.Paid: cents: .*out of range")
        self.assertRegex(lines[1], 'line 3: .*no field "cent"')
        self.assertEqual(len(self.events()), 2)

    def test_unknown_members_may_be_skipped(self):
        self.publish('{"cent":1,"cents":2}\n', "--ignore-unknown")
        self.assertEqual(len(self.events()), 1)

    def test_a_type_or_version_that_is_not_there_is_status_2(self):
        for more, name in ((["--version", "2"], "shop.Paid"), ([], "shop.Sold")):
            said, complaint = self.publish("{}\n", *more, status=2, type_name=name)
            self.assertEqual(said, "")
            self.assertIn(name, complaint)

    def test_wrong_usage_is_status_2(self):
        for more in (["--version", "0"], ["--version", "1x"], ["--loud"], ["topic"]):
            with self.subTest(more=more):
                said, complaint = self.publish("{}\n", *more, status=2)
                self.assertEqual(said, "")
                self.assertRegex(complaint, "^datapipe log publish: ")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
