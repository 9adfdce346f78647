# Source this file in bash, zsh or another POSIX shell: `. bin/activate`. `deactivate` undoes it.

deactivate () {
    if [ -n "${_MPOETRY_OLD_PATH+set}" ]; then
        PATH=$_MPOETRY_OLD_PATH
        export PATH
        unset _MPOETRY_OLD_PATH
    fi
    if [ -n "${_MPOETRY_OLD_PYTHONHOME+set}" ]; then
        PYTHONHOME=$_MPOETRY_OLD_PYTHONHOME
        export PYTHONHOME
        unset _MPOETRY_OLD_PYTHONHOME
    fi
    if [ -n "${_MPOETRY_OLD_PS1+set}" ]; then
        PS1=$_MPOETRY_OLD_PS1
        unset _MPOETRY_OLD_PS1
    fi
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    # The shell remembers where it found programs.
    hash -r 2>/dev/null || true
    if [ "${1-}" != keep ]; then
        unset -f deactivate
    fi
}

# Leave an environment that is active already.
deactivate keep

VIRTUAL_ENV=@ROOT@
VIRTUAL_ENV_PROMPT=@PROMPT@
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT

_MPOETRY_OLD_PATH=${PATH-}
PATH=$VIRTUAL_ENV/@BIN@${PATH:+:$PATH}
export PATH

# It would lead the interpreter to another standard library.
if [ -n "${PYTHONHOME+set}" ]; then
    _MPOETRY_OLD_PYTHONHOME=$PYTHONHOME
    unset PYTHONHOME
fi

if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ]; then
    _MPOETRY_OLD_PS1=${PS1-}
    if [ -n "${BASH_VERSION-}" ]; then
        # bash expands its prompt each time it shows it.
        _MPOETRY_SHOWN=$(printf '%s' "$VIRTUAL_ENV_PROMPT" | sed 's/[\\$`]/\\&/g')
    elif [ -n "${ZSH_VERSION-}" ]; then
        _MPOETRY_SHOWN=$(printf '%s' "$VIRTUAL_ENV_PROMPT" | sed 's/%/%%/g')
    else
        _MPOETRY_SHOWN=$VIRTUAL_ENV_PROMPT
    fi
    PS1="($_MPOETRY_SHOWN) ${PS1-}"
    unset _MPOETRY_SHOWN
fi

hash -r 2>/dev/null || true
