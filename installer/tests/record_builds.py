"""Records what poetry-core builds from small projects: vectors/builds.json.

Run by hand with a Python that has Poetry: python record_builds.py
The projects below are part of the vectors, so that the tests need nothing but that file.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from hashlib import sha256
from pathlib import Path

SYSTEM = '[build-system]\nrequires = ["poetry-core>=2.0"]\nbuild-backend = "poetry.core.masonry.api"\n'

# name → files (a text, or {"text", "mode"} or {"link"}), and whether it lies in a git work tree.
PROJECTS = {
    "standard": {
        "git": True,
        "files": {
            "pyproject.toml": """[project]
name = "Pkg.A_b"
version = "1.0.0-rc1"
description = "Summary é"
license = "mit"
keywords = ["z", "a"]
authors = [{ name = "Ann Éx", email = "a@x.org" }, { name = "Bob" }, { email = "c@x.org" }]
maintainers = [{ name = "M", email = "m@x.org" }]
readme = "README.md"
requires-python = ">=3.9,<3.13"
classifiers = ["Topic :: X"]
dependencies = [
    "requests[socks]>=2.0; python_version < '3.12'",
    "numpy>=1,!=1.5",
    "attrs",
    "zz @ git+https://e.x/r.git@main",
]

[project.optional-dependencies]
all = ["pkg.a-b[fast-x]"]
Fast_x = ["orjson>=3; sys_platform == 'linux'", "ujson"]

[project.urls]
homepage = "https://h"
"Bug Tracker" = "https://b"
"Blog" = "https://blog"

[project.scripts]
zrun = "pkg_a_b.m:main"
arun = "pkg_a_b.m:obj.main"

[project.gui-scripts]
g = "pkg_a_b.m:gui"

[project.entry-points."x.y"]
b = "pkg_a_b.m"
a = "pkg_a_b:k [extra]"

[tool.poetry]
requires-poetry = ">=2.0"

""" + SYSTEM,
            "README.md": "# Hi é\ntext\n",
            "LICENSE": "lic\n",
            "AUTHORS": {"text": "me\n", "mode": 0o755},
            "NOTICE.txt": "n\n",
            "LICENSES/sub/q.txt": "q\n",
            ".gitignore": "*.log\ngen/\n!kept.log\n",
            "pkg_a_b/__init__.py": "",
            "pkg_a_b/m.py": "m=1\n",
            "pkg_a_b/.hidden": "h\n",
            "pkg_a_b/a.log": "ignored\n",
            "pkg_a_b/kept.log": "kept\n",
            "pkg_a_b/gen/ignored.py": "ignored\n",
            "pkg_a_b/x.pyc": "c",
            "pkg_a_b/__pycache__/m.cpython-311.pyc": "c",
            "pkg_a_b/data/x.json": "{}\n",
            "pkg_a_b/data/a, b.txt": "comma\n",
            "pkg_a_b/data/ü.txt": "umlaut\n",
            "pkg_a_b/run.sh": {"text": "echo\n", "mode": 0o700},
            "pkg_a_b/private.py": {"text": "p\n", "mode": 0o600},
            "pkg_a_b/m_link.py": {"link": "m.py"},
            "pkg_a_b/tests_link": {"link": "../tests"},
            "tests/t.py": "t\n",
        },
    },
    "legacy": {
        "git": False,
        "files": {
            "pyproject.toml": """[tool.poetry]
name = "b-lib"
version = "0.1"
description = "line one"
license = "apache-2.0"
keywords = ["k1", "k2"]
authors = ["A B <a@b.c>", "C <c@d.e>"]
maintainers = ["E"]
readme = ["README.rst", "CHANGES.rst"]
homepage = "https://home"
repository = "https://repo"
documentation = "https://docs"
classifiers = ["Topic :: Y"]
packages = [{ include = "b_lib", from = "src" }]
include = [
    "extra.txt",
    { path = "both.txt", format = ["sdist", "wheel"] },
    { path = "inc/w.bin", format = "wheel" },
    { path = "inc/x" },
]
exclude = ["src/b_lib/excluded", "**/*.tmp"]

