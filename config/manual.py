#!/usr/bin/env python3
"""Makes the manual pages, mdoc(7), of what the programs' parsers say of themselves, and tollgate.yaml(5) of the configuration.

usage: manual.py TOLLGATE TOLLGATE-LOAD CONFIGURATION DIRECTORY

SOURCE_DATE_EPOCH, in seconds, is the pages' date; without it they have today's.
"""
import datetime
import json
import os
import re
import subprocess
import sys

EXIT_STATUS = [
    ("0", "Done."),
    ("1", "Refused, or failed; standard error says why."),
    ("2", "Wrong usage."),
    ("141", "The reader of the output has gone."),
]
ENVIRONMENT = [
    ("TOLLGATE_API", "The gateway's API, when a verb has no\n.Fl \\-api ."),
    ("TOLLGATE_TOKEN", "The token, when a verb has no\n.Fl \\-token\\-file ."),
    ("TOLLGATE_CA", "PEM file of the authorities that an https API's certificate must come from."),
    ("TOLLGATE_PROBE_PASSWORD", "The password, or the device's secret, of\n.Xr tollgate-probe 1 ."),
]
LOAD_EXIT_STATUS = [
    ("0", "Done, and nothing failed."),
    ("1", "Something failed, or the run was ended before its time; the report says what."),
    ("2", "Wrong usage, or a file that can't be read."),
    ("141", "The reader of the output has gone."),
]
LOAD_ENVIRONMENT = [
    ("TOLLGATE_TOKEN", "The API's token, without\n.Fl \\-token\\-file ."),
    ("TOLLGATE_CA", "PEM file of the authorities that an https API's certificate must come from, without\n.Fl \\-api\\-ca ."),
    ("TOLLGATE_LOAD_PASSWORD", "The clients' password, without\n.Fl \\-password ."),
]


