# Source this file in bash, zsh or another POSIX shell: `. bin/activate`. `deactivate` undoes it.

deactivate () {
    if [ -n "${_OLD_VIRTUAL_PATH+set}" ]; then
        PATH=$_OLD_VIRTUAL_PATH
        export PATH
        unset _OLD_VIRTUAL_PATH
    fi
    if [ -n "${_OLD_VIRTUAL_PYTHONHOME+set}" ]; then
        PYTHONHOME=$_OLD_VIRTUAL_PYTHONHOME
        export PYTHONHOME
        unset _OLD_VIRTUAL_PYTHONHOME
    fi
    if [ -n "${_OLD_VIRTUAL_PS1+set}" ]; then
        PS1=$_OLD_VIRTUAL_PS1
        unset _OLD_VIRTUAL_PS1
    fi
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    # The shell remembers where it found programs.
    hash -r 2>/dev/null || true
    if [ "${1-}" != nondestructive ]; then
        unset -f deactivate
    fi
}

# Leave an environment that is active already, whoever made it: the names are those of all such scripts.
deactivate nondestructive

VIRTUAL_ENV=@ROOT@
VIRTUAL_ENV_PROMPT=@PROMPT@
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT

_OLD_VIRTUAL_PATH=${PATH-}
PATH=$VIRTUAL_ENV/@BIN@${PATH:+:$PATH}
export PATH

# It would lead the interpreter to another standard library.
if [ -n "${PYTHONHOME+set}" ]; then
    _OLD_VIRTUAL_PYTHONHOME=$PYTHONHOME
    unset PYTHONHOME
fi

# Other shells would run what is in the prompt.
if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ] && [ -n "${BASH_VERSION-}${ZSH_VERSION-}" ]; then
    _OLD_VIRTUAL_PS1=${PS1-}
    _VIRTUAL_SHOWN=$VIRTUAL_ENV_PROMPT
    if [ -n "${ZSH_VERSION-}" ]; then
        _VIRTUAL_SHOWN=$(printf '%s' "$_VIRTUAL_SHOWN" | sed 's/%/%%/g')
    fi
    # bash expands its prompt each time it shows it, zsh does so on demand.
    if [ -n "${BASH_VERSION-}" ]; then
        _VIRTUAL_SHOWN=$(printf '%s' "$_VIRTUAL_SHOWN" | sed 's/\\/\\\\\\\\/g; s/[$`]/\\&/g')
    elif [[ -o promptsubst ]]; then
        _VIRTUAL_SHOWN=$(printf '%s' "$_VIRTUAL_SHOWN" | sed 's/[\\$`]/\\&/g')
    fi
    PS1="($_VIRTUAL_SHOWN) ${PS1-}"
    unset _VIRTUAL_SHOWN
fi

hash -r 2>/dev/null || true
