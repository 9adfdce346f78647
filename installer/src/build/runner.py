"""Calls one hook of a build back end (PEP 517, PEP 660).

Usage: python runner.py REQUEST RESULT

REQUEST is a JSON file: backend, backend_path, hook, arguments, flags. The hook's return value goes into RESULT as
JSON: {"value": …}, {"missing": true} if the back end does not have the hook, or {"unavailable": …} with a reason if there
is no such back end.
"""

import importlib
import json
import os
import sys


def load_backend(request):
    paths = [os.path.join(os.getcwd(), path) for path in request["backend_path"]]
    sys.path[:0] = paths
    name, _, attributes = request["backend"].partition(":")
    backend = importlib.import_module(name)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def prepare_environment(request):
    # Tools that build requirements bring along come first.
    scripts = os.path.dirname(sys.executable)
    path = os.environ.get("PATH")
    os.environ["PATH"] = scripts if not path else scripts + os.pathsep + path
    if request["flags"]:
        # Not CFLAGS: setuptools takes them instead of those that Python was built with.
        flags = [os.environ.get("CPPFLAGS"), request["flags"]]
        os.environ["CPPFLAGS"] = " ".join(filter(None, flags))
    if hasattr(os, "umask"):
        os.umask(0o022)


def call(request):
    try:
        backend = load_backend(request)
    except ImportError as error:
        return {"unavailable": f"{type(error).__name__}: {error}"}
    hook = getattr(backend, request["hook"], None)
    if hook is None:
        return {"missing": True}
    return {"value": hook(**request["arguments"])}


def main():
    # The folder of this script is not the back end's business.
    del sys.path[0]
    # Back ends of setuptools put words of their own into sys.argv.
    request_path, result_path = sys.argv[1:3]
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    prepare_environment(request)
    result = call(request)
    with open(result_path, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
