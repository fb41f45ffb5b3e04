# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: BSD-2-Clause
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)

# From what is asked and what is there to a list of settings, each with its value before and after and with the commands
# that lead from one to the other. Pure: nothing here reads or changes a host; _ArpHideHost.psm1 does.
#
# The order is the point of it. A VIP that comes: the adapter, a note of what will be changed, weak host receive, the
# adapter's settings, then the VIP, at last the firewall's rules. A VIP that goes takes the same way back.

Function ConvertTo-NormalAddress {
    <#
    .SYNOPSIS
    The address as Windows writes it, or nothing for a text that is no address.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([String]$Text)

    if ($Text -match '^[0-9]+(\.[0-9]+){3}$') {
        # .NET reads 010 as eight and 192.168.1 as 192.168.0.1: nobody means that.
        foreach ($octet in $Text.Split('.')) {
            if ($octet.Length -gt 3 -or [Int32]$octet -gt 255 -or $octet -cne [String][Int32]$octet) {
                return
            }
        }
        return $Text
    }
    $parsed = $null
    if ($Text -match '^[0-9a-fA-F:.]+$' -and $Text.Contains(':') -and [System.Net.IPAddress]::TryParse($Text, [ref]$parsed)) {
        return $parsed.ToString()
    }
}

Function Get-AddressFamily {
    <#
    .SYNOPSIS
    IPv4 or IPv6, the words that the cmdlets use.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)][String]$Address)

    if ($Address.Contains(':')) { return 'IPv6' }
    return 'IPv4'
}

Function Get-HostPrefixLength {
    <#
    .SYNOPSIS
    The mask with which a VIP stands alone: no other address of its network becomes local to this host.
    #>
    [CmdletBinding()]
    [OutputType([Int32])]
    param ([Parameter(Mandatory = $true)][String]$Address)

    if ((Get-AddressFamily -Address $Address) -eq 'IPv6') { return 128 }
    return 32
}

Function Test-LinkLocalAddress {
    <#
    .SYNOPSIS
    Whether Windows gave the adapter this address by itself.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ([Parameter(Mandatory = $true)][String]$Address)

    return $Address -like '169.254.*' -or $Address -match '^fe[89ab][0-9a-f]:'
}

Function Test-VipAddress {
    <#
    .SYNOPSIS
    Whether an address can be a VIP at all: one that a client can connect to from elsewhere.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ([Parameter(Mandatory = $true)][String]$Address)

    if (Test-LinkLocalAddress -Address $Address) { return $false }
    if ((Get-AddressFamily -Address $Address) -eq 'IPv6') {
        return $Address -notin @('::', '::1') -and $Address -notmatch '^ff[0-9a-f]{2}:'
    }
    $first = [Int32]$Address.Split('.')[0]
    return $first -gt 0 -and $first -lt 224 -and $first -ne 127
}

Function Test-InSubnet {
    <#
    .SYNOPSIS
    Whether an address lies in the subnet of another one.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param (
        [Parameter(Mandatory = $true)][String]$Address,
        [Parameter(Mandatory = $true)][String]$Neighbour,
        [Parameter(Mandatory = $true)][Int32]$PrefixLength
    )

    $left = [System.Net.IPAddress]::Parse($Address).GetAddressBytes()
    $right = [System.Net.IPAddress]::Parse($Neighbour).GetAddressBytes()
    if ($left.Length -ne $right.Length) { return $false }
    for ($index = 0; $index -lt $left.Length; $index++) {
        $bits = [Math]::Min(8, [Math]::Max(0, $PrefixLength - 8 * $index))
        $mask = (0xFF00 -shr $bits) -band 0xFF
        if (($left[$index] -band $mask) -ne ($right[$index] -band $mask)) { return $false }
    }
    return $true
}

Function ConvertTo-PortText {
    <#
    .SYNOPSIS
    A port or a range as the firewall writes it, or nothing for a text that is neither.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([String]$Text)

    $first = 0
    $last = 0
    if ($Text -match '^[0-9]{1,5}$') {
        $first = [Int32]$Text
        $last = $first
    }
    elseif ($Text -match '^[0-9]{1,5}[:-][0-9]{1,5}$') {
        $first, $last = @(foreach ($number in $Text.Replace(':', '-').Split('-')) { [Int32]$number })
    }
    if ($first -lt 1 -or $last -gt 65535 -or $last -lt $first) { return }
    if ($first -eq $last) { return [String]$first }
    return '{0}-{1}' -f $first, $last
}

Function Get-PortMistake {
    <#
    .SYNOPSIS
    A sentence for each mistake in one entry of ports.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$Entry, [Int32]$Index, [String[]]$Vip)

    foreach ($port in $Entry.ports) {
        if (-not (ConvertTo-PortText -Text $port)) {
            "ports[$Index].ports: '$port' is no port. Write a number from 1 to 65535, or a range such as 10000-20000."
        }
    }
    foreach ($address in $Entry.addresses) {
        $normal = ConvertTo-NormalAddress -Text $address
        if (-not $normal -or $normal -notin $Vip) {
            "ports[$Index].addresses: $address is not one of the VIPs in addresses. Add it there, or take it out here."
        }
    }
}

