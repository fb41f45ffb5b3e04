# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)

# The seam between the plan and Windows: every cmdlet that reads or changes the host is called here, and nothing is decided. What
# Windows does after a cmdlet has returned is waited for, until it is seen or a time is over.
# The properties that are read are those which Microsoft documents for the classes in root/StandardCimv2.

#AnsibleRequires -CSharpUtil ._LoopbackDevice
#AnsibleRequires -PowerShell ._ArpHidePlan

$noteKey = 'HKLM:\SOFTWARE\lvs.cluster'
# What a plan may ask for. The first two are functions of this file.
$knownCommands = @(
    'New-LoopbackAdapter'
    'Remove-LoopbackAdapter'
    'Disable-NetAdapterBinding'
    'Enable-NetAdapter'
    'New-Item'
    'New-ItemProperty'
    'New-NetFirewallRule'
    'New-NetIPAddress'
    'Remove-Item'
    'Remove-ItemProperty'
    'Remove-NetFirewallRule'
    'Remove-NetIPAddress'
    'Set-DnsClient'
    'Set-NetFirewallRule'
    'Set-NetIPAddress'
    'Set-NetIPInterface'
)
# The cmdlets give words for some numbers of their classes, not the same ones everywhere.
$switchWords = @{ '0' = 'Disabled'; '1' = 'Enabled' }
$familyWords = @{ '2' = 'IPv4'; '23' = 'IPv6' }
$addressWords = @{ '0' = 'Invalid'; '1' = 'Tentative'; '2' = 'Duplicate'; '3' = 'Deprecated'; '4' = 'Preferred' }
$adminWords = @{ '1' = 'Up'; '2' = 'Down'; '3' = 'Testing' }
$enabledWords = @{ '1' = 'True'; '2' = 'False' }
$directionWords = @{ '1' = 'Inbound'; '2' = 'Outbound' }
$actionWords = @{ '2' = 'Allow'; '3' = 'AllowBypass'; '4' = 'Block' }
$enforcementWords = @{ '16' = 'LocalFirewallRulesDisallowed' }

Function ConvertTo-Word {
    <#
    .SYNOPSIS
    The word for a value that may be a number already.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ($Value, [Parameter(Mandatory = $true)][Hashtable]$Words)

    $text = [String]$Value
    if ($Words.ContainsKey($text)) { return $Words[$text] }
    return $text
}

Function Get-Found {
    <#
    .SYNOPSIS
    What a query finds. To these cmdlets it is an error when that is nothing; any other error stays one.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)][ScriptBlock]$Query)

    try {
        & $Query
    }
    catch {
        if ($_.FullyQualifiedErrorId -notlike 'CmdletizationQuery_NotFound*') { throw }
    }
}

Function Get-AdapterState {
    <#
    .SYNOPSIS
    The network adapters (MSFT_NetAdapter).
    #>
    [CmdletBinding()]
    param ()

    foreach ($adapter in @(Get-Found -Query { Get-NetAdapter -ErrorAction Stop })) {
        [PSCustomObject]@{
            Name = $adapter.Name
            Index = [Int32]$adapter.InterfaceIndex
            Guid = $adapter.InterfaceGuid
            ComponentId = [String]$adapter.ComponentID
            InstanceId = [String]$adapter.PnPDeviceID
            AdminStatus = ConvertTo-Word -Value $adapter.InterfaceAdminStatus -Words $adminWords
        }
    }
}

Function Get-AddressState {
    <#
    .SYNOPSIS
    The addresses (MSFT_NetIPAddress).
    #>
    [CmdletBinding()]
    param ()

    foreach ($place in @(Get-Found -Query { Get-NetIPAddress -ErrorAction Stop })) {
        [PSCustomObject]@{
            # A link-local address comes with its zone, as in fe80::1%5.
            Address = ConvertTo-NormalAddress -Text ($place.IPAddress.Split('%')[0])
            Index = [Int32]$place.InterfaceIndex
            PrefixLength = [Int32]$place.PrefixLength
            SkipAsSource = [Boolean]$place.SkipAsSource
            AddressState = ConvertTo-Word -Value $place.AddressState -Words $addressWords
        }
    }
}

