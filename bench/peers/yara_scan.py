"""Scans files with libyara (yara-python) and with YARA-X's own binding, for figures beside `malware::rules`.

    yara_scan.py libyara|yara-x RULES.yar PATH...        figures on standard error
    yara_scan.py libyara|yara-x --list RULES.yar PATH... one line a file: its path, a tab, the rules that fired, sorted
"""
import os
import sys
import time


def files(paths):
    for path in paths:
        if os.path.isfile(path) and not os.path.islink(path):
            yield path
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                whole = os.path.join(folder, name)
                if os.path.isfile(whole) and not os.path.islink(whole):
                    yield whole


def libyara(text):
    import yara

    rules = yara.compile(source=text)
    return lambda data: [m.rule for m in rules.match(data=data, fast=True)]


def yara_x(text):
    import yara_x

    scanner = yara_x.Scanner(yara_x.compile(text))
    return lambda data: [r.identifier for r in scanner.scan(data).matching_rules]


def main(words):
    listed = "--list" in words
    peer, rules, *paths = [w for w in words if w != "--list"]
    start = time.process_time()
    with open(rules, encoding="utf-8") as file:
        scan = {"libyara": libyara, "yara-x": yara_x}[peer](file.read())
    print(f"{peer}: compiled in {time.process_time() - start:.2f} CPU-s", file=sys.stderr)
    took = size = fired = count = 0
    for path in files(paths):
        with open(path, "rb") as file:
            data = file.read()
        start = time.process_time()
        names = scan(data)
        took += time.process_time() - start
        size, fired, count = size + len(data), fired + len(names), count + 1
        if listed:
            print(f"{path}\t{' '.join(sorted(names))}")
    speed = size / 1e6 / took if took else 0
    print(f"{peer}: {count} files, {size / 1e6:.1f} MB, {fired} rules fired, {took:.2f} CPU-s, {speed:.1f} MB/s", file=sys.stderr)


main(sys.argv[1:])