Function Get-RequestMistake {
    <#
    .SYNOPSIS
    A sentence for each mistake in the module's options, whatever the host is like.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$Parameter, [String[]]$Vip)

    foreach ($text in $Parameter.addresses) {
        $normal = ConvertTo-NormalAddress -Text $text
        if (-not $normal) {
            "addresses: '$text' is no IP address. Write a VIP without mask, such as 192.0.2.100 or 2001:db8::100."
        }
        elseif (-not (Test-VipAddress -Address $normal)) {
            "addresses: $text cannot be a VIP, because no client can connect to it from elsewhere. Write the VIP of a service."
        }
    }
    if ($Parameter.exclusive -and $Parameter.state -ne 'present') {
        'exclusive: with state: absent it says nothing. Use it with state: present.'
    }
    if (@($Parameter.addresses).Count -eq 0 -and -not $Parameter.exclusive) {
        'addresses: the list is empty, so there is nothing to do. Give at least one VIP.'
    }
    if ($Parameter.adapter -notmatch '^[A-Za-z0-9][A-Za-z0-9 ._()-]{0,62}$') {
        "adapter: '$($Parameter.adapter)' cannot be the name of a new adapter. Use up to 63 letters, digits, spaces, dots, dashes " +
        'and underscores, such as lvs.cluster.'
    }
    if ($null -ne $Parameter.ports -and $Parameter.state -ne 'present') {
        'ports: with state: absent every rule of the VIPs goes. Leave ports out.'
    }
    if ($null -ne $Parameter.ports) {
        $index = 0
        foreach ($entry in $Parameter.ports) {
            Get-PortMistake -Entry $entry -Index $index -Vip $Vip
            $index++
        }
    }
}

Function Get-ArpHideRequest {
    <#
    .SYNOPSIS
    What the module's options ask for, normalised, with a sentence for each mistake in them.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$Parameter)

    $normal = @(foreach ($text in $Parameter.addresses) { ConvertTo-NormalAddress -Text $text })
    $vips = @($normal | Select-Object -Unique)
    $mistakes = @(Get-RequestMistake -Parameter $Parameter -Vip $vips)
    $rules = @()
    if ($mistakes.Count -eq 0 -and $null -ne $Parameter.ports) {
        $rules = @(foreach ($vip in $vips) { Get-WantedRule -Vip $vip -Port $Parameter.ports })
    }
    return [PSCustomObject]@{
        Vips = $vips
        IsPresent = $Parameter.state -eq 'present'
        IsExclusive = [Boolean]$Parameter.exclusive
        Interfaces = @(foreach ($name in $Parameter.interface) { $name })
        AdapterName = $Parameter.adapter
        # Without ports the firewall is not looked at; an empty list says that no rule is left.
        ManagesRules = $null -ne $Parameter.ports
        Rules = $rules
        Mistakes = $mistakes
    }
}

Function Get-WantedRule {
    <#
    .SYNOPSIS
    The firewall's rules for one VIP: one for each protocol, because a rule holds no two.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)][String]$Vip, $Port)

    foreach ($protocol in @('TCP', 'UDP')) {
        $isWanted = $false
        $isAny = $false
        $texts = @()
        foreach ($entry in $Port) {
            $addresses = @(foreach ($address in $entry.addresses) { ConvertTo-NormalAddress -Text $address })
            if ($entry.protocol -ne $protocol -or ($addresses.Count -gt 0 -and $Vip -notin $addresses)) { continue }
            $isWanted = $true
            $ports = @(foreach ($text in $entry.ports) { ConvertTo-PortText -Text $text })
            # No ports said are all of them.
            if ($ports.Count -eq 0) { $isAny = $true }
            $texts += $ports
        }
        if (-not $isWanted) { continue }
        if ($isAny) { $texts = @('Any') }
        [PSCustomObject]@{
            Name = Get-RuleName -Vip $Vip -Protocol $protocol
            Vip = $Vip
            Protocol = $protocol
            Ports = @($texts | Sort-Object -Unique)
        }
    }
}

Function Get-RuleName {
    <#
    .SYNOPSIS
    The name of the rule, by which it is found again. A colon stands for other things in the firewall's own lists.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)][String]$Vip, [Parameter(Mandatory = $true)][String]$Protocol)

    return 'lvs.cluster-{0}-{1}' -f $Vip.Replace(':', '_'), $Protocol
}

Function Get-LoopbackAdapter {
    <#
    .SYNOPSIS
    The host's loopback adapters, found by their driver: names are given by people, and differ by language.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State)

    foreach ($adapter in @($State.Adapters | Sort-Object -Property Index)) {
        if ($adapter.ComponentId -eq '*msloop' -and -not (Test-Unfinished -State $State -Adapter $adapter)) { $adapter }
    }
}

Function Test-Unfinished {
    <#
    .SYNOPSIS
    Whether an adapter was left half-made by a run that was cut off: nobody else gave it an address since.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)]$Adapter)

    return $State.Note.Unfinished -ne '' -and $Adapter.InstanceId -eq $State.Note.Unfinished -and
    @(Get-OwnAddress -State $State -Adapter $Adapter).Count -eq 0
}

Function Test-Bound {
    <#
    .SYNOPSIS
    Whether an address family is bound to an adapter. It is not where the adapter is a part of a team or of a virtual switch.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)]$Adapter, [Parameter(Mandatory = $true)][String]$Family)

    $component = 'ms_tcpip'
    if ($Family -eq 'IPv6') { $component = 'ms_tcpip6' }
    foreach ($binding in $State.Bindings) {
        if ($binding.Adapter -eq $Adapter.Name -and $binding.Component -eq $component) { return $binding.IsEnabled }
    }
    return $false
}

Function Get-OwnAddress {
    <#
    .SYNOPSIS
    The addresses of an adapter that somebody gave it.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)]$Adapter)

    foreach ($place in $State.Addresses) {
        if ($place.Index -eq $Adapter.Index -and -not (Test-LinkLocalAddress -Address $place.Address)) { $place }
    }
}

