"""Documents with macros to measure on: made, never fetched; their macros do nothing but arithmetic and text.

    documents.py FOLDER

Half of them are compound files ([MS-CFB]) with a project of macros ([MS-OVBA]), half the same project in an OOXML document.
"""
import io
import os
import random
import struct
import sys
import zipfile

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def pack(plain):
    """[MS-OVBA] 2.4.1: literals, and copies of 3 bytes and more where a line repeats."""
    out = bytearray([1])
    for start in range(0, len(plain), 4096):
        chunk, tokens, at = plain[start:start + 4096], bytearray(), 0
        while at < len(chunk):
            flags, eight = 0, bytearray()
            for bit in range(8):
                if at >= len(chunk):
                    break
                bits = max((at - 1).bit_length(), 4) if at else 4
                most = (0xFFFF >> bits) + 3
                found = chunk.rfind(chunk[at:at + 3], 0, at) if at + 3 <= len(chunk) else -1
                if found >= 0:
                    length = 3
                    while length < most and at + length < len(chunk) and chunk[found + length] == chunk[at + length]:
                        length += 1
                    flags |= 1 << bit
                    eight += struct.pack("<H", (at - found - 1) << (16 - bits) | (length - 3))
                    at += length
                else:
                    eight.append(chunk[at])
                    at += 1
            tokens += bytes([flags]) + eight
        if len(tokens) > 4096:
            out += struct.pack("<H", 0x3FFF) + chunk.ljust(4096, b"\0")
        else:
            out += struct.pack("<H", 0xB000 | len(tokens) - 1) + tokens
    return bytes(out)


def record(number, body):
    return struct.pack("<HI", number, len(body)) + body


def project(modules):
    """The streams of a project: path to bytes."""
    wide = lambda text: text.encode("utf-16-le")  # noqa: E731
    table = record(1, struct.pack("<I", 1)) + record(2, struct.pack("<I", 0x409)) + record(0x14, struct.pack("<I", 0x409))
    table += record(3, struct.pack("<H", 1252)) + record(4, b"Project") + record(5, b"") + record(0x40, b"")
    table += record(6, b"") + record(0x3D, b"") + record(7, struct.pack("<I", 0)) + record(8, struct.pack("<I", 0))
    table += struct.pack("<HIIH", 9, 4, 1, 1) + record(0xC, b"") + record(0x3C, b"")
    table += record(0xF, struct.pack("<H", len(modules))) + record(0x13, struct.pack("<H", 0xFFFF))
    streams, words = {}, ['ID="{00000000-0000-0000-0000-000000000000}"']
    for name, source in modules.items():
        table += record(0x19, name.encode()) + record(0x47, wide(name)) + record(0x1A, name.encode()) + record(0x32, wide(name))
        table += record(0x1C, b"") + record(0x48, b"") + record(0x31, struct.pack("<I", 0)) + record(0x1E, struct.pack("<I", 0))
        table += record(0x2C, struct.pack("<H", 0xFFFF)) + record(0x21, b"") + record(0x2B, b"")
        streams[f"VBA/{name}"] = pack(source.encode("latin-1"))
        words.append(f"Module={name}")
    streams["VBA/dir"] = pack(table + record(0x10, b""))
    streams["VBA/_VBA_PROJECT"] = struct.pack("<HHBH", 0x61CC, 0xFFFF, 0, 0)
    streams["PROJECT"] = "\r\n".join(words + ['Name="Project"', ""]).encode()
    return streams


