#!/usr/bin/env python3
"""Lists the large copies on the packet path of a release binary: calls of memcpy and memmove (and `rep movs`) with a constant length
of 512 bytes or more. The compiler copies a large struct where the source shows no copy, so that only the binary can tell.

    Benchmarks/copies.py [--all] [BINARY]      default .build/release/tollgate; --all lists what is exempt too

Exit code: 0, 1 when there is such a copy, 2 when the binary can't be read.
"""

import re
import subprocess
import sys
from collections import Counter, namedtuple

LIMIT = 512

# Functions of these modules are the packet path, and so is what the standard library is specialised to for their types.
MODULES = ("Gateway", "Reactor", "MQTT", "Metering", "Sessions", "TLS", "WebSocket", "Bytes", "Telemetry")

# What runs less often than once a packet. Regular expressions over the demangled name, with the reason.
EXEMPT = [
    (r"\binit\(|\binit<|__allocating_init", "construction: once a value's life"),
    (r"Gateway\.Foundations\.|Gateway\.SecretKeys\.", "start-up"),
    (r"(?:Usage|Session|Retained)Audit\b", "tollgate check"),
    (r"^(?:[\w -]+ <[^>]*> of )?(?:closure #\d+ .* in )?(?:static )?(?:Settings|tollgate)\.", "reading the configuration; verbs"),
    (r"^Gateway\.Gateway\.|GatewayConfiguration : Swift\.Equatable", "the control side"),
]

Copy = namedtuple("Copy", "length symbol address kind")

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t([a-z0-9]+(?: [a-z]+)?)\s*([^#<]*)(?:<([^>]+)>)?")
COPIES = re.compile(r"^(?:memcpy|memmove|__memcpy_chk|__memmove_chk)(?:@.*)?$")
WRITES_LENGTH = re.compile(r"%(?:e|r)dx$|%d[xl]$")
WRITES_COUNT = re.compile(r"%(?:e|r)cx$|%c[xl]$")
WORD = {"movsb": 1, "movsw": 2, "movsl": 4, "movsq": 8}


def constant(operands):
    """The number N of `$N,%register`; 0 for anything else."""
    value = operands.split(",")[0].strip()
    return int(value[1:], 16) if value.startswith("$0x") else 0


def copies(binary):
    """All copies of a constant length of the binary."""
    text = subprocess.Popen(
        ["objdump", "-d", "--no-show-raw-insn", binary], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    symbol, length, count = "", 0, 0
    for line in text.stdout:
        if line.startswith("0"):
            started = FUNCTION.match(line)
            if started:
                symbol, length, count = started.group(1), 0, 0
            continue
        found = INSTRUCTION.match(line)
        if not found:
            continue
        address, name, operands, target = found.groups()
        operands = operands.strip()
        if name in ("call", "jmp"):
            if target and COPIES.match(target):
                if length:
                    yield Copy(length, symbol, address, target.split("@")[0])
            if name == "call" or not target:
                length = count = 0
        elif name.startswith("rep "):
            size = count * WORD.get(name[4:], 0)
            if size:
                yield Copy(size, symbol, address, "rep movs")
            count = 0
        elif name.startswith("mov") and WRITES_LENGTH.search(operands):
            length = constant(operands)
        elif name.startswith("mov") and WRITES_COUNT.search(operands):
            count = constant(operands)
        elif WRITES_LENGTH.search(operands) and not name.startswith(("cmp", "test", "push")):
            length = 0
        elif WRITES_COUNT.search(operands) and not name.startswith(("cmp", "test", "push")):
            count = 0
    if text.wait():
        raise OSError(text.stderr.read().strip())


def demangled(symbols):
    """The symbols' names in Swift."""
    answer = subprocess.run(
        ["swift", "demangle", "--compact"], input="\n".join(symbols), capture_output=True, text=True, check=True)
    return dict(zip(symbols, answer.stdout.splitlines()))


def is_packet_path(name):
    """Whether a function belongs to MODULES: itself, or as a specialisation of a generic one for a type of theirs."""
    return any(re.search(rf"(?<![\w.]){module}\.", name) for module in MODULES)


def exemption(name):
    return next((reason for pattern, reason in EXEMPT if re.search(pattern, name)), None)


def main():
    arguments = sys.argv[1:]
    shows_all = "--all" in arguments
    paths = [argument for argument in arguments if argument != "--all"]
    try:
        constant_copies = list(copies(paths[0] if paths else ".build/release/tollgate"))
        if not constant_copies:
            raise OSError("no copy of any length was found: this check understands the disassembly no more")
        found = [copy for copy in constant_copies if copy.length >= LIMIT]
        names = demangled(sorted({copy.symbol for copy in found}))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"copies: {error}", file=sys.stderr)
        return 2
    on_path = [copy for copy in found if is_packet_path(names[copy.symbol])]
    bad = [copy for copy in on_path if not exemption(names[copy.symbol])]
    listed = on_path if shows_all else bad
    for (symbol, length), times in sorted(
            Counter((copy.symbol, copy.length) for copy in listed).items(), key=lambda item: (-item[0][1], item[0][0])):
        reason = exemption(names[symbol])
        print(f"{times:3} x {length:6} bytes  {names[symbol]}{f'  [{reason}]' if reason else ''}")
    print(f"copies: {len(bad)} of {LIMIT} bytes or more on the packet path, {len(on_path) - len(bad)} exempt")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
