# Source this file in csh or tcsh: `source bin/activate.csh`. `deactivate` undoes it.

# Leave an environment that is active already.
if ($?_OLD_VIRTUAL_PATH) source @ROOT@/@BIN@/deactivate.csh

setenv VIRTUAL_ENV @ROOT@
setenv VIRTUAL_ENV_PROMPT @PROMPT@

set _OLD_VIRTUAL_PATH = "$PATH:q"
setenv PATH "$VIRTUAL_ENV:q"/@BIN@:"$PATH:q"

# It would lead the interpreter to another standard library.
if ($?PYTHONHOME) then
    set _OLD_VIRTUAL_PYTHONHOME = "$PYTHONHOME:q"
    unsetenv PYTHONHOME
endif

if ($?prompt && ! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    set _OLD_VIRTUAL_PROMPT = "$prompt:q"
    set prompt = "($VIRTUAL_ENV_PROMPT:q) $prompt:q"
endif

set _VIRTUAL_DEACTIVATE = @ROOT@/@BIN@/deactivate.csh
alias deactivate 'source "$_VIRTUAL_DEACTIVATE:q"'
rehash