Function Select-LoopbackAdapter {
    <#
    .SYNOPSIS
    The loopback adapter for the VIPs: the one that we made, else one that holds a VIP already, else one that nobody uses and that
    takes addresses of their families.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [String[]]$Vip)

    $made = @()
    $holding = @()
    $free = @()
    $families = @($Vip | ForEach-Object { Get-AddressFamily -Address $_ } | Sort-Object -Unique)
    foreach ($adapter in @(Get-LoopbackAdapter -State $State)) {
        $unbound = @($families | Where-Object { -not (Test-Bound -State $State -Adapter $adapter -Family $_) })
        $own = @(Get-OwnAddress -State $State -Adapter $adapter)
        if ($adapter.Guid -eq $State.Note.Adapter) { $made += $adapter }
        if (@($own | Where-Object { $_.Address -in $Vip }).Count -gt 0) { $holding += $adapter }
        if ($own.Count -eq 0 -and $unbound.Count -eq 0) { $free += $adapter }
    }
    return @($made + $holding + $free) | Select-Object -First 1
}

Function Get-IPInterface {
    <#
    .SYNOPSIS
    What is known of one adapter and one address family; nothing where that family is off.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)]$Adapter, [Parameter(Mandatory = $true)][String]$Family)

    foreach ($found in $State.Interfaces) {
        if ($found.Index -eq $Adapter.Index -and $found.Family -eq $Family) { return $found }
    }
}

Function Get-DefaultRoute {
    <#
    .SYNOPSIS
    The default routes of each address family, best first. Those with the least metric are used, so two of them share the packets.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State)

    foreach ($family in @('IPv4', 'IPv6')) {
        $routes = @($State.DefaultRoutes | Where-Object { $_.Family -eq $family } | Sort-Object -Property @('Metric', 'Index'))
        foreach ($route in $routes) {
            [PSCustomObject]@{
                Index = $route.Index
                AdapterName = $route.AdapterName
                Family = $family
                NextHop = $route.NextHop
                Metric = $route.Metric
                IsUsed = $route.Metric -eq $routes[0].Metric
            }
        }
    }
}

Function Get-ReceivingAdapter {
    <#
    .SYNOPSIS
    The adapters on which packets for one VIP arrive: those that were named, else those in a subnet with it, else the one of the
    default route.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)][String]$Vip, [String[]]$Name)

    $others = @($State.Adapters | Where-Object { $_.ComponentId -ne '*msloop' } | Sort-Object -Property Index)
    if ($Name) {
        return $others | Where-Object { $_.Name -in $Name }
    }
    $indexes = @(
        foreach ($place in $State.Addresses) {
            $isSubnet = $place.PrefixLength -lt (Get-HostPrefixLength -Address $place.Address)
            if ($isSubnet -and (Test-InSubnet -Address $Vip -Neighbour $place.Address -PrefixLength $place.PrefixLength)) { $place.Index }
        }
    )
    $near = @($others | Where-Object { $_.Index -in $indexes })
    if ($near.Count -gt 0) { return $near }
    $family = Get-AddressFamily -Address $Vip
    foreach ($route in @(Get-DefaultRoute -State $State | Where-Object { $_.Family -eq $family })) {
        $behind = @($others | Where-Object { $_.Index -eq $route.Index })
        if ($behind.Count -gt 0) { return $behind }
    }
}

Function Get-Reception {
    <#
    .SYNOPSIS
    Each adapter and address family that has to take packets for the VIPs, once.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [String[]]$Vip, [String[]]$Name)

    $seen = @()
    foreach ($address in $Vip) {
        $family = Get-AddressFamily -Address $address
        foreach ($adapter in @(Get-ReceivingAdapter -State $State -Vip $address -Name $Name)) {
            $key = '{0}/{1}' -f $family, $adapter.Guid
            if ($key -notin $seen) {
                $seen += $key
                [PSCustomObject]@{ Key = $key; Adapter = $adapter; Family = $family }
            }
        }
    }
}

Function Get-StateMistake {
    <#
    .SYNOPSIS
    A sentence for each reason why this host cannot hold the VIPs.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$Request, [Parameter(Mandatory = $true)]$State, $Loopback)

    if (-not $Request.IsPresent) { return }
    $others = @($State.Adapters | Where-Object { $_.ComponentId -ne '*msloop' })
    foreach ($name in $Request.Interfaces) {
        if ($name -notin @($others | ForEach-Object { $_.Name })) {
            "interface: this host has no adapter '$name' that packets arrive on. Write one of: " +
            "$((@($others | ForEach-Object { $_.Name }) | Sort-Object) -join ', ')."
        }
    }
    if ($null -eq $Loopback -and $Request.Vips.Count -gt 0 -and $Request.AdapterName -in @($State.Adapters | ForEach-Object { $_.Name })) {
        "adapter: another adapter of this host is called $($Request.AdapterName) already. Choose another name."
    }
    foreach ($vip in $Request.Vips) {
        foreach ($place in @($State.Addresses | Where-Object { $_.Address -eq $vip })) {
            foreach ($adapter in @($others | Where-Object { $_.Index -eq $place.Index })) {
                "addresses: $vip stands on $($adapter.Name), where this host answers ARP for it. Remove it there, or take it out of addresses."
            }
            if ($place.Index -notin @($State.Adapters | ForEach-Object { $_.Index })) {
                "addresses: $vip stands on the interface $($place.Index), which is no adapter that Get-NetAdapter shows. Remove it there with " +
                "Remove-NetIPAddress -InterfaceIndex $($place.Index) -IPAddress $vip, or take it out of addresses."
            }
        }
    }
    $unreachable = @($Request.Vips | Where-Object { @(Get-ReceivingAdapter -State $State -Vip $_).Count -eq 0 })
    if ($Request.Interfaces.Count -eq 0 -and $unreachable.Count -gt 0) {
        "addresses: packets for $($unreachable -join ', ') can arrive on no adapter that is known: none has a subnet with it, and there is " +
        'no default route. Name the adapter in interface.'
    }
    foreach ($family in @($Request.Vips | ForEach-Object { Get-AddressFamily -Address $_ } | Sort-Object -Unique)) {
        $needed = @(
            foreach ($reception in @(Get-Reception -State $State -Vip $Request.Vips -Name $Request.Interfaces)) {
                if ($reception.Family -eq $family) { $reception.Adapter }
            }
        )
        # An adapter that is disabled shows no address family; that is seen again once it is enabled.
        if ($null -ne $Loopback -and $Loopback.AdminStatus -eq 'Up') { $needed += $Loopback }
        foreach ($adapter in $needed) {
            if ($null -eq (Get-IPInterface -State $State -Adapter $adapter -Family $family)) {
                "addresses: $family is off on $($adapter.Name), so it cannot serve the $family VIPs. Turn it on with " +
                "Enable-NetAdapterBinding -Name '$($adapter.Name)' -ComponentID $(if ($family -eq 'IPv6') { 'ms_tcpip6' } else { 'ms_tcpip' })."
            }
        }
    }
    $names = @(Get-Reception -State $State -Vip $Request.Vips -Name $Request.Interfaces | ForEach-Object { $_.Adapter.Name })
    if ($null -ne $Loopback) { $names += $Loopback.Name }
    foreach ($name in @($names | Sort-Object -Unique)) {
        if ($name -match '[*?[\]]') {
            "interface: the cmdlets take the name '$name' for a pattern. Rename that adapter with Rename-NetAdapter."
        }
    }
    if ($Request.Rules.Count -gt 0 -and -not $State.FirewallRuns) {
        'ports: the service of the Windows firewall (MpsSvc) does not run, so it takes no rule. Start it, or leave ports out.'
    }
}

