"""A mail server on loopback for tests (PyPI's aiosmtpd): what comes is a line of JSON on standard output.

usage: smtp_server.py [--port PORT] [--tls starttls|tls|none] [--certificate FILE --key FILE] [--password PASSWORD]

Mail for reject@... is refused for good, for grey@... once for now, for full@... always for now. Mail for slow@... is
taken, and answered when a line comes on standard input. The port is the first line on standard output.
"""
import argparse
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER = b"tollgate"


def say(document):
    print(json.dumps(document), flush=True)


class Handler:
    def __init__(self):
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "reject":
            return "550 5.1.1 there is no such mailbox"
        if name == "full" or name == "grey" and address not in self.seen:
            self.seen.add(address)
            say({"refused": address})
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        say({
            "from": envelope.mail_from, "to": envelope.rcpt_tos,
            "text": envelope.content.decode(), "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data.decode() if session.authenticated else None,
            "name": session.host_name})
        if envelope.rcpt_tos[0].startswith("slow@"):
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        return "250 2.0.0 taken"


def authenticator(password):
    def check(server, session, envelope, mechanism, data):
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER, password.encode())
        return AuthResult(success=is_right, auth_data=USER, handled=False)

    return check


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", default="none")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    context = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
    handler = Handler()

    def session():
        return SMTP(
            handler, hostname="mail.test",
            tls_context=context if arguments.tls == "starttls" else None,
            require_starttls=arguments.tls == "starttls",
            authenticator=authenticator(arguments.password) if arguments.password else None,
            auth_required=arguments.password is not None,
            auth_require_tls=arguments.tls == "starttls")

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", arguments.port, ssl=context if arguments.tls == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
