import sys

# Every module costs a millisecond or more, and `site`, which was left out, what the machine's owner put into it. Only a
# virtual environment needs it, to learn its prefix.
import os

home = os.path.dirname(sys.executable)
if any(os.path.isfile(os.path.join(place, "pyvenv.cfg")) for place in (home, os.path.dirname(home))):
    import site

    if sys.flags.no_site:
        site.main()

import sysconfig

try:
    from _json import encode_basestring_ascii as quoted
except ImportError:
    from json import dumps as quoted


def as_json(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ",".join(quoted(key) + ":" + as_json(inner) for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(as_json(inner) for inner in value) + "]"
    return quoted(value)


def interpreter_of_binary(path):
    """The program that loads a dynamic ELF binary: on musl systems it tells the version."""
    import struct

    with open(path, "rb") as binary:
        head = binary.read(64)
        if head[:4] != b"\x7fELF":
            return None
        wide = head[4] == 2
        order = "<" if head[5] == 1 else ">"
        if wide:
            offset, size, count = struct.unpack(order + "Q", head[32:40]) + struct.unpack(order + "HH", head[54:58])
        else:
            offset, size, count = struct.unpack(order + "I", head[28:32]) + struct.unpack(order + "HH", head[42:46])
        for index in range(count):
            binary.seek(offset + index * size)
            entry = binary.read(size)
            if struct.unpack(order + "I", entry[:4])[0] != 3:
                continue
            if wide:
                start, length = struct.unpack(order + "Q", entry[8:16]) + struct.unpack(order + "Q", entry[32:40])
            else:
                start, length = struct.unpack(order + "I", entry[4:8]) + struct.unpack(order + "I", entry[16:20])
            binary.seek(start)
            return os.fsdecode(binary.read(length)).rstrip("\0")
    return None


def libc():
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").rsplit(None, 1)
        if name == "glibc":
            return ["glibc", version]
    except (AttributeError, OSError, ValueError):
        pass
    try:
        import subprocess

        loader = interpreter_of_binary(sys.executable)
        if loader and "musl" in loader:
            process = subprocess.Popen([loader], stderr=subprocess.PIPE, universal_newlines=True)
            lines = [line.strip() for line in process.communicate()[1].splitlines()]
            if len(lines) >= 2 and lines[0][:4] == "musl" and lines[1].startswith("Version "):
                return ["musl", lines[1][len("Version "):]]
    except Exception:  # whatever it is, the version is not known
        pass
    return None


def release(info):
    text = "{0.major}.{0.minor}.{0.micro}".format(info)
    if info.releaselevel != "final":
        text += info.releaselevel[0] + str(info.serial)
    return text


def platform_facts():
    """What the module `platform` says, which takes a third of all the time; with CPython on Linux it only repeats."""
    if sys.platform == "linux" and sys.implementation.name == "cpython":
        system = os.uname()
        return system.machine, "CPython", system.release, system.sysname, system.version, sys.version.split()[0], None
    import platform

    mac_version, _, mac_architecture = platform.mac_ver()
    return (
        platform.machine(),
        platform.python_implementation(),
        platform.release(),
        platform.system(),
        platform.version(),
        platform.python_version(),
        [mac_version, mac_architecture] if mac_version else None,
    )


base_executable = getattr(sys, "_base_executable", None) or sys.executable
machine, implementation, system_release, system, system_version, python_version, mac = platform_facts()
facts = {
    "executable": os.path.abspath(sys.executable),
    "base_executable": os.path.realpath(base_executable),
    "prefix": sys.prefix,
    "base_prefix": getattr(sys, "base_prefix", sys.prefix),
    "version": "{}.{}.{}".format(*sys.version_info[:3]),
    "release_level": "{0[3]}.{0[4]}".format(sys.version_info),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": release(sys.implementation.version),
        "os_name": os.name,
        "platform_machine": machine,
        "platform_python_implementation": implementation,
        "platform_release": system_release,
        "platform_system": system,
        "platform_version": system_version,
        "python_full_version": python_version.rstrip("+"),
        "python_version": ".".join(python_version.split(".")[:2]),
        "sys_platform": sys.platform,
    },
    "platform": sysconfig.get_platform(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "abi": sysconfig.get_config_var("SOABI"),
    "narrow": sys.maxsize < 1 << 32,
    "libc": libc() if sys.platform.startswith("linux") else None,
    "mac": mac,
    "platlibdir": getattr(sys, "platlibdir", "lib"),
}
sys.stdout.write("\n@facts@" + as_json(facts) + "\n")