Function New-Operation {
    <#
    .SYNOPSIS
    One command with its arguments: what is carried out is what is shown.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)][String]$Command, [System.Collections.IDictionary]$Argument)

    return [PSCustomObject]@{ Command = $Command; Arguments = $Argument }
}

Function New-Setting {
    <#
    .SYNOPSIS
    One thing that has a value: as it is, as it will be, and the operations between.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory = $true)][String]$Name,
        [Parameter(Mandatory = $true)][String]$Before,
        [Parameter(Mandatory = $true)][String]$After,
        $Operation,
        [Switch]$IsDevice
    )

    $operations = @()
    if ($Before -cne $After) { $operations = @($Operation) }
    return [PSCustomObject]@{ Name = $Name; Before = $Before; After = $After; Operations = $operations; IsDevice = [Boolean]$IsDevice }
}

Function Get-AdapterSetting {
    <#
    .SYNOPSIS
    That there is a loopback adapter and that it is enabled.
    #>
    [CmdletBinding()]
    param ($Loopback, [Parameter(Mandatory = $true)][String]$Name)

    $before = 'absent'
    $operation = New-Operation -Command 'New-LoopbackAdapter' -Argument ([ordered]@{ Name = $Name })
    if ($null -ne $Loopback) {
        $before = $Loopback.AdminStatus
        $operation = New-Operation -Command 'Enable-NetAdapter' -Argument ([ordered]@{ Name = $Name; Confirm = $false })
    }
    New-Setting -Name "adapter $Name" -Before $before -After 'Up' -Operation $operation -IsDevice
}

Function Get-UnfinishedSetting {
    <#
    .SYNOPSIS
    That nothing is left of an adapter that a run was cut off from making. Its note was written before it had a driver.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State)

    $instanceId = $State.Note.Unfinished
    if (-not $instanceId) { return }
    $used = @(
        foreach ($adapter in $State.Adapters) {
            if ($adapter.InstanceId -eq $instanceId -and -not (Test-Unfinished -State $State -Adapter $adapter)) { $adapter }
        }
    )
    $operations = @(
        # Somebody uses it by now: then it is his.
        if ($used.Count -eq 0) { New-Operation -Command 'Remove-LoopbackAdapter' -Argument ([ordered]@{ InstanceId = $instanceId }) }
        New-Operation -Command 'Remove-ItemProperty' -Argument ([ordered]@{
                Path = 'HKLM:\SOFTWARE\lvs.cluster'; Name = 'Unfinished'; Confirm = $false
            })
    )
    New-Setting -Name 'unfinished adapter' -Before $instanceId -After 'absent' -Operation $operations -IsDevice
}

Function ConvertTo-NoteText {
    <#
    .SYNOPSIS
    A note in words, for the diff.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([String[]]$Vip, [String[]]$Reception)

    return 'VIPs: {0}; weak host receive turned on: {1}' -f (@($Vip | Sort-Object) -join ' '), (@($Reception | Sort-Object) -join ' ')
}

Function Get-NoteSetting {
    <#
    .SYNOPSIS
    What the host remembers of us, so that removal knows what to give back: the VIPs, and where weak host receive was off. Which adapter
    is ours is noted by whoever makes it.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory = $true)][String]$Name,
        [Parameter(Mandatory = $true)]$Note,
        [Boolean]$HasKey,
        [String[]]$Vip,
        [String[]]$Reception
    )

    $path = 'HKLM:\SOFTWARE\lvs.cluster'
    $texts = [ordered]@{ Vips = @($Vip | Sort-Object) -join ' '; WeakHostReceive = @($Reception | Sort-Object) -join ' ' }
    $operations = @(
        # New-Item empties a key that is there.
        if (-not $HasKey) { New-Operation -Command 'New-Item' -Argument ([ordered]@{ Path = $path }) }
        foreach ($value in $texts.Keys) {
            New-Operation -Command 'New-ItemProperty' -Argument ([ordered]@{
                    Path = $path; Name = $value; Value = $texts[$value]; PropertyType = 'String'; Force = $true
                })
        }
    )
    $before = 'nothing'
    if ($Note.Exists) { $before = ConvertTo-NoteText -Vip $Note.Vips -Reception $Note.WeakHostReceive }
    New-Setting -Name $Name -Before $before -After (ConvertTo-NoteText -Vip $Vip -Reception $Reception) -Operation $operations
}