[tool.poetry.urls]
"Z url" = "https://z"

[tool.poetry.dependencies]
python = "^3.8 || ~2.7"
foo = "^1.2"
exact = "1.2.3"
wild = "1.*"
any = "*"
pre = "^2.0b1"
ne = ">=1,!=1.5.*"
ex = { version = "~1.4", extras = ["b", "a"] }
opt = { version = "*", optional = true }
lost = { version = "*", optional = true }
win = { version = "^0.3", platform = "win32", python = "<3.10" }
multi = [{ version = "<2", python = "<3.9" }, { version = ">=2", python = ">=3.9" }]
gitdep = { git = "https://e.x/r.git", tag = "v1", subdirectory = "s" }
urldep = { url = "https://e.x/p-1.0.zip" }

[tool.poetry.group.dev.dependencies]
never = "*"

[tool.poetry.extras]
o = ["opt"]
empty = []

[tool.poetry.scripts]
bcli = "b_lib:main"
bex = { reference = "b_lib:x", type = "console" }
bsh = { reference = "bin/b.sh", type = "file" }

[tool.poetry.plugins."p.q"]
n = "b_lib:n"

""" + SYSTEM,
            "README.rst": "readme\n",
            "CHANGES.rst": "changes\n",
            "COPYING": "co\n",
            "both.txt": "b\n",
            "extra.txt": "e\n",
            "inc/w.bin": "w\n",
            "inc/x/y.txt": "y\n",
            "bin/b.sh": {"text": "#!/bin/sh\n", "mode": 0o755},
            "src/b_lib/__init__.py": "\n",
            "src/b_lib/py.typed": "",
            "src/b_lib/n.tmp": "x",
            "src/b_lib/excluded/a.py": "x",
        },
    },
    "packages": {
        "git": False,
        "files": {
            "pyproject.toml": """[tool.poetry]
name = "c-pkg"
version = "3"
description = ""
authors = []
packages = [
    { include = "one", from = "lib" },
    { include = "two/**/*.py", from = "lib", to = "vend" },
    { include = "three", format = "sdist" },
    { include = "four-stubs" },
    { include = "five", to = "t/u" },
    { include = "ns/inner", from = "lib" },
    { include = "mod.py" },
]

""" + SYSTEM,
            **{
                name: "x\n"
                for name in [
                    "lib/one/__init__.py", "lib/one/d.txt", "lib/two/a.py", "lib/two/s/b.py", "lib/two/no.txt",
                    "three/__init__.py", "four-stubs/a.pyi", "five/__init__.py", "five/k/z.py",
                    "lib/ns/inner/x.py", "mod.py",
                ]
            },
        },
    },
    "module": {
        "git": False,
        "files": {
            "pyproject.toml": """[project]
name = "d-mod"
version = "1.0"
license = { text = "My license\\nline 2\\n\\nline 4" }
requires-python = ">=3.11"
readme = { text = "inline", content-type = "text/plain" }
dynamic = ["classifiers"]

[project.urls]
Zed = "https://z"
Changes = "https://c"
Chat = "https://chat"

[tool.poetry]
classifiers = ["Programming Language :: Rust", "Environment :: Console"]

""" + SYSTEM,
            "d_mod.py": "x\n",
        },
    },
    "license-files": {
        "git": False,
        "files": {
            "pyproject.toml": """[project]
name = "f_x"
version = "2024.01.05"
license = "mit or apache-2.0"
license-files = ["L.txt", "lic/*.txt"]
readme = "README.txt"
dynamic = ["dependencies", "requires-python"]

[tool.poetry.dependencies]
python = "~3.10"

""" + SYSTEM,
            "README.txt": "txt\r\nmore\r\n",
            "L.txt": "L\n",
            "LICENSE": "not listed\n",
            "lic/a.txt": "a\n",
            "lic/b.txt": "b\n",
            "src/f_x/__init__.py": "\n",
            "src/f_x/crlf.py": "a\r\nb\r\n",
        },
    },
    "license-file": {
        "git": False,
        "files": {
            "pyproject.toml": """[project]
