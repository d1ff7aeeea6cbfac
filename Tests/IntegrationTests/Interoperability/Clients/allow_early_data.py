"""Makes `openssl s_client` believe that a session of TLS 1.3 takes early data, which the gateway has not allowed.

Usage: allow_early_data.py SESSION CHANGED
"""

import base64
import sys

# SSL_SESSION's max_early_data, as of ssl/ssl_asn1.c: [15] EXPLICIT, here with the INTEGER 16,384.
TAG, FIELD = 0xAF, bytes.fromhex("af0402024000")


def element(der, start):
    """Where the content of the element that begins there begins and ends."""
    length, content = der[start + 1], start + 2
    if length & 0x80:
        content += length & 0x7F
        length = int.from_bytes(der[start + 2:content], "big")
    return content, content + length


def allow(der):
    position, end = element(der, 0)
    # The fields are in the order of their numbers.
    fields = b""
    while position < end and der[position] < TAG:
        _, following = element(der, position)
        fields += der[position:following]
        position = following
    content = fields + FIELD + der[position:end]
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


lines = open(sys.argv[1]).read().split("\n")
marks = [number for number, line in enumerate(lines) if line.startswith("-----")]
der = base64.b64decode("".join(lines[marks[0] + 1:marks[1]]))
text = base64.encodebytes(allow(der)).decode()
open(sys.argv[2], "w").write(f"{lines[marks[0]]}\n{text}{lines[marks[1]]}\n")