Function Get-InterfaceState {
    <#
    .SYNOPSIS
    What each adapter does with each address family (MSFT_NetIPInterface).
    #>
    [CmdletBinding()]
    param ()

    foreach ($found in @(Get-Found -Query { Get-NetIPInterface -ErrorAction Stop })) {
        [PSCustomObject]@{
            Index = [Int32]$found.InterfaceIndex
            Family = ConvertTo-Word -Value $found.AddressFamily -Words $familyWords
            WeakHostReceive = ConvertTo-Word -Value $found.WeakHostReceive -Words $switchWords
            WeakHostSend = ConvertTo-Word -Value $found.WeakHostSend -Words $switchWords
            AutomaticMetric = ConvertTo-Word -Value $found.AutomaticMetric -Words $switchWords
            InterfaceMetric = [Int64]$found.InterfaceMetric
            Dhcp = ConvertTo-Word -Value $found.Dhcp -Words $switchWords
        }
    }
}

Function Get-DefaultRouteState {
    <#
    .SYNOPSIS
    The default routes (MSFT_NetRoute), each with the metric that decides: that of the route and that of its adapter.
    #>
    [CmdletBinding()]
    param ($Interface)

    # Asked one by one: that there is none for one family must not hide that of the other.
    $routes = @(
        foreach ($prefix in @('0.0.0.0/0', '::/0')) {
            Get-Found -Query { Get-NetRoute -DestinationPrefix $prefix -ErrorAction Stop }
        }
    )
    foreach ($route in $routes) {
        $family = ConvertTo-Word -Value $route.AddressFamily -Words $familyWords
        $metric = [Int64]$route.RouteMetric
        foreach ($found in $Interface) {
            if ($found.Index -eq $route.InterfaceIndex -and $found.Family -eq $family) { $metric += $found.InterfaceMetric }
        }
        [PSCustomObject]@{
            Index = [Int32]$route.InterfaceIndex
            AdapterName = [String]$route.InterfaceAlias
            Family = $family
            NextHop = ConvertTo-NormalAddress -Text (([String]$route.NextHop).Split('%')[0])
            Metric = $metric
        }
    }
}

Function Get-BindingState {
    <#
    .SYNOPSIS
    What is bound to each adapter (MSFT_NetAdapterBindingSettingData).
    #>
    [CmdletBinding()]
    param ()

    foreach ($binding in @(Get-Found -Query { Get-NetAdapterBinding -ErrorAction Stop })) {
        [PSCustomObject]@{ Adapter = $binding.Name; Component = [String]$binding.ComponentID; IsEnabled = [Boolean]$binding.Enabled }
    }
}

Function Get-DnsState {
    <#
    .SYNOPSIS
    Which adapters register their addresses in DNS (MSFT_DNSClient).
    #>
    [CmdletBinding()]
    param ()

    foreach ($client in @(Get-Found -Query { Get-DnsClient -ErrorAction Stop })) {
        [PSCustomObject]@{ Index = [Int32]$client.InterfaceIndex; Registers = [Boolean]$client.RegisterThisConnectionsAddress }
    }
}

Function ConvertTo-RuleAddress {
    <#
    .SYNOPSIS
    An address of a rule: without the mask of a single one, and normalised. Ranges and words stay as they are.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([String]$Text)

    $bare = $Text -replace '/(32|128|255\.255\.255\.255)$'
    $normal = ConvertTo-NormalAddress -Text $bare
    if ($normal) { return $normal }
    return $bare
}