name = "g"
version = "1!2.0.post1.dev3+Local.1"
license = { file = "MYLIC" }
dependencies = ["core-lib>=1"]
requires-python = "^3.10"

[tool.poetry.dependencies]
core-lib = { path = "../core", develop = true }

""" + SYSTEM,
            "MYLIC": "  The licence\r\n\r\n  of g\n",
            "NOTICE": "n\n",
            "g/__init__.py": "",
            "g/.gitignore": "*.txt",
            "g/a.txt": "not ignored, there is no git\n",
        },
    },
    "mixed": {
        "git": True,
        "files": {
            "pyproject.toml": """[project]
name = "mixed"
version = "1"
dynamic = ["dependencies"]

[project.optional-dependencies]
x = ["opt>=1"]

[tool.poetry]
exclude = ["mixed/secret/**", "mixed/*.cfg"]
include = [{ path = "mixed/built", format = "wheel" }, { path = "mixed/b.cfg", format = ["wheel"] }]

[tool.poetry.dependencies]
must = "^1"
opt = { version = "<2", optional = true, source = "s" }

[[tool.poetry.source]]
name = "s"
url = "https://s.example/simple"

""" + SYSTEM,
            ".gitignore": "built/\n*.so\n",
            "mixed/__init__.py": "",
            "mixed/built/x.so": "so",
            "mixed/other.so": "so",
            "mixed/secret/a.py": "a",
            "mixed/secret/deep/b.py": "b",
            "mixed/a.cfg": "a",
            "mixed/b.cfg": "b",
        },
    },
}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict) and "link" in content:
            path.symlink_to(content["link"])
            continue
        text = content["text"] if isinstance(content, dict) else content
        path.write_bytes(text.encode())
        path.chmod(content.get("mode", 0o644) if isinstance(content, dict) else 0o644)


def describe_wheel(path):
    with zipfile.ZipFile(path) as archive:
        members = [
            {
                "name": info.filename,
                "mode": info.external_attr >> 16,
                "date": list(info.date_time),
                "flags": info.flag_bits,
                "sha256": sha256(archive.read(info)).hexdigest(),
            }
            for info in archive.infolist()
        ]
        texts = {
            Path(name).name: archive.read(name).decode()
            for name in archive.namelist()
            if Path(name).name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD")
        }
    return {"file": path.name, "members": members, "texts": texts}


def describe_sdist(path):
    members = []
    with tarfile.open(path) as archive:
        for info in archive.getmembers():
            content = archive.extractfile(info).read()
            members.append({
                "name": info.name, "mode": info.mode, "mtime": info.mtime, "uid": info.uid, "gid": info.gid,
                "type": info.type.decode(), "pax": info.pax_headers, "sha256": sha256(content).hexdigest(),
            })
    header = path.read_bytes()[:10].hex()
    return {"file": path.name, "members": members, "header": header}


def record(name, project, base):
    folder = base / name
    folder.mkdir()
    write(folder, project["files"])
    if project["git"]:
        subprocess.check_call(["git", "init", "-q"], cwd=folder)
    output = base / (name + "-out")
    script = (
        "import sys; from poetry.core.masonry import api;"
        "api.build_wheel(sys.argv[1]); api.build_sdist(sys.argv[1]);"
        "api.build_editable(sys.argv[1] + '/editable')"
    )
    (output / "editable").mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    subprocess.check_call([sys.executable, "-c", script, str(output)], cwd=folder, env=environment)
    editable = describe_wheel(next((output / "editable").glob("*.whl")))
    # The `.pth` file holds a path of this machine, and RECORD its hash.
    editable["texts"].pop("RECORD")
    for member in editable["members"]:
        if member["name"].endswith((".pth", "RECORD")):
            member["sha256"] = None
    return {
        **project,
        "wheel": describe_wheel(next(output.glob("*.whl"))),
        "editable": editable,
        "sdist": describe_sdist(next(output.glob("*.tar.gz"))),
    }


def main():
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as base:
        base = Path(base).resolve()
        recorded = {name: record(name, project, base) for name, project in PROJECTS.items()}
    target = Path(__file__).parent / "vectors" / "builds.json"
    target.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