Function Get-InterfaceSetting {
    <#
    .SYNOPSIS
    Properties of one adapter and one address family, with one command for those that differ.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory = $true)][String]$AdapterName,
        [Parameter(Mandatory = $true)][String]$Family,
        $Current,
        [Parameter(Mandatory = $true)][System.Collections.IDictionary]$Wanted
    )

    $arguments = [ordered]@{ InterfaceAlias = $AdapterName; AddressFamily = $Family }
    $before = @()
    $after = @()
    foreach ($property in $Wanted.Keys) {
        $is = 'unknown'
        if ($null -ne $Current) { $is = [String]$Current.$property }
        $before += '{0} {1}' -f $property, $is
        $after += '{0} {1}' -f $property, $Wanted[$property]
        if ($is -cne [String]$Wanted[$property]) { $arguments[$property] = $Wanted[$property] }
    }
    New-Setting -Name "$Family on $AdapterName" -Before ($before -join ', ') -After ($after -join ', ') -Operation (
        New-Operation -Command 'Set-NetIPInterface' -Argument $arguments)
}

Function Get-BindingSetting {
    <#
    .SYNOPSIS
    What else is bound to the adapter, and off: nothing but TCP/IP has anything to do there.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, $Loopback, [Parameter(Mandatory = $true)][String]$Name)

    foreach ($component in @('ms_msclient', 'ms_server', 'ms_pacer', 'ms_lldp', 'ms_lltdio', 'ms_rspndr')) {
        $all = @($State.Bindings | Where-Object { $_.Component -eq $component })
        $is = $null
        if ($null -ne $Loopback) {
            foreach ($binding in @($all | Where-Object { $_.Adapter -eq $Loopback.Name })) { $is = $binding.IsEnabled }
        }
        elseif ($all.Count -gt 0) {
            # A new adapter comes with everything bound that is installed.
            $is = $true
        }
        if ($null -eq $is) { continue }
        $arguments = [ordered]@{ Name = $Name; ComponentID = $component; Confirm = $false }
        New-Setting -Name "binding $component of $Name" -Before $(if ($is) { 'on' } else { 'off' }) -After 'off' -Operation (
            New-Operation -Command 'Disable-NetAdapterBinding' -Argument $arguments)
    }
}

Function Get-DnsSetting {
    <#
    .SYNOPSIS
    That the adapter's addresses do not become addresses of this host's own name.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, $Loopback, [Parameter(Mandatory = $true)][String]$Name)

    $is = 'on'
    foreach ($client in $State.DnsClients) {
        if ($null -ne $Loopback -and $client.Index -eq $Loopback.Index -and -not $client.Registers) { $is = 'off' }
    }
    $arguments = [ordered]@{ InterfaceAlias = $Name; RegisterThisConnectionsAddress = $false }
    New-Setting -Name "DNS registration of $Name" -Before $is -After 'off' -Operation (New-Operation -Command 'Set-DnsClient' -Argument $arguments)
}

Function ConvertTo-PlaceText {
    <#
    .SYNOPSIS
    Where an address stands, in words.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)][String]$Address, [Int32]$PrefixLength, [String]$AdapterName, [Boolean]$SkipAsSource)

    return '{0}/{1} on {2}{3}' -f $Address, $PrefixLength, $AdapterName, $(if ($SkipAsSource) { ', no source' })
}

Function Get-PlaceOnLoopback {
    <#
    .SYNOPSIS
    Where a VIP stands on loopback adapters, each with the adapter.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)][String]$Vip)

    foreach ($adapter in @(Get-LoopbackAdapter -State $State)) {
        foreach ($place in @($State.Addresses | Where-Object { $_.Index -eq $adapter.Index -and $_.Address -eq $Vip })) {
            [PSCustomObject]@{
                AdapterName = $adapter.Name
                PrefixLength = $place.PrefixLength
                SkipAsSource = $place.SkipAsSource
                Text = ConvertTo-PlaceText -Address $Vip -PrefixLength $place.PrefixLength -AdapterName $adapter.Name -SkipAsSource $place.SkipAsSource
            }
        }
    }
}

Function Get-AddressSetting {
    <#
    .SYNOPSIS
    That a VIP stands on the adapter, alone in its mask, and that nothing of this host's own is sent from it.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)][String]$Vip, [Parameter(Mandatory = $true)][String]$AdapterName)

    $prefixLength = Get-HostPrefixLength -Address $Vip
    $places = @(Get-PlaceOnLoopback -State $State -Vip $Vip)
    $isThere = $false
    $operations = @(
        foreach ($place in $places) {
            if ($place.AdapterName -eq $AdapterName -and $place.PrefixLength -eq $prefixLength) {
                $isThere = $true
                if (-not $place.SkipAsSource) {
                    New-Operation -Command 'Set-NetIPAddress' -Argument ([ordered]@{
                            InterfaceAlias = $AdapterName; IPAddress = $Vip; SkipAsSource = $true
                        })
                }
                continue
            }
            # A wide mask makes the whole subnet local to this host, so it goes first.
            New-Operation -Command 'Remove-NetIPAddress' -Argument ([ordered]@{
                    InterfaceAlias = $place.AdapterName; IPAddress = $Vip; Confirm = $false
                })
        }
        if (-not $isThere) {
            New-Operation -Command 'New-NetIPAddress' -Argument ([ordered]@{
                    InterfaceAlias = $AdapterName; IPAddress = $Vip; PrefixLength = $prefixLength; SkipAsSource = $true
                })
        }
    )
    $before = 'absent'
    if ($places.Count -gt 0) { $before = @($places | ForEach-Object { $_.Text }) -join ', ' }
    $after = ConvertTo-PlaceText -Address $Vip -PrefixLength $prefixLength -AdapterName $AdapterName -SkipAsSource $true
    New-Setting -Name "address $Vip" -Before $before -After $after -Operation $operations
}

