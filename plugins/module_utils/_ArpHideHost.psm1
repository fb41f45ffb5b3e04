# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)

# The seam between the plan and Windows: every cmdlet that reads or changes the host is called here, and nothing is decided.
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
            Address = $place.IPAddress.Split('%')[0]
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
        [PSCustomObject]@{ Index = [Int32]$route.InterfaceIndex; Family = $family; Metric = $metric }
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
            Addresses = @(foreach ($address in $places.LocalAddress) { ([String]$address) -replace '/(32|128|255\.255\.255\.255)$' })
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

    $texts = @{ Adapter = ''; Vips = ''; WeakHostReceive = '' }
    $exists = Test-Path -LiteralPath $noteKey
    if ($exists) {
        $values = Get-ItemProperty -LiteralPath $noteKey -ErrorAction Stop
        foreach ($name in @('Adapter', 'Vips', 'WeakHostReceive')) {
            $property = $values.PSObject.Properties[$name]
            if ($null -ne $property) { $texts[$name] = [String]$property.Value }
        }
    }
    return [PSCustomObject]@{
        Exists = $exists
        Adapter = $texts['Adapter']
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

Function New-LoopbackAdapter {
    <#
    .SYNOPSIS
    Makes a loopback adapter, notes that it is ours, and gives it its name.
    #>
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Low')]
    param ([Parameter(Mandatory = $true)][String]$Name)

    $inf = Join-Path -Path $env:windir -ChildPath 'inf\netloop.inf'
    if (-not $PSCmdlet.ShouldProcess($Name, 'make a loopback adapter')) { return }
    $instanceId = [ansible_collections.lvs.cluster.plugins.module_utils._LoopbackDevice.LoopbackDevice]::Create($inf)
    # The device is there at once, the adapter only when its driver has started.
    $deadline = [DateTime]::UtcNow.AddSeconds(60)
    $adapter = $null
    while ($null -eq $adapter) {
        $adapter = Get-Found -Query { Get-NetAdapter -ErrorAction Stop } | Where-Object { $_.PnPDeviceID -eq $instanceId }
        if ($null -eq $adapter) {
            if ([DateTime]::UtcNow -gt $deadline) {
                throw "the loopback adapter $instanceId was made, but did not start within 60 seconds: see why in the device manager"
            }
            Start-Sleep -Milliseconds 500
        }
    }
    if (-not (Test-Path -LiteralPath $noteKey)) { $null = New-Item -Path $noteKey -ErrorAction Stop }
    $null = New-ItemProperty -Path $noteKey -Name Adapter -Value $adapter.InterfaceGuid -PropertyType String -Force -ErrorAction Stop
    Rename-NetAdapter -Name $adapter.Name -NewName $Name -Confirm:$false -ErrorAction Stop
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
}

Function Invoke-Operation {
    <#
    .SYNOPSIS
    Carries one operation out.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$Operation)

    if ($Operation.Command -notin $knownCommands) {
        throw "the plan asks for $($Operation.Command), which is none of its commands"
    }
    $arguments = @{ ErrorAction = 'Stop' }
    foreach ($name in $Operation.Arguments.Keys) { $arguments[$name] = $Operation.Arguments[$name] }
    $null = & $Operation.Command @arguments
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
    Carries a plan out and notes each operation in Done. What a new adapter comes with is read before its settings are planned.
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
        $rest = Get-ArpHidePlan -Request $Request -State (Get-ArpHideState)
        if ($rest.Mistakes.Count -gt 0) { throw ($rest.Mistakes -join ' ') }
    }
    foreach ($operation in $rest.Operations) {
        Invoke-Operation -Operation $operation
        $Done.Add((ConvertTo-CommandLine -Operation $operation))
    }
}

Export-ModuleMember -Function @('Get-ArpHideState', 'Invoke-ArpHidePlan', 'Test-Administrator')