def escaped(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def prose(text):
    """Lines of text: a new one for each sentence, none that looks like a macro."""
    lines = []
    for paragraph in text.strip().split("\n\n"):
        sentences = re.sub(r"\s+", " ", paragraph).strip()
        sentences = re.sub(r"(?<=[\w)`]{2}[.:;]) (?=[A-Z])", "\n", sentences)
        lines.append("\n".join(("\\&" if line[:1] in ".'" else "") + escaped(line) for line in sentences.split("\n")))
    return "\n.Pp\n".join(lines)


def word(text):
    """One argument of a macro: never the name of another macro, and no blanks."""
    return "\\&" + escaped(text).replace(" ", "\\ ")


def macro(argument):
    """`Fl \\-set Ar set`."""
    if argument["kind"] == "positional":
        return "Ar " + word(argument["valueName"])
    name = argument["preferredName"]
    flag = "Fl " + word(name["name"] if name["kind"] == "short" else "-" + name["name"])
    return flag + (" Ar " + word(argument["valueName"]) if argument["kind"] == "option" else "")


def shown(command):
    """Its arguments; `--help` and `--version`, which all have, are in tollgate(1) only."""
    return [
        argument
        for argument in command.get("arguments", [])
        if argument.get("shouldDisplay", True) and argument.get("valueName") not in ("help", "version")
    ]


def children(command):
    return [
        child
        for child in command.get("subcommands", [])
        if child.get("shouldDisplay", True) and child["commandName"] != "help"
    ]


def common(verbs):
    """The options that all verbs of a group have."""
    if len(verbs) < 2:
        return []
    lists = [shown(verb) for _, verb in verbs]
    return [option for option in lists[0] if option["kind"] != "positional" and all(option in other for other in lists)]


def usage(path, command, left_out):
    lines = [".Nm " + path[0] + "".join(" Cm " + word(name) for name in path[1:])]
    for argument in shown(command):
        if argument in left_out:
            continue
        text = macro(argument)
        dots = " ..." if argument.get("isRepeating") else ""
        lines.append((".Op " if argument.get("isOptional") else ".") + text + dots)
    return lines + ([".Op Ar options"] if left_out else [])


def options(arguments):
    if not arguments:
        return []
    lines = [".Bl -tag -width Ds"]
    for argument in arguments:
        lines.append(".It " + macro(argument))
        text = argument.get("abstract", "")
        values = argument.get("allValues")
        default = argument.get("defaultValue")
        if values:
            text += " One of " + ", ".join(values) + "."
        if default and "efault" not in text:
            text += " Default: " + default + "."
        if text:
            lines.append(prose(text))
    return lines + [".El"]


def described(command):
    lines = [prose(command["abstract"])] if command.get("abstract") else []
    if command.get("discussion"):
        lines += [".Pp", prose(command["discussion"])] if lines else [prose(command["discussion"])]
    return lines


def leaves(path, command):
    if not children(command):
        return [(path, command)]
    return [leaf for child in children(command) for leaf in leaves(path + [child["commandName"]], child)]


def head(date, title, section, name, about):
    return [".Dd " + date, f".Dt {title.upper()} {section}", ".Os Tollgate", ".Sh NAME", ".Nm " + name,
            ".Nd " + escaped(about.rstrip(".")[:1].lower() + about.rstrip(".")[1:])]


def tagged(macro_name, entries):
    lines = [".Bl -tag -width Ds"]
    for name, text in entries:
        lines += [" ".join(part for part in (".It", macro_name, name) if part), text]
    return lines + [".El"]


def page_of(command, date):
    """tollgate-serve(1), or tollgate-device(1) with all its verbs."""
    name = "tollgate-" + command["commandName"]
    lines = head(date, name, 1, name, command.get("abstract") or "a group of verbs")
    verbs = leaves(["tollgate", command["commandName"]], command)
    shared = common(verbs)
    lines.append(".Sh SYNOPSIS")
    for path, verb in verbs:
        lines += usage(path, verb, shared)
    lines += [".Sh DESCRIPTION"] + (described(command) or [prose("Verbs of the operator.")])
    if children(command):
        for path, verb in verbs:
            lines.append(".Ss " + " ".join(word(part) for part in path[1:]))
            lines += described(verb) or [prose("Asks the gateway's API.")]
            lines += options([argument for argument in shown(verb) if argument not in shared])
    else:
        lines += options(shown(command))
    if shared:
        lines += [".Ss Options of each verb"] + options(shared)
    return lines + [".Sh EXIT STATUS"] + tagged("", EXIT_STATUS) + [
        ".Sh SEE ALSO", ".Xr tollgate 1 ,", ".Xr tollgate.yaml 5"]


def page_of_all(root, date):
    lines = head(date, "tollgate", 1, "tollgate", root["abstract"])
    lines += [".Sh SYNOPSIS", ".Nm", ".Ar verb", ".Op Ar arguments", ".Nm", ".Fl \\-version", ".Nm", ".Fl \\-help"]
    lines += [".Sh DESCRIPTION"] + described(root) + [
        ".Pp", "Of each verb there is a page, and", ".Fl \\-help", "says the same in short.", ".Bl -tag -width Ds"]
    for command in children(root):
        lines += [".It Xr tollgate-" + command["commandName"] + " 1", prose(command.get("abstract", ""))]
    lines += [".El", ".Sh ENVIRONMENT"] + tagged("Ev", ENVIRONMENT)
    lines += [
        ".Pp", "Each key of the configuration can be set by a variable too, see", ".Xr tollgate.yaml 5 .",
        ".Sh FILES"] + tagged("Pa", [
            ("/etc/tollgate/tollgate.yaml", "The configuration of the gateway that systemd starts."),
            ("/var/lib/tollgate", "Its stores."),
            ("/var/lib/tollgate.secrets", "Its token and its keys, without which the stores are useless."),
            ("/var/backups/tollgate", "Where its backups go.")])
    lines += [".Sh EXIT STATUS"] + tagged("", EXIT_STATUS) + [".Sh SEE ALSO"]
    pages = sorted(["tollgate-load"] + ["tollgate-" + command["commandName"] for command in children(root)])
    return lines + [f".Xr {page} 1 ," for page in pages] + [".Xr tollgate.yaml 5"]


def page_of_load(root, date):
    """tollgate-load(1), with all its scenarios, which have most options in common."""
    lines = head(date, "tollgate-load", 1, "tollgate-load", root["abstract"])
    verbs = leaves(["tollgate-load"], root)
    shared = common([(path, verb) for path, verb in verbs if path[-1] != "join"])
    lines.append(".Sh SYNOPSIS")
    for path, verb in verbs:
        lines += usage(path, verb, [] if path[-1] == "join" else shared)
    lines += [".Sh DESCRIPTION"] + described(root)
    for path, verb in verbs:
        own = [argument for argument in shown(verb) if path[-1] == "join" or argument not in shared]
        lines += [".Ss " + word(path[-1])] + described(verb) + options(own)
    lines += [".Ss Options of each scenario"] + options(shared)
    lines += [".Sh ENVIRONMENT"] + tagged("Ev", LOAD_ENVIRONMENT)
    return lines + [".Sh EXIT STATUS"] + tagged("", LOAD_EXIT_STATUS) + [".Sh SEE ALSO", ".Xr tollgate 1"]


def page_of_configuration(text, date):
    lines = head(date, "tollgate.yaml", 5, "tollgate.yaml", "the configuration of tollgate")
    lines += [".Sh DESCRIPTION", "This is the file as it is installed, with every key and its default.", ".Bd -literal"]
    for line in text.rstrip("\n").split("\n"):
        lines.append("\\&" + escaped(line) if line[:1] in ".'" or not line else escaped(line))
    return lines + [".Ed", ".Sh SEE ALSO", ".Xr tollgate 1"]


def parser_of(program):
    """What its parser says of itself."""
    text = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True).stdout
    return json.loads(text)["command"]


def main():
    program, load, configuration, directory = sys.argv[1:]
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    day = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc) if seconds else datetime.datetime.now()
    date = f"{day:%B} {day.day}, {day.year}"
    root = parser_of(program)
    pages = {"tollgate.1": page_of_all(root, date), "tollgate-load.1": page_of_load(parser_of(load), date)}
    for command in children(root):
        pages[f"tollgate-{command['commandName']}.1"] = page_of(command, date)
    with open(configuration, encoding="utf-8") as file:
        pages["tollgate.yaml.5"] = page_of_configuration(file.read(), date)
    os.makedirs(directory, exist_ok=True)
    for name, lines in pages.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


main()