Function Get-AddressAbsence {
    <#
    .SYNOPSIS
    That a VIP stands on no loopback adapter any more. Elsewhere it may be this host's own address.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)][String]$Vip)

    $places = @(Get-PlaceOnLoopback -State $State -Vip $Vip)
    if ($places.Count -eq 0) { return }
    $operations = @(
        foreach ($place in $places) {
            New-Operation -Command 'Remove-NetIPAddress' -Argument ([ordered]@{
                    InterfaceAlias = $place.AdapterName; IPAddress = $Vip; Confirm = $false
                })
        }
    )
    New-Setting -Name "address $Vip" -Before (@($places | ForEach-Object { $_.Text }) -join ', ') -After 'absent' -Operation $operations
}

Function ConvertTo-RuleText {
    <#
    .SYNOPSIS
    A rule of the firewall in words: everything about it that this module sets. Who restricts it further, by remote address or program,
    keeps that.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$Rule)

    return '{0} {1} {2} ports {3} to {4}, profile {5}, enabled {6}' -f $Rule.Action, $Rule.Direction, $Rule.Protocol,
        (@($Rule.Ports | Sort-Object -Unique) -join ' '), (@($Rule.Addresses | Sort-Object -Unique) -join ' '), $Rule.Profile, $Rule.Enabled
}

Function Get-RuleSetting {
    <#
    .SYNOPSIS
    That the firewall lets in what is for this VIP and port. It takes the loopback adapter for an unknown network, and blocks it.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)]$Wanted)

    $after = ConvertTo-RuleText -Rule ([PSCustomObject]@{
            Action = 'Allow'; Direction = 'Inbound'; Protocol = $Wanted.Protocol; Ports = $Wanted.Ports
            Addresses = @($Wanted.Vip); Profile = 'Any'; Enabled = 'True'
        })
    $before = 'absent'
    $command = 'New-NetFirewallRule'
    $arguments = [ordered]@{ Name = $Wanted.Name; DisplayName = "lvs.cluster: $($Wanted.Protocol) to $($Wanted.Vip)"; Group = 'lvs.cluster' }
    foreach ($rule in @($State.Rules | Where-Object { $_.Name -eq $Wanted.Name })) {
        $before = ConvertTo-RuleText -Rule $rule
        $command = 'Set-NetFirewallRule'
        $arguments = [ordered]@{ Name = $Wanted.Name }
    }
    $arguments['Direction'] = 'Inbound'
    $arguments['Action'] = 'Allow'
    $arguments['Profile'] = 'Any'
    $arguments['Enabled'] = 'True'
    $arguments['Protocol'] = $Wanted.Protocol
    $arguments['LocalAddress'] = $Wanted.Vip
    $arguments['LocalPort'] = @($Wanted.Ports)
    New-Setting -Name "firewall rule $($Wanted.Name)" -Before $before -After $after -Operation (New-Operation -Command $command -Argument $arguments)
}

Function Get-RuleAbsence {
    <#
    .SYNOPSIS
    That the firewall has no rule of ours for a VIP but the wanted ones.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)][String]$Vip, [String[]]$Kept)

    $names = @(foreach ($protocol in @('TCP', 'UDP')) { Get-RuleName -Vip $Vip -Protocol $protocol })
    foreach ($rule in @($State.Rules | Where-Object { $_.Name -in $names -and $_.Name -notin $Kept })) {
        New-Setting -Name "firewall rule $($rule.Name)" -Before (ConvertTo-RuleText -Rule $rule) -After 'absent' -Operation (
            New-Operation -Command 'Remove-NetFirewallRule' -Argument ([ordered]@{ Name = $rule.Name; Confirm = $false }))
    }
}

Function Get-ReceptionSetting {
    <#
    .SYNOPSIS
    Weak host receive of an adapter that packets arrive on: without it Windows drops what is for another adapter's address.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$State, [Parameter(Mandatory = $true)]$Reception, [Parameter(Mandatory = $true)][String]$Value)

    $current = Get-IPInterface -State $State -Adapter $Reception.Adapter -Family $Reception.Family
    if ($null -eq $current) { return }
    Get-InterfaceSetting -AdapterName $Reception.Adapter.Name -Family $Reception.Family -Current $current -Wanted (
        [ordered]@{ WeakHostReceive = $Value })
}