Function Get-RuleState {
    <#
    .SYNOPSIS
    The firewall's rules of our group (MSFT_NetFirewallRule), with their ports and addresses.
    #>
    [CmdletBinding()]
    param ()

    foreach ($rule in @(Get-Found -Query { Get-NetFirewallRule -Group 'lvs.cluster' -ErrorAction Stop })) {
        $ports = Get-NetFirewallPortFilter -AssociatedNetFirewallRule $rule -ErrorAction Stop
        $places = Get-NetFirewallAddressFilter -AssociatedNetFirewallRule $rule -ErrorAction Stop
        $name = $rule.InstanceID
        $active = @(Get-Found -Query { Get-NetFirewallRule -PolicyStore ActiveStore -Name $name -ErrorAction Stop })
        $enforcement = @(
            foreach ($each in $active) {
                foreach ($status in $each.EnforcementStatus) { ConvertTo-Word -Value $status -Words $enforcementWords }
            }
        )
        [PSCustomObject]@{
            Name = $name
            Protocol = [String]$ports.Protocol
            Ports = @(foreach ($port in $ports.LocalPort) { [String]$port })
            Addresses = @(foreach ($address in $places.LocalAddress) { ConvertTo-RuleAddress -Text $address })
            Direction = ConvertTo-Word -Value $rule.Direction -Words $directionWords
            Action = ConvertTo-Word -Value $rule.Action -Words $actionWords
            Profile = ConvertTo-Word -Value $rule.Profiles -Words @{ '0' = 'Any' }
            Enabled = ConvertTo-Word -Value $rule.Enabled -Words $enabledWords
            IsIgnored = $enforcement -contains 'LocalFirewallRulesDisallowed'
        }
    }
}

Function Get-NoteState {
    <#
    .SYNOPSIS
    What the host remembers of us.
    #>
    [CmdletBinding()]
    param ()

    $texts = @{ Adapter = ''; Unfinished = ''; Vips = ''; WeakHostReceive = '' }
    $exists = Test-Path -LiteralPath $noteKey
    if ($exists) {
        $values = Get-ItemProperty -LiteralPath $noteKey -ErrorAction Stop
        foreach ($name in @('Adapter', 'Unfinished', 'Vips', 'WeakHostReceive')) {
            $property = $values.PSObject.Properties[$name]
            if ($null -ne $property) { $texts[$name] = [String]$property.Value }
        }
    }
    return [PSCustomObject]@{
        Exists = $exists
        Adapter = $texts['Adapter']
        Unfinished = $texts['Unfinished']
        Vips = @($texts['Vips'].Split(' ') | Where-Object { $_ })
        WeakHostReceive = @($texts['WeakHostReceive'].Split(' ') | Where-Object { $_ })
    }
}

Function Get-ArpHideState {
    <#
    .SYNOPSIS
    Everything about this host that a plan may need.
    #>
    [CmdletBinding()]
    param ()

    $interfaces = @(Get-InterfaceState)
    $firewallRuns = [String](Get-Service -Name MpsSvc -ErrorAction Stop).Status -eq 'Running'
    return [PSCustomObject]@{
        Adapters = @(Get-AdapterState)
        Addresses = @(Get-AddressState)
        Interfaces = $interfaces
        DefaultRoutes = @(Get-DefaultRouteState -Interface $interfaces)
        Bindings = @(Get-BindingState)
        DnsClients = @(Get-DnsState)
        FirewallRuns = $firewallRuns
        Rules = @(if ($firewallRuns) { Get-RuleState })
        Note = Get-NoteState
    }
}

Function Wait-Condition {
    <#
    .SYNOPSIS
    Whether a condition came true within so many seconds. It is looked at twice a second.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ([Parameter(Mandatory = $true)][ScriptBlock]$Condition, [Parameter(Mandatory = $true)][Int32]$Seconds)

    # Not by the time of day, which may be set while we wait.
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($watch.Elapsed.TotalSeconds -ge $Seconds) { return $false }
        Start-Sleep -Milliseconds 500
    }
    return $true
}

Function Get-AdapterOfDevice {
    <#
    .SYNOPSIS
    The network adapter of a device, or nothing while there is none.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)][String]$InstanceId)

    Get-AdapterState | Where-Object { $_.InstanceId -eq $InstanceId } | Select-Object -First 1
}

