# The alias `deactivate` of activate.csh sources this file.

if ($?_mpoetry_old_path) then
    setenv PATH "$_mpoetry_old_path:q"
    unset _mpoetry_old_path
endif
if ($?_mpoetry_old_pythonhome) then
    setenv PYTHONHOME "$_mpoetry_old_pythonhome:q"
    unset _mpoetry_old_pythonhome
endif
if ($?_mpoetry_old_prompt) then
    set prompt = "$_mpoetry_old_prompt:q"
    unset _mpoetry_old_prompt
endif
unsetenv VIRTUAL_ENV
unsetenv VIRTUAL_ENV_PROMPT
unset _mpoetry_deactivate
unalias deactivate
rehash
