# Source this file in csh or tcsh: `source bin/activate.csh`. `deactivate` undoes it.

# Leave an environment that is active already.
if ($?_mpoetry_old_path) source @ROOT@/@BIN@/deactivate.csh

setenv VIRTUAL_ENV @ROOT@
setenv VIRTUAL_ENV_PROMPT @PROMPT@

set _mpoetry_old_path = "$PATH:q"
setenv PATH "$VIRTUAL_ENV:q"/@BIN@:"$PATH:q"

# It would lead the interpreter to another standard library.
if ($?PYTHONHOME) then
    set _mpoetry_old_pythonhome = "$PYTHONHOME:q"
    unsetenv PYTHONHOME
endif

if ($?prompt && ! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    set _mpoetry_old_prompt = "$prompt:q"
    set prompt = "($VIRTUAL_ENV_PROMPT:q) $prompt:q"
endif

set _mpoetry_deactivate = @ROOT@/@BIN@/deactivate.csh
alias deactivate 'source "$_mpoetry_deactivate:q"'
rehash