Function Wait-LoopbackAdapter {
    <#
    .SYNOPSIS
    The adapter of a new device. The device is there at once, the adapter only when its driver has started.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)][String]$InstanceId, [Boolean]$NeedsReboot)

    if (Wait-Condition -Seconds 60 -Condition { $null -ne (Get-AdapterOfDevice -InstanceId $InstanceId) }) {
        return Get-AdapterOfDevice -InstanceId $InstanceId
    }
    if ($NeedsReboot) { throw 'Windows wants a reboot before it starts a new loopback adapter: reboot this host' }
    throw "the loopback adapter $InstanceId did not start within 60 seconds: see why in $env:windir\INF\setupapi.dev.log"
}

Function Wait-AddressGone {
    <#
    .SYNOPSIS
    Returns when an address has left an adapter. Before that the same one cannot be set there again.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)][String]$AdapterName, [Parameter(Mandatory = $true)][String]$Address)

    $isGone = Wait-Condition -Seconds 15 -Condition {
        @(Get-Found -Query { Get-NetIPAddress -InterfaceAlias $AdapterName -IPAddress $Address -ErrorAction Stop }).Count -eq 0
    }
    if (-not $isGone) { throw "$Address still stands on $AdapterName 15 seconds after its removal: see which program sets it there" }
}

Function New-LoopbackAdapter {
    <#
    .SYNOPSIS
    Makes a loopback adapter, gives it its name and notes that it is ours, or leaves nothing of it behind.
    #>
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Low')]
    param ([Parameter(Mandatory = $true)][String]$Name)

    if (-not $PSCmdlet.ShouldProcess($Name, 'make a loopback adapter')) { return }
    $inf = Join-Path -Path $env:windir -ChildPath 'inf\netloop.inf'
    $isNewKey = -not (Test-Path -LiteralPath $noteKey)
    $instanceId = ''
    try {
        # Before the device: where nothing can be noted, none is made.
        if ($isNewKey) { $null = New-Item -Path $noteKey -ErrorAction Stop }
        $instanceId = [ansible_collections.lvs.cluster.plugins.module_utils._LoopbackDevice.LoopbackDevice]::Register()
        # Before its driver, which takes its time: should this be cut off there, the next run finds what to remove.
        $null = New-ItemProperty -Path $noteKey -Name Unfinished -Value $instanceId -PropertyType String -Force -ErrorAction Stop
        $needsReboot = [ansible_collections.lvs.cluster.plugins.module_utils._LoopbackDevice.LoopbackDevice]::Install($instanceId, $inf)
        $adapter = Wait-LoopbackAdapter -InstanceId $instanceId -NeedsReboot $needsReboot
        Rename-NetAdapter -Name $adapter.Name -NewName $Name -Confirm:$false -ErrorAction Stop
        $null = New-ItemProperty -Path $noteKey -Name Adapter -Value $adapter.Guid -PropertyType String -Force -ErrorAction Stop
        Remove-ItemProperty -Path $noteKey -Name Unfinished -Confirm:$false -ErrorAction Stop
    }
    catch {
        $failure = $_
        try {
            Undo-LoopbackAdapter -InstanceId $instanceId -IsNewKey $isNewKey
        }
        catch {
            $left = "'$instanceId' and the note of it stay for now, because they cannot be removed: $($_.Exception.GetBaseException().Message)"
            throw "$($failure.Exception.GetBaseException().Message); $left"
        }
        throw $failure
    }
}

Function Undo-LoopbackAdapter {
    <#
    .SYNOPSIS
    Removes what was made of an adapter, and then the note of it: while the device cannot be removed, the note stays for the next run.
    #>
    [CmdletBinding()]
    param ([String]$InstanceId, [Boolean]$IsNewKey)

    if ($InstanceId) { Remove-LoopbackAdapter -InstanceId $InstanceId }
    if (-not (Test-Path -LiteralPath $noteKey)) { return }
    if ($IsNewKey) {
        Remove-Item -LiteralPath $noteKey -Recurse -Confirm:$false -ErrorAction Stop
    }
    elseif ((Get-NoteState).Unfinished) {
        Remove-ItemProperty -LiteralPath $noteKey -Name Unfinished -Confirm:$false -ErrorAction Stop
    }
}

