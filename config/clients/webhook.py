"""Receives events of Tollgate by HTTP, and drops what it did not send, and doubles.

WEBHOOK_SECRET=whsec_... python3 webhook.py PORT; it has to stand behind something that speaks TLS.
Python 3.9 or later.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
seen = set()


def is_genuine(headers, body):
    sent = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = base64.b64encode(hmac.new(KEY, sent, hashlib.sha256).digest()).decode()
    # While the secret is being changed there are two signatures.
    is_signed = any(
        hmac.compare_digest(f"v1,{code}", one) for one in headers["webhook-signature"].split())
    # What somebody has recorded, and sends again later, is too old.
    return is_signed and abs(time.time() - int(headers["webhook-timestamp"])) < 300


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_genuine(self.headers, body):
            return self.answer(401)
        if self.headers["webhook-id"] not in seen:
            print(json.loads(body)["change"], flush=True)
            seen.add(self.headers["webhook-id"])
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
