"""Receives webhooks on loopback: its port is the first line of a file, then each message is a line of JSON.

usage: webhook_receiver.py FILE

It ends when its standard input does.
"""
import http.server
import json
import sys
import threading

LOCK = threading.Lock()
FILE = open(sys.argv[1], "w")


def say(text):
    with LOCK:
        FILE.write(text + "\n")
        FILE.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        say(json.dumps({
            "path": self.path, "id": self.headers["webhook-id"],
            "sequence": body["sequence"], "change": body["change"]}))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
say(str(server.server_address[1]))
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
