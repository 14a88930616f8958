"""Benign programs to measure on, fetched by name into a folder: wheels for Windows and macOS, packages of Debian.

    corpus.py FOLDER     the programs are in FOLDER/files afterwards; nothing of them is run

Wheels come through pip, packages through apt-get where it is there. What cannot be fetched is told and left out; nothing at
all is a failure.
"""
import os
import shutil
import subprocess
import sys
import zipfile

# Name and platform: C, C++, Rust and Go, signed and unsigned, 32 and 64 bits, an interpreter's extensions and whole programs.
WHEELS = [
    ("numpy", "win_amd64"), ("numpy", "win32"), ("pywin32", "win_amd64"), ("pywin32", "win32"), ("cmake", "win_amd64"),
    ("ninja", "win_amd64"), ("lxml", "win_amd64"), ("pillow", "win_amd64"), ("psutil", "win_amd64"),
    ("cryptography", "win_amd64"), ("ruff", "win_amd64"), ("pygame", "win_amd64"), ("pyzmq", "win_amd64"),
    ("debugpy", "win_amd64"), ("pythonnet", "any"), ("comtypes", "any"), ("setuptools", "any"),
    ("numpy", "macosx_11_0_arm64"), ("psutil", "macosx_11_0_arm64"),
]
PACKAGES = ["coreutils", "bash", "binutils-x86-64-linux-gnu", "git", "openssh-client", "libssl3", "perl-base", "vim-tiny", "gdb"]
PROGRAMS = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def fetch_wheel(name, platform, folder):
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
         "--python-version", "3.11", "--platform", platform, "--dest", folder, name],
        check=True,
    )


def unpack_wheel(path, into):
    with zipfile.ZipFile(path) as wheel:
        for member in wheel.infolist():
            with wheel.open(member) as inside:
                head = inside.read(4)
                if head.startswith(PROGRAMS):
                    name = member.filename.replace("/", "__").replace("\\", "__")
                    with open(os.path.join(into, name), "wb") as out:
                        out.write(head)
                        shutil.copyfileobj(inside, out)


def keep_programs(folder):
    """Of an unpacked package only programs stay."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.path.islink(path):
                os.unlink(path)
                continue
            with open(path, "rb") as file:
                program = file.read(4).startswith(PROGRAMS)
            if not program:
                os.unlink(path)


def attempt(what, work):
    try:
        work()
        return 1
    except Exception as why:  # noqa: BLE001
        print(f"{what} is left out: {why}", file=sys.stderr)
        return 0


def main(folder):
    wheels, packages, files = (os.path.join(folder, name) for name in ("wheels", "packages", "files"))
    for path in (wheels, packages, files):
        os.makedirs(path, exist_ok=True)
    done = sum(attempt(f"{name} ({platform})", lambda: fetch_wheel(name, platform, wheels)) for name, platform in WHEELS)
    for name in sorted(os.listdir(wheels)):
        into = os.path.join(files, name.removesuffix(".whl"))
        os.makedirs(into, exist_ok=True)
        attempt(name, lambda: unpack_wheel(os.path.join(wheels, name), into))
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        # Root's apt-get changes to a user that may not write here.
        user = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        for name in PACKAGES:
            done += attempt(name, lambda: subprocess.run(["apt-get", *user, "download", "-qq", name], cwd=packages, check=True))
        for name in sorted(os.listdir(packages)):
            into = os.path.join(files, name.removesuffix(".deb"))
            attempt(name, lambda: subprocess.run(["dpkg-deb", "-x", os.path.join(packages, name), into], check=True))
            attempt(name, lambda: keep_programs(into))
    else:
        print("no apt-get: packages of Debian are left out", file=sys.stderr)
    if not done:
        sys.exit("nothing could be fetched")
    open(os.path.join(folder, "complete"), "w").close()


main(sys.argv[1])
