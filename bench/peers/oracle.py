"""What peers say of each file, to be held against the laboratory: one JSON object a line for each tool and file on standard output.

    oracle.py RULES.. -- FIRED < NAMES    RULES are folders or files of YARA rules, NAMES one path a line; FIRED is a folder into which
                                          files are written that make rules fire (`-`: none)

`{"tool": …, "sha256": …, "path": …, field: value, …}`; `{"tool": …, "rules": […], "refused": {…}}` once for each engine of rules. A tool
that is not installed is an error: nothing is compared by leaving it out. Nothing of a file is run.
"""
import contextlib
import hashlib
import json
import os
import re
import struct
import sys
from multiprocessing import Pool

import lief
import pefile
import ssdeep
import tlsh
import yara
import yara_x

lief.logging.disable()
EMPTY = {name: "" for name in ("filename", "filepath", "extension", "filetype", "owner", "md5")}
# pefile reads 8,192 of each by itself.
pefile.MAX_SYMBOL_EXPORT_COUNT = pefile.MAX_IMPORT_SYMBOLS = 1 << 20


def text(name):
    return (name or b"").decode("latin-1") if isinstance(name, bytes | bytearray | type(None)) else name


def digests(path, data):
    return {
        "md5": hashlib.md5(data).hexdigest(), "sha1": hashlib.sha1(data).hexdigest(), "tlsh": tlsh.hash(data).replace("TNULL", ""),
        "ssdeep": ssdeep.hash(data),
    }


