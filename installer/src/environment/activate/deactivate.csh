# The alias `deactivate` of activate.csh sources this file.

if ($?_OLD_VIRTUAL_PATH) then
    setenv PATH "$_OLD_VIRTUAL_PATH:q"
    unset _OLD_VIRTUAL_PATH
endif
if ($?_OLD_VIRTUAL_PYTHONHOME) then
    setenv PYTHONHOME "$_OLD_VIRTUAL_PYTHONHOME:q"
    unset _OLD_VIRTUAL_PYTHONHOME
endif
if ($?_OLD_VIRTUAL_PROMPT) then
    set prompt = "$_OLD_VIRTUAL_PROMPT:q"
    unset _OLD_VIRTUAL_PROMPT
endif
unsetenv VIRTUAL_ENV
unsetenv VIRTUAL_ENV_PROMPT
unset _VIRTUAL_DEACTIVATE
unalias deactivate
rehash
