# Run this file in PowerShell: `. bin/activate.ps1`. `deactivate` undoes it.

function global:deactivate([switch] $NonDestructive) {
    if (Test-Path Variable:_OLD_VIRTUAL_PATH) {
        $env:PATH = $global:_OLD_VIRTUAL_PATH
        Remove-Variable _OLD_VIRTUAL_PATH -Scope Global
    }
    if (Test-Path Variable:_OLD_VIRTUAL_PYTHONHOME) {
        $env:PYTHONHOME = $global:_OLD_VIRTUAL_PYTHONHOME
        Remove-Variable _OLD_VIRTUAL_PYTHONHOME -Scope Global
    }
    if (Test-Path Function:_old_virtual_prompt) {
        $Function:prompt = $Function:_old_virtual_prompt
        Remove-Item Function:_old_virtual_prompt
    }
    Remove-Item Env:VIRTUAL_ENV, Env:VIRTUAL_ENV_PROMPT -ErrorAction SilentlyContinue
    if (-not $NonDestructive) {
        Remove-Item Function:deactivate
    }
}

# Leave an environment that is active already, whoever made it: the names are those of all such scripts.
deactivate -NonDestructive

$env:VIRTUAL_ENV = @ROOT@
$env:VIRTUAL_ENV_PROMPT = @PROMPT@

$global:_OLD_VIRTUAL_PATH = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV @BIN@) + [IO.Path]::PathSeparator + $env:PATH

# It would lead the interpreter to another standard library.
if (Test-Path Env:PYTHONHOME) {
    $global:_OLD_VIRTUAL_PYTHONHOME = $env:PYTHONHOME
    Remove-Item Env:PYTHONHOME
}

if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    # Made in the global scope first, which the assignment then finds.
    function global:_old_virtual_prompt { '' }
    $Function:_old_virtual_prompt = $Function:prompt
    function global:prompt {
        Write-Host -NoNewline -ForegroundColor Green "($env:VIRTUAL_ENV_PROMPT) "
        _old_virtual_prompt
    }
}
