"""Gathers the files that the services run on, out of a whole base image: what is not gathered is not in the image.

Run in the build, as `python3 root.py ENVIRONMENT TARGET`: TARGET becomes the root of the image's file system, with the
interpreter, its standard library, the shared libraries that it and the packages in ENVIRONMENT load, authorities, and
the names of the packages that all of it came from, by which scanners find known weaknesses. No shell, no package
manager, no pip. ENVIRONMENT itself is cleaned of what no service reads, and everything is compiled.
"""

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

USER = 10001
FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/os-release", "/etc/nsswitch.conf", "/etc/ld.so.conf")
"""What is read by its path and not loaded by anything. A base image may lack the third."""

UNUSED_MODULES = frozenset(
    (
        *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "lib2to3", "ensurepip", "pydoc_data"),
        *("distutils", "site-packages", "dist-packages", "__pycache__", "sitecustomize.py", "EXTERNALLY-MANAGED"),
    )
)
UNUSED_EXTENSIONS = re.compile(
    r"(_test|_ctypes_test|xx|readline|_curses|_dbm|_gdbm|_tkinter|nis|ossaudiodev).*\.so$|config-"
)
UNUSED_IN_PACKAGES = re.compile(r"\.(pyx|pxd|pxi|c|cc|cpp|h|pyi)$")
AWS_SERVICES = frozenset({"s3", "secretsmanager", "sts"})
"""Descriptions of AWS's services that stay in botocore: those that the services call. All of them would be 25 MB."""


class Root:
    """The file system that comes to be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.taken: set[str] = set()

    def take(self, path: str) -> None:
        """Copy one file by its path, every link on the way with it."""
        here = "/"
        for part in Path(path).parts[1:]:
            here = os.path.join(here, part)
            target = self._folder / here[1:]
            if os.path.islink(here):
                if not target.is_symlink():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.symlink_to(os.readlink(here))
                self.taken.add(here)
                rest = os.path.relpath(path, here)
                onward = os.path.join(os.path.dirname(here), os.readlink(here))
                self.take(os.path.normpath(onward if rest == "." else os.path.join(onward, rest)))
                return
        target = self._folder / path[1:]
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        self.taken.add(path)

    def write(self, path: str, text: str) -> None:
        """Write a file of our own."""
        target = self._folder / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def libraries(binaries: list[str]) -> set[str]:
    """Paths of the shared libraries that `binaries` load, and of the loader, as the base image's loader finds them."""
    told = subprocess.run(["/usr/bin/ldd", *binaries], capture_output=True, text=True, check=False).stdout
    missing = re.findall(r"(\S+) => not found", told)
    if missing:
        sys.exit(f"the base image lacks {', '.join(sorted(set(missing)))}: choose one that the locked packages run on")
    return set(re.findall(r"(?:=> )?(/\S+) \(0x", told))


def gather(environment: Path, target: Path) -> None:
    """Fill `target`."""
    root = Root(target)
    stdlib = sysconfig.get_path("stdlib")
    for folder, names, files in os.walk(stdlib):
        inner = [name for name in (*names, *files) if name in UNUSED_MODULES or UNUSED_EXTENSIONS.match(name)]
        names[:] = [name for name in names if name not in inner]
        for name in files:
            path = os.path.join(folder, name)
            if name not in inner and os.path.exists(path) and not name.endswith(".a"):
                root.take(path)
    interpreter = os.path.realpath(sys.executable)
    root.take(interpreter)
    root.take(os.path.join(os.path.dirname(interpreter), "python3"))
    packages = [str(path) for path in environment.rglob("*.so*")]
    own = [str(path) for path in (target / stdlib[1:]).rglob("*.so")]
    for library in sorted(libraries([interpreter, *own, *packages])):
        if not library.startswith((str(environment), str(target))):
            root.take(library)
    for path in FILES:
        if os.path.exists(path):
            root.take(path)
    for path in Path("/etc/ld.so.conf.d").glob("*.conf"):
        root.take(str(path))
    root.write("/etc/passwd", f"root:x:0:0::/:/nonexistent\naex:x:{USER}:{USER}::/:/nonexistent\n")
    root.write("/etc/group", f"root:x:0:\naex:x:{USER}:\n")
    root.write("/var/lib/dpkg/status", owners(root.taken))
    (target / "tmp").mkdir(exist_ok=True)
    (target / "tmp").chmod(0o1777)
    subprocess.run(["/sbin/ldconfig", "-r", str(target)], check=True)
    compile_all(target / stdlib[1:], target)


def owners(paths: set[str]) -> str:
    """The entries of the packages that `paths` belong to, as dpkg lists what is installed."""
    files = {path for path in paths if not os.path.isdir(path)}
    known = subprocess.run(
        ["/usr/bin/dpkg-query", "--search", *sorted(files | {path.removeprefix("/usr") for path in files})],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    names = {name for line in known.splitlines() for name in line.partition(": ")[0].split(", ")}
    names = {name.partition(":")[0] for name in names if not name.startswith("diversion ")}
    entries = Path("/var/lib/dpkg/status").read_text().split("\n\n")
    return "\n\n".join(entry for entry in entries if entry[9:].partition("\n")[0] in names) + "\n"


def clean(environment: Path) -> None:
    """Remove from the packages what no service reads: sources of extensions, stubs, tests, most of AWS's services."""
    for folder in (*environment.rglob("tests"), *environment.rglob("__pycache__")):
        shutil.rmtree(folder)
    for path in environment.rglob("*"):
        if path.is_file() and UNUSED_IN_PACKAGES.search(path.name):
            path.unlink()
    (environment / ".lock").unlink(missing_ok=True)  # the installer's, for everybody to write
    for data in environment.rglob("botocore/data"):
        for service in data.iterdir():
            if service.is_dir() and service.name not in AWS_SERVICES:
                shutil.rmtree(service)
    for data in environment.rglob("boto3/data"):
        shutil.rmtree(data)
    for path in (environment / "bin").iterdir():
        if not path.name.startswith("python"):
            path.unlink()


def compile_all(folder: Path, root: Path) -> None:
    """Compile in place, so that nothing is compiled, and nothing is compared with its source, when a service starts."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(
        folder, quiet=2, stripdir=str(root), prependdir="/", workers=0, invalidation_mode=mode
    ):
        sys.exit(f"something under {folder} cannot be compiled")


def main() -> None:
    """Clean and compile the environment, then gather what it needs."""
    environment, target = Path(sys.argv[1]), Path(sys.argv[2])
    clean(environment)
    compile_all(environment, Path("/"))
    gather(environment, target)


if __name__ == "__main__":
    main()
