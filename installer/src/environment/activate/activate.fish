# Source this file in fish: `source bin/activate.fish`. `deactivate` undoes it.

function deactivate -d 'Leave the Python environment'
    if set -q _MPOETRY_OLD_PATH
        set -gx PATH $_MPOETRY_OLD_PATH
        set -e _MPOETRY_OLD_PATH
    end
    if set -q _MPOETRY_OLD_PYTHONHOME
        set -gx PYTHONHOME $_MPOETRY_OLD_PYTHONHOME
        set -e _MPOETRY_OLD_PYTHONHOME
    end
    if builtin functions -q _mpoetry_old_prompt
        builtin functions -e fish_prompt
        builtin functions -c _mpoetry_old_prompt fish_prompt
        builtin functions -e _mpoetry_old_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != keep
        builtin functions -e deactivate
    end
end

# Leave an environment that is active already.
deactivate keep

set -gx VIRTUAL_ENV @ROOT@
set -gx VIRTUAL_ENV_PROMPT @PROMPT@

set -g _MPOETRY_OLD_PATH $PATH
set -gx PATH "$VIRTUAL_ENV"/@BIN@ $PATH

# It would lead the interpreter to another standard library.
if set -q PYTHONHOME
    set -g _MPOETRY_OLD_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and builtin functions -q fish_prompt
    builtin functions -c fish_prompt _mpoetry_old_prompt
    function fish_prompt
        # The prompt may show the last status: keep it.
        set -l last $status
        builtin printf '(%s) ' "$VIRTUAL_ENV_PROMPT"
        builtin echo "exit $last" | builtin source
        _mpoetry_old_prompt
    end
end