def of_pefile(path, data):
    if data[:2] != b"MZ":
        return None
    pe = pefile.PE(data=data, fast_load=True, max_symbol_exports=1 << 20)
    wanted = ("EXPORT", "IMPORT", "DELAY_IMPORT", "RESOURCE")
    pe.parse_data_directories([pefile.DIRECTORY_ENTRY[f"IMAGE_DIRECTORY_ENTRY_{name}"] for name in wanted])
    base = pe.OPTIONAL_HEADER.ImageBase
    rich = pe.parse_rich_header()
    exports = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)

    def imports(entries):
        return [
            [text(d.dll), None if i.import_by_ordinal else text(i.name), i.ordinal if i.import_by_ordinal else None, i.address]
            for d in entries for i in d.imports
        ]

    def leaves(directory):
        return sum(leaves(e.directory) if hasattr(e, "directory") else 1 for e in directory.entries)

    return {
        "imphash": pe.get_imphash(),
        "rich-hash": hashlib.md5(rich["clear_data"]).hexdigest() if rich else "",
        "sections": [
            [text(s.Name.split(b"\0")[0]), base + s.VirtualAddress, s.Misc_VirtualSize or s.SizeOfRawData, s.PointerToRawData,
             s.SizeOfRawData] for s in pe.sections
        ],
        "entropy": [round(s.get_entropy(), 2) for s in pe.sections],
        "imports": imports(getattr(pe, "DIRECTORY_ENTRY_IMPORT", [])),
        "delayed": imports(getattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT", [])),
        "exports": sorted([text(s.name), s.ordinal, 0 if s.forwarder else base + s.address] for s in exports.symbols) if exports else [],
        "overlay": pe.get_overlay_data_start_offset(),
        "resources": leaves(pe.DIRECTORY_ENTRY_RESOURCE) if hasattr(pe, "DIRECTORY_ENTRY_RESOURCE") else 0,
    }


def of_lief_pe(path, data):
    if data[:2] != b"MZ":
        return None
    pe = lief.PE.parse(path)
    return {
        "authentihash": pe.authentihash(lief.PE.ALGORITHMS.SHA_256).hex(),
        "authentihash-sha1": pe.authentihash(lief.PE.ALGORITHMS.SHA_1).hex(),
        "verdict": "unsigned" if not pe.signatures else str(pe.verify_signature()).replace("VERIFICATION_FLAGS.", ""),
        "sections": [[s.name, s.virtual_size, s.sizeof_raw_data] for s in pe.sections],
        "tls": len(pe.tls.callbacks) if pe.tls is not None else 0,
    }


def of_lief_elf(path, data):
    if data[:4] != b"\x7fELF":
        return None
    elf = lief.ELF.parse(path)
    # A file that is not linked yet has one table of symbols only.
    linked = elf.header.file_type != lief.ELF.Header.FILE_TYPE.REL
    symbols = elf.dynamic_symbols if linked else elf.symtab_symbols
    function = [s for s in symbols if s.name and s.binding in (lief.ELF.Symbol.BINDING.GLOBAL, lief.ELF.Symbol.BINDING.WEAK)]
    kinds = (lief.ELF.Symbol.TYPE.FUNC, lief.ELF.Symbol.TYPE.GNU_IFUNC)
    untold = lief.ELF.Symbol.TYPE.NOTYPE
    return {
        # The first entry is empty by definition.
        "sections": [[s.name, s.virtual_address, s.size, s.offset] for s in list(elf.sections)[1:]],
        "needed": [e.name for e in elf.dynamic_entries if e.tag == lief.ELF.DynamicEntry.TAG.NEEDED],
        "imports": sorted({s.name for s in function if s.shndx == 0 and (s.type in kinds or s.type == untold)}),
        "exports": sorted({s.name for s in function if s.shndx != 0 and s.type in kinds}),
        "entry": elf.header.entrypoint,
    }


def of_telfhash(path, data):
    # Of a file without sections its authors' program follows the code, of some without end.
    at = 60 if data[4:5] == b"\x02" else 48
    if data[:4] != b"\x7fELF" or data[at : at + 2] in (b"", b"\0\0"):
        return None
    import telfhash

    with open(os.devnull, "w") as away, contextlib.redirect_stdout(away), contextlib.redirect_stderr(away):
        said = telfhash.telfhash(path)
    value = said[0]["telfhash"] if said else "-"
    return {"telfhash": "" if value in ("-", None, "tnull") else value.lower()}


def symhash(image):
    """Anomali's: external undefined names, sorted, joined by commas."""
    external = {s.name for s in image.symbols if s.raw_type & 0x0E == 0 and s.raw_type & 1 and s.raw_type & 0xE0 == 0 and s.name}
    return hashlib.md5(",".join(sorted(external)).encode()).hexdigest() if external else ""


def of_lief_macho(path, data):
    if data[:4] not in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"):
        return None
    fat = lief.MachO.parse(path)
    if fat is None:
        return None
    image = fat.at(0)
    images = [symhash(fat.at(n)) for n in range(fat.size)]
    return {
        "sections": [[s.segment_name, s.name, s.virtual_address, s.size, s.offset] for s in image.sections],
        "needed": [library.name for library in image.libraries if library.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB],
        "symhash": list(dict.fromkeys(one for one in images if one)),
        "images": fat.size,
    }


# Rules ---------------------------------------------------------------------------------------------------------------------


def rules_below(places):
    for place in places:
        if os.path.isfile(place):
            yield place
        for where, folders, names in os.walk(place):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for name in sorted(names):
                if name.endswith((".yar", ".yara")):
                    yield os.path.join(where, name)


RULE = re.compile(r"^[ \t]*(?:(?:private|global)[ \t]+)*rule[ \t]+(\w+)", re.M)


def source_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def libyara_of(paths):
    """Its rules, and those of files that it refuses whole, with its reason."""
    good, refused = {}, {}
    for n, path in enumerate(paths):
        source = source_of(path)
        try:
            yara.compile(source=source, externals=EMPTY)
            good[f"set{n}"] = source
        except yara.Error as why:
            refused.update({name: str(why) for name in RULE.findall(source)})
    return yara.compile(sources=good, externals=EMPTY), refused


def yara_x_of(paths):
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    refused = {}
    for name, value in EMPTY.items():
        compiler.define_global(name, value)
    for n, path in enumerate(paths):
        compiler.new_namespace(f"set{n}")
        with contextlib.suppress(yara_x.CompileError):
            compiler.add_source(source_of(path))
    for error in compiler.errors():
        refused[str(error.get("title", "")) + " " + json.dumps(error)[:200]] = error.get("code", "")
    return compiler.build(), refused


def told(said, out):
    """What the rule that asks for it has printed."""
    out["imphash-yara"] = next((line[2:] for line in said if line.startswith("i=")), "")
    # Signatures inside of signatures count.
    out["signatures"] = next((int(line[2:]) for line in said if line.startswith("n=")), 0)


class Engines:
    """Both, compiled once in each process."""

    def __init__(self, paths):
        self.libyara, self.refused = libyara_of(paths)
        self.yara_x, self.refused_x = yara_x_of(paths)
        self.scanner = yara_x.Scanner(self.yara_x)
        asked = 'import "pe" import "console" rule a { condition: console.log("i=", pe.imphash()) and console.log("n=", pe.number_of_signatures) }'
        self.imphash = yara.compile(source=asked)
        x = yara_x.compile(asked)
        self.imphash_x, self.said = yara_x.Scanner(x), []
        self.imphash_x.console_log(self.said.append)

    def of_libyara(self, path, data):
        out = {"rules": sorted({m.rule for m in self.libyara.match(data=data)})}
        if data[:2] == b"MZ":
            said = []
            self.imphash.match(data=data, console_callback=said.append)
            told(said, out)
        return out

    def of_yara_x(self, path, data):
        out = {"rules": sorted({r.identifier for r in self.scanner.scan(data).matching_rules})}
        if data[:2] == b"MZ":
            self.said.clear()
            self.imphash_x.scan(data)
            told(self.said, out)
        return out


ENGINES = None


def ready(paths):
    global ENGINES
    ENGINES = Engines(paths)


def each(path):
    with open(path, "rb") as file:
        data = file.read()
    tools = [
        ("digests", digests), ("pefile", of_pefile), ("lief", of_lief_pe), ("lief", of_lief_elf), ("lief", of_lief_macho),
        ("telfhash", of_telfhash), ("libyara", ENGINES.of_libyara), ("yara-x", ENGINES.of_yara_x),
    ]
    lines = []
    for tool, work in tools:
        try:
            said = work(path, data)
        except Exception as why:  # noqa: BLE001
            said = {"error": repr(why)[:200]}
        if said is not None:
            lines.append(json.dumps({"tool": tool, "sha256": hashlib.sha256(data).hexdigest(), "path": path, **said}))
    return lines


# Files that make rules fire ------------------------------------------------------------------------------------------------

STRING = re.compile(r'^\s*\$(\w*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|\{([^}]*)\})([^\n]*)$', re.M)
BODY = re.compile(r"^[ \t]*(?:(?:private|global)[ \t]+)*rule[ \t]+(\w+)[^{]*\{(.*?)^\}", re.M | re.S)


def plain(quoted):
    out = quoted.encode("latin-1", "ignore")
    out = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), out)
    for escape, byte in ((b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\r", b"\r"), (b'\\"', b'"'), (b"\\\\", b"\\")):
        out = out.replace(escape, byte)
    return out


def of_hex(body):
    body = re.sub(r"//[^\n]*|/\*.*?\*/", " ", body, flags=re.S)
    # Of alternatives the first; of a jump the fewest bytes.
    for _ in range(8):
        body = re.sub(r"\(([^()|]*)(?:\|[^()]*)?\)", r"\1", body)
    body = re.sub(r"\[\s*(\d*)\s*(?:-[^\]]*)?\]", lambda m: " 00" * min(int(m[1] or 0), 4096), body)
    digits = re.sub(r"\s+", "", body).replace("?", "0").replace("~", "")
    return bytes.fromhex(digits[: len(digits) // 2 * 2]) if re.fullmatch(r"[0-9a-fA-F]*", digits) else b""


def head_for(condition):
    """The head of a program that runs nothing, where the condition asks for one."""
    if "0x457f" in condition or "0x464c457f" in condition.lower():
        return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0)
    if "5a4d" in condition.lower() or "pe." in condition:
        head = bytearray(0x400)
        head[:2] = b"MZ"
        struct.pack_into("<I", head, 0x3C, 0x80)
        head[0x80:0x84] = b"PE\0\0"
        struct.pack_into("<HHIIIHH", head, 0x84, 0x14C, 1, 0x5F000000, 0, 0, 0xE0, 0x102)
        struct.pack_into("<HBB", head, 0x98, 0x10B, 14, 0)
        struct.pack_into("<III", head, 0x98 + 28, 0x400000, 0x1000, 0x200)
        struct.pack_into("<II", head, 0x98 + 56, 0x2000, 0x400)
        struct.pack_into("<I", head, 0x98 + 92, 16)
        head[0x178:0x180] = b".data\0\0\0"
        struct.pack_into("<IIIIIIHHI", head, 0x180, 0x1000, 0x1000, 0x200, 0x400, 0, 0, 0, 0, 0xC0000040)
        return bytes(head)
    return b""


def fired(paths, folder):
    """One file for each rule that has plain strings; none of them holds a program."""
    os.makedirs(folder, exist_ok=True)
    written = []
    for path in paths:
        for name, body in BODY.findall(source_of(path)):
            strings, _, condition = body.partition("condition:")
            parts = []
            for _, quoted, digits, how in STRING.findall(strings):
                part = plain(quoted) if quoted else of_hex(digits)
                if "wide" in how:
                    parts.append(b"".join(bytes([b, 0]) for b in part))
                if "wide" not in how or "ascii" in how:
                    parts.append(part)
                if "base64" in how or "xor" in how:
                    parts.append(bytes(b ^ 0x17 for b in part) if "xor" in how else part)
            if not any(parts):
                continue
            head = head_for(condition)
            data = (head + b"\0 \0".join(parts) + bytes(64)).ljust(0x600 if head[:2] == b"MZ" else 0, b"\0")
            into = os.path.join(folder, f"{len(written):05}-{name}"[:120])
            with open(into, "wb") as file:
                file.write(data)
            written.append(into)
    return written


def main(words):
    cut = words.index("--")
    paths, folder = list(rules_below(words[:cut])), words[cut + 1]
    names = [line.rstrip("\n") for line in sys.stdin]
    if folder != "-":
        names += fired(paths, folder)
    ready(paths)
    for tool, rules, refused in (
        ("libyara", {r.identifier for r in ENGINES.libyara}, ENGINES.refused), ("yara-x", {r.identifier for r in ENGINES.yara_x}, {}),
    ):
        print(json.dumps({"tool": tool, "compiled": sorted(rules), "refused": refused}), flush=True)
    with Pool(2, ready, [paths], maxtasksperchild=2000) as pool:
        for n, lines in enumerate(pool.imap_unordered(each, names, chunksize=4)):
            print("\n".join(lines), flush=True)
            if n % 200 == 199:
                print(f"  peers: {n + 1} of {len(names)} files", file=sys.stderr)


main(sys.argv[1:])
