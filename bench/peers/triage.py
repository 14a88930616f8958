"""The peers of a full triage, each over the same files: one JSON object a line on standard output.

    triage.py RULES < NAMES      RULES is a folder of YARA rules, NAMES one path a line; documents are marked by a leading `doc:`

`{"row": peer, "value": …}` is MB per processor second over all the files that the peer reads; `{"path": …, "md5": …}` what it says of one
file. A peer that is not installed is told of and left out.
"""
import hashlib
import json
import logging
import os
import resource
import sys
import time

files, documents = [], []
for line in sys.stdin:
    path = line.rstrip("\n")
    into = documents if path.startswith("doc:") else files
    path = path.removeprefix("doc:")
    with open(path, "rb") as file:
        into.append((path, file.read()))


def say(**what):
    print(json.dumps(what))


def size(some):
    return sum(len(data) for _, data in some) / 1e6


def timed(name, some, work):
    """`work` over each, its answers; a file that it fails on takes what time it took."""
    answers, failed = [], 0
    start = time.process_time()
    for path, data in some:
        try:
            answers.append(work(path, data))
        except Exception:  # noqa: BLE001
            answers.append(None)
            failed += 1
    took = time.process_time() - start
    say(row=name, value=size(some) / took if took else 0, seconds=took, files=len(some), failed=failed)
    return answers


def told(field, name, some, work):
    for (path, _), answer in zip(some, timed(name, some, work)):
        if answer is not None:
            say(path=path, **{field: answer})


def missing(name, why):
    print(f"{name} is not measured: {why}", file=sys.stderr)


def digests():
    for name in ("md5", "sha1", "sha256"):
        told(name, f"hashlib {name}", files, lambda _, data: hashlib.new(name, data).hexdigest())
    try:
        import tlsh

        told("tlsh", "py-tlsh", files, lambda _, data: tlsh.hash(data))
    except ImportError as why:
        missing("py-tlsh", why)
    try:
        import ssdeep

        told("ssdeep", "libfuzzy", files, lambda _, data: ssdeep.hash(data))
    except ImportError as why:
        missing("libfuzzy", why)
    try:
        import ppdeep

        # Pure Python: 1 MB is enough for a rate.
        some, room = [], 1_000_000
        for path, data in files:
            if len(data) <= room:
                some.append((path, data))
                room -= len(data)
        timed("ppdeep", some, lambda _, data: ppdeep.hash(data))
    except ImportError as why:
        missing("ppdeep", why)


def formats():
    pe = [(path, data) for path, data in files if data[:2] == b"MZ"]
    try:
        import lief

        lief.logging.disable()

        def read(path, data):
            binary = lief.parse(path)
            if isinstance(binary, lief.PE.Binary):
                binary.authentihash_sha256
                for _ in binary.signatures:
                    pass
                binary.verify_signature()
                lief.PE.get_imphash(binary, lief.PE.IMPHASH_MODE.PEFILE)
                [section.entropy for section in binary.sections]

        timed("lief", files, read)
        timed("lief of PE", pe, read)
    except ImportError as why:
        missing("lief", why)
    try:
        import pefile

        def walk(_, data):
            with pefile.PE(data=data) as parsed:
                parsed.get_imphash()
                parsed.get_rich_header_hash() if hasattr(parsed, "get_rich_header_hash") else None
                [section.get_entropy() for section in parsed.sections]

        timed("pefile", pe, walk)
    except ImportError as why:
        missing("pefile", why)


def rules_below(folder):
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if name.endswith((".yar", ".yara")):
                yield os.path.join(where, name)


EMPTY = {name: "" for name in ("filename", "filepath", "extension", "filetype", "owner", "md5")}


def libyara(folder):
    import yara

    good = {}
    for n, path in enumerate(rules_below(folder)):
        try:
            yara.compile(filepath=path, externals=EMPTY)
            good[f"set{n}"] = path
        except yara.Error as why:
            print(f"libyara leaves out {os.path.basename(path)}: {why}", file=sys.stderr)
    start = time.process_time()
    rules = yara.compile(filepaths=good, externals=EMPTY)
    say(peer="libyara", rules=sum(1 for _ in rules), compiled=time.process_time() - start)
    told("libyara", "libyara", files, lambda _, data: sorted(m.rule for m in rules.match(data=data, fast=True)))


def yara_x(folder):
    import yara_x

    start = time.process_time()
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.ignore_invalid_rules(True) if hasattr(compiler, "ignore_invalid_rules") else None
    for name, value in EMPTY.items():
        compiler.define_global(name, value)
    for n, path in enumerate(rules_below(folder)):
        compiler.new_namespace(f"set{n}")
        with open(path, encoding="utf-8", errors="replace") as file:
            try:
                compiler.add_source(file.read())
            except Exception:  # noqa: BLE001, S110
                pass  # Its other rules stand.
    rules = compiler.build()
    say(peer="yara-x", rules=sum(1 for _ in rules), compiled=time.process_time() - start)
    scanner = yara_x.Scanner(rules)
    if hasattr(scanner, "fast_scan"):
        scanner.fast_scan(True)
    told("yara_x", "yara-x", files, lambda _, data: sorted(r.identifier for r in scanner.scan(data).matching_rules))


def scans(folder):
    for name, scan in (("libyara", libyara), ("yara-x", yara_x)):
        try:
            scan(folder)
        except ImportError as why:
            missing(name, why)


def macros():
    if not documents:
        return
    try:
        from oletools.olevba import VBA_Parser
    except ImportError as why:
        missing("olevba", why)
        return

    # It warns of each module that it has to search for.
    logging.disable(logging.CRITICAL)

    def read(path, data):
        parser = VBA_Parser(path, data=data)
        try:
            return sum(1 for _ in parser.analyze_macros()) if parser.detect_vba_macros() else 0
        finally:
            parser.close()

    timed("olevba", documents, read)


digests()
formats()
scans(sys.argv[1])
macros()
say(row="peers' largest memory", value=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