Function Remove-LoopbackAdapter {
    <#
    .SYNOPSIS
    Removes a loopback adapter that we made.
    #>
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Low')]
    param ([Parameter(Mandatory = $true)][String]$InstanceId)

    if (-not $PSCmdlet.ShouldProcess($InstanceId, 'remove the loopback adapter')) { return }
    if ([ansible_collections.lvs.cluster.plugins.module_utils._LoopbackDevice.LoopbackDevice]::Remove($InstanceId)) {
        throw "Windows removes the loopback adapter $InstanceId with the next reboot only: reboot this host"
    }
    if (-not (Wait-Condition -Seconds 30 -Condition { $null -eq (Get-AdapterOfDevice -InstanceId $InstanceId) })) {
        throw "the loopback adapter $InstanceId is still there 30 seconds after its removal: see why in $env:windir\INF\setupapi.dev.log"
    }
}

Function Invoke-Operation {
    <#
    .SYNOPSIS
    Carries one operation out, and returns when it has taken effect.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$Operation)

    if ($Operation.Command -notin $knownCommands) {
        throw "the plan asks for $($Operation.Command), which is none of its commands"
    }
    $arguments = @{ ErrorAction = 'Stop' }
    foreach ($name in $Operation.Arguments.Keys) { $arguments[$name] = $Operation.Arguments[$name] }
    $null = & $Operation.Command @arguments
    if ($Operation.Command -eq 'Remove-NetIPAddress') {
        Wait-AddressGone -AdapterName $Operation.Arguments['InterfaceAlias'] -Address $Operation.Arguments['IPAddress']
    }
}

Function Get-SettledPlan {
    <#
    .SYNOPSIS
    The plan made again after a change, as soon as Windows has come to rest: when nothing is left to do or to wait for, or after so many
    seconds as it is then. With OfDevices only the adapter itself has to be there, with its address families.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory = $true)]$Request,
        [Parameter(Mandatory = $true)][Int32]$Seconds,
        [Switch]$OfDevices
    )

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $plan = Get-ArpHidePlan -Request $Request -State (Get-ArpHideState)
        if ((Test-Settled -Plan $plan -OfDevices:$OfDevices) -or $watch.Elapsed.TotalSeconds -ge $Seconds) { return $plan }
        Start-Sleep -Milliseconds 500
    }
}

Function Test-Administrator {
    <#
    .SYNOPSIS
    Whether this session may change anything at all.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ()

    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $identity
    return $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
}

Function Invoke-ArpHidePlan {
    <#
    .SYNOPSIS
    Carries a plan out, notes each operation in Done, and returns the plan as it reads when Windows has come to rest. What a new adapter
    comes with is read before its settings are planned.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory = $true)]$Request,
        [Parameter(Mandatory = $true)]$Plan,
        [Parameter(Mandatory = $true)][AllowEmptyCollection()][System.Collections.Generic.List[String]]$Done
    )

    $rest = $Plan
    $devices = @($Plan.Settings | Where-Object { $_.IsDevice } | ForEach-Object { $_.Operations })
    if ($devices.Count -gt 0) {
        foreach ($operation in $devices) {
            Invoke-Operation -Operation $operation
            $Done.Add((ConvertTo-CommandLine -Operation $operation))
        }
        $rest = Get-SettledPlan -Request $Request -Seconds 60 -OfDevices
        if ($rest.Mistakes.Count -gt 0) { throw ($rest.Mistakes -join ' ') }
        # What else it plans is not to be trusted then; it might be a second adapter.
        if (-not (Test-Settled -Plan $rest -OfDevices)) {
            throw 'the loopback adapter was not ready within 60 seconds: see what Get-NetAdapter and Get-NetIPInterface show of it'
        }
    }
    foreach ($operation in $rest.Operations) {
        Invoke-Operation -Operation $operation
        $Done.Add((ConvertTo-CommandLine -Operation $operation))
    }
    Get-SettledPlan -Request $Request -Seconds 30
}

Export-ModuleMember -Function @('Get-ArpHideState', 'Invoke-ArpHidePlan', 'Test-Administrator')
