import json, os, platform, struct, sys, sysconfig


def interpreter_of_binary(path):
    """The program that loads a dynamic ELF binary: on musl systems it tells the version."""
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
    except (OSError, ValueError, struct.error):
        pass
    return None


def release(info):
    text = "{0.major}.{0.minor}.{0.micro}".format(info)
    if info.releaselevel != "final":
        text += info.releaselevel[0] + str(info.serial)
    return text


base_executable = getattr(sys, "_base_executable", None) or sys.executable
mac_version, _, mac_architecture = platform.mac_ver()
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
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version().rstrip("+"),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "platform": sysconfig.get_platform(),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "abi": sysconfig.get_config_var("SOABI"),
    "narrow": struct.calcsize("P") == 4,
    "libc": libc() if sys.platform.startswith("linux") else None,
    "mac": [mac_version, mac_architecture] if mac_version else None,
    "platlibdir": getattr(sys, "platlibdir", "lib"),
}
sys.stdout.write("\n@facts@" + json.dumps(facts) + "\n")