def compound(streams):
    """[MS-CFB], version 3: a directory in the order that readers search by."""
    entries = [["Root Entry", 5, FREE, FREE, FREE, END, 0]]
    tree = {}
    for path, data in streams.items():
        at = tree
        *folders, name = path.split("/")
        for folder in folders:
            at = at.setdefault(folder, {})
        at[name] = data
    contents = []

    def add(inside):
        ids = {}
        for name, what in inside.items():
            ids[name] = len(entries)
            entries.append([name, 2 if isinstance(what, bytes) else 1, FREE, FREE, FREE, END, 0])
            if isinstance(what, bytes):
                contents.append((ids[name], what))
            else:
                entries[ids[name]][4] = add(what)
        names = sorted(ids, key=lambda name: (len(name), name.upper()))

        def balanced(low, high):
            if low >= high:
                return FREE
            middle = (low + high) // 2
            entry = entries[ids[names[middle]]]
            entry[2], entry[3] = balanced(low, middle), balanced(middle + 1, high)
            return ids[names[middle]]

        return balanced(0, len(names))

    entries[0][4] = add(tree)
    sectors, table, small, small_table = [], [], bytearray(), []

    def place(data):
        start = len(sectors)
        parts = [data[n:n + 512].ljust(512, b"\0") for n in range(0, len(data), 512)]
        sectors.extend(parts)
        table.extend(start + n + 1 for n in range(len(parts) - 1))
        table.append(END)
        return start

    for number, data in contents:
        entries[number][6] = len(data)
        if len(data) >= 4096:
            entries[number][5] = place(data)
        elif data:
            entries[number][5] = len(small_table)
            count = -(-len(data) // 64)
            small_table.extend(len(small_table) + n + 1 for n in range(count - 1))
            small_table.append(END)
            small += data.ljust(count * 64, b"\0")
    if small:
        entries[0][5], entries[0][6] = place(bytes(small)), len(small)
    first_small = place(struct.pack(f"<{len(small_table)}I", *small_table).ljust(-(-len(small_table) // 128) * 512, b"\xff")) if small_table else END
    folder = b"".join(
        struct.pack("<64sHBBIII16sIQQIQ", name.encode("utf-16-le"), 2 * len(name) + 2, kind, 1, left, right, child, b"", 0, 0, 0, start, size)
        for name, kind, left, right, child, start, size in entries
    )
    while len(folder) % 512:
        folder += struct.pack("<64sHBBIII16sIQQIQ", b"", 0, 0, 0, FREE, FREE, FREE, b"", 0, 0, 0, 0, 0)
    first_folder = place(folder)
    count = 1
    while count * 128 < len(table) + count:
        count += 1
    at = len(sectors)
    table += [FAT] * count + [FREE] * (count * 128 - len(table) - count)
    sectors += [struct.pack("<128I", *table[n:n + 128]) for n in range(0, count * 128, 128)]
    assert count <= 109
    head = struct.pack("<8s16sHHHHH6sIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"", 0, count,
                       first_folder, 0, 4096, first_small, -(-len(small_table) // 128), END, 0)
    head += struct.pack("<109I", *range(at, at + count), *[FREE] * (109 - count))
    return head + b"".join(sectors)


def module(name, chance, lines):
    words = ["total", "row", "cell", "price", "amount", "label", "sheet", "count", "first", "last", "text", "part", "sum"]
    out = [f'Attribute VB_Name = "{name}"', "Option Explicit", "Sub AutoOpen()", "    Call Fill(1)", "End Sub"]
    for n in range(lines // 6):
        a, b = chance.choice(words), chance.choice(words)
        out += [f"Function {a.title()}{n}(ByVal {b} As Long) As Long", f"    Dim {a}_{n} As Long",
                f"    {a}_{n} = {b} * {chance.randrange(1000)} + Len(\"{chance.choice(words)} {chance.randrange(10**6)}\")",
                f"    ' {a} of {b}, the way it was counted in {1990 + chance.randrange(30)}", f"    {a.title()}{n} = {a}_{n}", "End Function"]
    return "\r\n".join(out) + "\r\n"


def main(folder):
    os.makedirs(folder, exist_ok=True)
    chance = random.Random(4)
    for n in range(16):
        modules = {f"Module{m + 1}": module(f"Module{m + 1}", chance, 60 * chance.randrange(2, 30)) for m in range(1 + n % 4)}
        streams = project(modules)
        if n % 2:
            data = compound({f"Macros/{path}": data for path, data in streams.items()} | {"WordDocument": chance.randbytes(20_000)})
            path = f"made{n:02}.doc"
        else:
            held = io.BytesIO()
            with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as out:
                types = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/><Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
                out.writestr("[Content_Types].xml", types)
                out.writestr("word/document.xml", "<w:document>" + "<w:p>text</w:p>" * 2000 + "</w:document>")
                out.writestr("word/vbaProject.bin", compound(streams))
            data, path = held.getvalue(), f"made{n:02}.docm"
        with open(os.path.join(folder, path), "wb") as file:
            file.write(data)


main(sys.argv[1])