Function Get-ComingSetting {
    <#
    .SYNOPSIS
    Every setting of VIPs that are to be there, in the order in which they are set.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$Request, [Parameter(Mandatory = $true)]$State, $Loopback, [Parameter(Mandatory = $true)]$Between)

    $name = $Request.AdapterName
    if ($null -ne $Loopback) { $name = $Loopback.Name }
    Get-AdapterSetting -Loopback $Loopback -Name $name
    # Who makes an adapter notes that it is ours, so the key is there then.
    $hasKey = $State.Note.Exists -or $null -eq $Loopback
    Get-NoteSetting -Name 'note of what comes' -Note $State.Note -HasKey $hasKey -Vip $Between.Vips -Reception $Between.WeakHostReceive
    foreach ($reception in @(Get-Reception -State $State -Vip $Request.Vips -Name $Request.Interfaces)) {
        Get-ReceptionSetting -State $State -Reception $reception -Value 'Enabled'
    }
    Get-BindingSetting -State $State -Loopback $Loopback -Name $name
    foreach ($family in @($Request.Vips | ForEach-Object { Get-AddressFamily -Address $_ } | Sort-Object -Unique)) {
        $current = $null
        if ($null -ne $Loopback) { $current = Get-IPInterface -State $State -Adapter $Loopback -Family $family }
        $wanted = [ordered]@{ WeakHostReceive = 'Enabled'; WeakHostSend = 'Enabled'; AutomaticMetric = 'Disabled'; InterfaceMetric = 254 }
        # There is no DHCP server on the other side; a client that asks for one keeps the adapter busy.
        if ($family -eq 'IPv4') { $wanted['Dhcp'] = 'Disabled' }
        Get-InterfaceSetting -AdapterName $name -Family $family -Current $current -Wanted $wanted
    }
    Get-DnsSetting -State $State -Loopback $Loopback -Name $name
    foreach ($vip in $Request.Vips) { Get-AddressSetting -State $State -Vip $vip -AdapterName $name }
    if ($Request.ManagesRules) {
        foreach ($vip in $Request.Vips) { Get-RuleAbsence -State $State -Vip $vip -Kept @($Request.Rules | ForEach-Object { $_.Name }) }
        foreach ($rule in $Request.Rules) { Get-RuleSetting -State $State -Wanted $rule }
    }
}

Function Get-GoingSetting {
    <#
    .SYNOPSIS
    Every setting of VIPs that are to go, in the order in which they are taken back.
    #>
    [CmdletBinding()]
    param (
        [Parameter(Mandatory = $true)]$State,
        [String[]]$Vip,
        [Parameter(Mandatory = $true)]$Between,
        [Parameter(Mandatory = $true)]$Final
    )

    foreach ($address in $Vip) { Get-RuleAbsence -State $State -Vip $address }
    foreach ($address in $Vip) { Get-AddressAbsence -State $State -Vip $address }
    foreach ($key in @($Between.WeakHostReceive | Where-Object { $_ -notin $Final.WeakHostReceive })) {
        $family, $guid = $key.Split('/')
        foreach ($adapter in @($State.Adapters | Where-Object { $_.Guid -eq $guid })) {
            Get-ReceptionSetting -State $State -Value 'Disabled' -Reception ([PSCustomObject]@{ Adapter = $adapter; Family = $family })
        }
    }
    $isOurs = $false
    foreach ($adapter in @(Get-LoopbackAdapter -State $State)) {
        if ($adapter.Guid -ne $State.Note.Adapter) { continue }
        $others = @(Get-OwnAddress -State $State -Adapter $adapter | Where-Object { $_.Address -notin $Vip })
        $isOurs = $true
        if ($Final.Vips.Count -eq 0 -and $others.Count -eq 0) {
            $isOurs = $false
            New-Setting -Name "adapter $($adapter.Name)" -Before $adapter.AdminStatus -After 'absent' -Operation (
                New-Operation -Command 'Remove-LoopbackAdapter' -Argument ([ordered]@{ InstanceId = $adapter.InstanceId }))
        }
    }
    if ($Final.Vips.Count -gt 0 -or $isOurs) {
        Get-NoteSetting -Name 'note of what stays' -Note $Between -HasKey $true -Vip $Final.Vips -Reception $Final.WeakHostReceive
    }
    elseif ($Between.Exists) {
        New-Setting -Name 'note of what stays' -Before (ConvertTo-NoteText -Vip $Between.Vips -Reception $Between.WeakHostReceive) -After 'nothing' -Operation (
            New-Operation -Command 'Remove-Item' -Argument ([ordered]@{ Path = 'HKLM:\SOFTWARE\lvs.cluster'; Recurse = $true; Confirm = $false }))
    }
}

Function Get-Awaited {
    <#
    .SYNOPSIS
    What Windows is still at after a change: address families that come with the adapter, and addresses that it looks for elsewhere
    (duplicate address detection).
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$State, $Loopback, [String[]]$Vip)

    if ($null -ne $Loopback -and $Loopback.AdminStatus -eq 'Up') {
        foreach ($family in @($Vip | ForEach-Object { Get-AddressFamily -Address $_ } | Sort-Object -Unique)) {
            $isBound = Test-Bound -State $State -Adapter $Loopback -Family $family
            if ($isBound -and $null -eq (Get-IPInterface -State $State -Adapter $Loopback -Family $family)) {
                "$family on $($Loopback.Name)"
            }
        }
    }
    foreach ($place in $State.Addresses) {
        if ($place.Address -in $Vip -and $place.AddressState -eq 'Tentative') { "the address $($place.Address)" }
    }
}

Function Test-Settled {
    <#
    .SYNOPSIS
    Whether a plan that was made again after a change has nothing left to do or to wait for. With OfDevices only what concerns the
    adapter itself counts.
    #>
    [CmdletBinding()]
    [OutputType([Boolean])]
    param ([Parameter(Mandatory = $true)]$Plan, [Switch]$OfDevices)

    if ($Plan.Mistakes.Count -gt 0 -or $Plan.Awaited.Count -gt 0) { return $false }
    foreach ($setting in $Plan.Settings) {
        if ($setting.Operations.Count -gt 0 -and ($setting.IsDevice -or -not $OfDevices)) { return $false }
    }
    return $true
}

