# Source this file in xonsh: `source bin/activate.xsh`. `deactivate` undoes it. The prompt is xonsh's own business.


def _activate():
    import os

    root = @ROOT@
    changes = {
        "PATH": [os.path.join(root, @BIN@)] + list($PATH),
        "PYTHONHOME": None,
        "VIRTUAL_ENV": root,
        "VIRTUAL_ENV_PROMPT": @PROMPT@,
    }

    def put(values):
        for name, value in values.items():
            if value is None:
                ${...}.pop(name, None)
            else:
                ${...}[name] = value

    # Leave an environment that is active already.
    if "deactivate" in aliases:
        aliases["deactivate"]([])
        changes["PATH"][1:] = list($PATH)

    before = {name: ${...}.get(name) for name in changes}
    before["PATH"] = list($PATH)

    def deactivate(arguments):
        put(before)
        del aliases["deactivate"]

    put(changes)
    aliases["deactivate"] = deactivate


_activate()
del _activate
