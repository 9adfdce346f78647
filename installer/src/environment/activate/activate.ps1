# Run this file in PowerShell: `. bin/activate.ps1`. `deactivate` undoes it.

function global:deactivate([switch] $Keep) {
    if (Test-Path Variable:global:_MpoetryOldPath) {
        $env:PATH = $global:_MpoetryOldPath
        Remove-Variable _MpoetryOldPath -Scope Global
    }
    if (Test-Path Variable:global:_MpoetryOldPythonHome) {
        $env:PYTHONHOME = $global:_MpoetryOldPythonHome
        Remove-Variable _MpoetryOldPythonHome -Scope Global
    }
    if (Test-Path Function:_MpoetryOldPrompt) {
        $Function:prompt = $Function:_MpoetryOldPrompt
        Remove-Item Function:_MpoetryOldPrompt
    }
    Remove-Item Env:VIRTUAL_ENV, Env:VIRTUAL_ENV_PROMPT -ErrorAction SilentlyContinue
    if (-not $Keep) {
        Remove-Item Function:deactivate
    }
}

# Leave an environment that is active already.
deactivate -Keep

$env:VIRTUAL_ENV = @ROOT@
$env:VIRTUAL_ENV_PROMPT = @PROMPT@

$global:_MpoetryOldPath = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV @BIN@) + [IO.Path]::PathSeparator + $env:PATH

# It would lead the interpreter to another standard library.
if (Test-Path Env:PYTHONHOME) {
    $global:_MpoetryOldPythonHome = $env:PYTHONHOME
    Remove-Item Env:PYTHONHOME
}

if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    $Function:global:_MpoetryOldPrompt = $Function:prompt
    function global:prompt {
        Write-Host -NoNewline -ForegroundColor Green "($env:VIRTUAL_ENV_PROMPT) "
        _MpoetryOldPrompt
    }
}
