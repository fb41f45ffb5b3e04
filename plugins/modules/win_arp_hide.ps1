#!powershell

# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -OSVersion 10.0.14393
#AnsibleRequires -PowerShell ..module_utils._ArpHidePlan
#AnsibleRequires -PowerShell ..module_utils._ArpHideHost

$spec = @{
    options = @{
        addresses = @{ type = 'list'; elements = 'str'; required = $true }
        interface = @{ type = 'list'; elements = 'str' }
        adapter = @{ type = 'str'; default = 'lvs.cluster' }
        ports = @{
            type = 'list'
            elements = 'dict'
            options = @{
                protocol = @{ type = 'str'; choices = @('tcp', 'udp'); default = 'tcp' }
                ports = @{ type = 'list'; elements = 'str'; default = @() }
                addresses = @{ type = 'list'; elements = 'str' }
            }
        }
        exclusive = @{ type = 'bool'; default = $false }
        state = @{ type = 'str'; choices = @('present', 'absent'); default = 'present' }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$module.Result.operations = @()

$request = Get-ArpHideRequest -Parameter $module.Params
if ($request.Mistakes.Count -gt 0) { $module.FailJson($request.Mistakes -join ' ') }

try {
    $state = Get-ArpHideState
    $plan = Get-ArpHidePlan -Request $request -State $state
}
catch {
    $reason = $_.Exception.Message.Trim().TrimEnd('.')
    $module.FailJson("The network settings of this host cannot be read: $reason. See that the same cmdlet works there.", $_)
}
if ($plan.Mistakes.Count -gt 0) { $module.FailJson($plan.Mistakes -join ' ') }

$module.Result.default_routes = @(
    foreach ($route in @(Get-DefaultRoute -State $state)) {
        @{ interface = $route.AdapterName; family = $route.Family; next_hop = $route.NextHop; metric = $route.Metric; used = $route.IsUsed }
    }
)
$before = @{}
$after = @{}
foreach ($setting in $plan.Settings) {
    $before[$setting.Name] = $setting.Before
    $after[$setting.Name] = $setting.After
}
$module.Diff.before = $before
$module.Diff.after = $after
$module.Result.operations = @($plan.Operations | ForEach-Object { ConvertTo-CommandLine -Operation $_ })
$module.Result.changed = $plan.Operations.Count -gt 0

if ($module.Result.changed -and -not $module.CheckMode) {
    if (-not (Test-Administrator)) {
        $module.Result.changed = $false
        $module.Result.operations = @()
        $module.FailJson('Only an administrator can change the network settings of this host. Connect as one, or use become with runas.')
    }
    $done = New-Object -TypeName 'System.Collections.Generic.List[String]'
    try {
        # What Windows or a policy made of it, not what was written.
        $plan = Invoke-ArpHidePlan -Request $request -Plan $plan -Done $done
    }
    catch {
        $module.Result.operations = @($done)
        $module.Result.changed = $done.Count -gt 0
        $reason = $_.Exception.GetBaseException().Message.Trim().TrimEnd('.')
        $module.FailJson("After $($done.Count) operations this failed: $reason. Correct that and run this again; what was done stays.", $_)
    }
    $module.Result.operations = @($done)
}
foreach ($warning in $plan.Warnings) { $module.Warn($warning) }
if (-not $module.CheckMode) {
    $remainder = @(Get-ArpHideRemainder -Plan $plan)
    if ($remainder.Count -gt 0) { $module.FailJson($remainder -join ' ') }
}
$module.ExitJson()
