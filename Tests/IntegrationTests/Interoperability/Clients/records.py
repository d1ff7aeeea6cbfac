"""Holds MQTT sessions over Python's ssl, with the client's records cut and joined by hand.

Usage: records.py PORT AUTHORITY STEPS DIRECTORY VERSION/MANNER...

STEPS has a line for each step: a file whose bytes are sent, and how many bytes are then waited for. All that a
session received is in DIRECTORY, in a file with its number; a line of standard output says what was agreed on.
"""

import socket
import ssl
import sys

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Session:
    def __init__(self, port, context, manner, earlier):
        self.manner = manner
        self.received = b""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost", session=earlier)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.settle(self.tls.do_handshake)
        # What is left of the handshake waits for the first records.
        if manner != "joined":
            self.flush()

    def flush(self):
        """Sends the records that are ready: each byte in a write of its own, or all in one."""
        records = self.outgoing.read()
        if self.manner == "cut":
            for position in range(len(records)):
                self.socket.sendall(records[position:position + 1])
        else:
            self.socket.sendall(records)

    def settle(self, call):
        """Does what the call wants until it is done."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.flush()
                arrived = self.socket.recv(65536)
                self.incoming.write(arrived) if arrived else self.incoming.write_eof()

    def send(self, packets):
        """Makes as few records as may be, or one of each byte."""
        length = 1 if self.manner == "single" else len(packets)
        for position in range(0, len(packets), length):
            self.tls.write(packets[position:position + length])
        self.flush()

    def receive(self, count):
        while count > 0:
            arrived = self.settle(lambda: self.tls.read(count))
            if not arrived:
                raise EOFError("the gateway has ended the session")
            self.received += arrived
            count -= len(arrived)

    def close(self):
        """Throws unless the gateway's close_notify comes."""
        self.settle(self.tls.unwrap)
        self.flush()
        self.socket.close()


def context(version, authority):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(authority)
    made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


def main(port, authority, steps, directory, *sessions):
    contexts = {version: context(version, authority) for version in VERSIONS}
    earlier = {}
    for number, (version, manner) in enumerate(text.split("/") for text in sessions):
        session = Session(int(port), contexts[version], manner, earlier.get(version))
        for line in open(steps):
            path, count = line.split()
            session.send(open(path, "rb").read())
            session.receive(int(count))
        earlier[version] = session.tls.session
        session.close()
        open(f"{directory}/{number}", "wb").write(session.received)
        print(manner, session.tls.version(), "resumed" if session.tls.session_reused else "new")


main(*sys.argv[1:])