Function Get-ArpHidePlan {
    <#
    .SYNOPSIS
    The settings that the request is about, as they are and as they will be, or a sentence for each reason why it cannot be done.
    #>
    [CmdletBinding()]
    param ([Parameter(Mandatory = $true)]$Request, [Parameter(Mandatory = $true)]$State)

    $note = $State.Note
    $coming = @()
    $going = @()
    if ($Request.IsPresent) {
        $coming = @($Request.Vips)
        if ($Request.IsExclusive) { $going = @($note.Vips | Where-Object { $_ -notin $Request.Vips }) }
    }
    else {
        $going = @($Request.Vips)
    }
    $loopback = Select-LoopbackAdapter -State $State -Vip $coming
    $awaited = @(Get-Awaited -State $State -Loopback $loopback -Vip $coming)
    $mistakes = @(Get-StateMistake -Request $Request -State $State -Loopback $loopback)
    if ($mistakes.Count -gt 0) {
        return [PSCustomObject]@{ Mistakes = $mistakes; Warnings = @(); Awaited = $awaited; Settings = @(); Operations = @() }
    }

    $turnedOn = @(
        foreach ($reception in @(Get-Reception -State $State -Vip $coming -Name $Request.Interfaces)) {
            $current = Get-IPInterface -State $State -Adapter $reception.Adapter -Family $reception.Family
            if ($current.WeakHostReceive -ne 'Enabled') { $reception.Key }
        }
    )
    $between = [PSCustomObject]@{
        Exists = $note.Exists -or $coming.Count -gt 0
        Vips = @($coming + $note.Vips | Select-Object -Unique)
        WeakHostReceive = @($note.WeakHostReceive + $turnedOn | Select-Object -Unique)
    }
    $staying = @($between.Vips | Where-Object { $_ -notin $going })
    $families = @($staying | ForEach-Object { Get-AddressFamily -Address $_ })
    $final = [PSCustomObject]@{
        Vips = $staying
        WeakHostReceive = @($between.WeakHostReceive | Where-Object { $_.Split('/')[0] -in $families })
    }

    $settings = @(
        Get-UnfinishedSetting -State $State
        if ($coming.Count -gt 0) { Get-ComingSetting -Request $Request -State $State -Loopback $loopback -Between $between }
        # Also with no VIP that goes: an adapter that was made for one that never came goes too.
        if ($going.Count -gt 0 -or $staying.Count -eq 0) { Get-GoingSetting -State $State -Vip $going -Between $between -Final $final }
    )
    $unused = @('Tentative', 'Duplicate', 'Invalid')
    $warnings = @(
        foreach ($rule in @($State.Rules | Where-Object { $_.IsIgnored -and $_.Name -in @($Request.Rules | ForEach-Object { $_.Name }) })) {
            "The firewall ignores the rule $($rule.Name), because a policy of the domain lets no local rule in. Allow local rules there, or " +
            'put this one into the policy.'
        }
        foreach ($place in @($State.Addresses | Where-Object { $_.Address -in $coming -and $_.AddressState -in $unused })) {
            "Windows does not use $($place.Address), because its state is $($place.AddressState). See it with Get-NetIPAddress, and find who else " +
            'on this host or behind this adapter has that address.'
        }
    )
    return [PSCustomObject]@{
        Mistakes = @()
        Warnings = $warnings
        Awaited = $awaited
        Settings = $settings
        Operations = @($settings | ForEach-Object { $_.Operations })
    }
}

Function Get-ArpHideRemainder {
    <#
    .SYNOPSIS
    A sentence for each setting that was written and reads otherwise, from a plan that was made again afterwards.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$Plan)

    foreach ($mistake in $Plan.Mistakes) { $mistake }
    foreach ($setting in $Plan.Settings) {
        if ($setting.Operations.Count -gt 0) {
            "'$($setting.Name)' was set to '$($setting.After)' and reads '$($setting.Before)'. A policy of the domain or another program " +
            'may have changed it: find that, and run this again.'
        }
    }
}

Function ConvertTo-Quoted {
    <#
    .SYNOPSIS
    A value as it is written on a PowerShell command line.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ($Value)

    $text = [String]$Value
    if ($text -match '^[A-Za-z0-9_.:\\-]+$') { return $text }
    return "'{0}'" -f $text.Replace("'", "''")
}

Function ConvertTo-CommandLine {
    <#
    .SYNOPSIS
    An operation as a command line that does the same.
    #>
    [CmdletBinding()]
    [OutputType([String])]
    param ([Parameter(Mandatory = $true)]$Operation)

    # These two are done by SetupAPI; the programs do the same where somebody has them.
    if ($Operation.Command -eq 'New-LoopbackAdapter') {
        return 'devcon.exe install $env:windir\inf\netloop.inf *MSLOOP; Rename-NetAdapter -NewName ' + (ConvertTo-Quoted -Value $Operation.Arguments['Name'])
    }
    if ($Operation.Command -eq 'Remove-LoopbackAdapter') {
        return 'pnputil.exe /remove-device ' + (ConvertTo-Quoted -Value $Operation.Arguments['InstanceId'])
    }
    $words = @($Operation.Command)
    foreach ($key in $Operation.Arguments.Keys) {
        $value = $Operation.Arguments[$key]
        if ($value -is [Boolean]) {
            $words += '-{0}:${1}' -f $key, ([String]$value).ToLowerInvariant()
        }
        else {
            $words += "-$key"
            $words += @($value | ForEach-Object { ConvertTo-Quoted -Value $_ }) -join ', '
        }
    }
    return $words -join ' '
}

Export-ModuleMember -Function @(
    'Get-ArpHideRequest'
    'Get-ArpHidePlan'
    'Get-ArpHideRemainder'
    'Get-DefaultRoute'
    'Test-Settled'
    'ConvertTo-CommandLine'
    'ConvertTo-NormalAddress'
)
