# Source this file in fish: `source bin/activate.fish`. `deactivate` undoes it.

function deactivate -d 'Leave the Python environment'
    if set -q _OLD_VIRTUAL_PATH
        set -gx PATH $_OLD_VIRTUAL_PATH
        set -e _OLD_VIRTUAL_PATH
    end
    if set -q _OLD_VIRTUAL_PYTHONHOME
        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME
        set -e _OLD_VIRTUAL_PYTHONHOME
    end
    if builtin functions -q _old_fish_prompt
        builtin functions -e fish_prompt
        builtin functions -c _old_fish_prompt fish_prompt
        builtin functions -e _old_fish_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != nondestructive
        builtin functions -e deactivate
    end
end

# Leave an environment that is active already, whoever made it: the names are those of all such scripts.
deactivate nondestructive

set -gx VIRTUAL_ENV @ROOT@
set -gx VIRTUAL_ENV_PROMPT @PROMPT@

set -g _OLD_VIRTUAL_PATH $PATH
set -gx PATH "$VIRTUAL_ENV"/@BIN@ $PATH

# It would lead the interpreter to another standard library.
if set -q PYTHONHOME
    set -g _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and builtin functions -q fish_prompt
    builtin functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        # The prompt may show the last status: keep it.
        set -l last $status
        builtin printf '(%s) ' "$VIRTUAL_ENV_PROMPT"
        builtin echo "exit $last" | builtin source
        _old_fish_prompt
    end
end
