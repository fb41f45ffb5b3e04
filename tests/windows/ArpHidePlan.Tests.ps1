# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# What plugins/module_utils/_ArpHidePlan.psm1 decides. Needs Pester 5, and no Windows:
#   Invoke-Pester -Path tests/windows

BeforeAll {
    $path = Join-Path -Path $PSScriptRoot -ChildPath '../../plugins/module_utils/_ArpHidePlan.psm1'
    Import-Module -Name $path -Force

    Function Get-TestParameter {
        param ([String[]]$Address = @('192.0.2.100'), [String]$State = 'present', [Boolean]$Exclusive = $false, $Port = $null, [String[]]$Interface)

        return @{
            addresses = $Address
            interface = $Interface
            adapter = 'lvs.cluster'
            ports = $Port
            exclusive = $Exclusive
            state = $State
        }
    }

    Function Get-TestState {
        # A host as it comes: one adapter on the network of the VIP, no loopback adapter.
        return [PSCustomObject]@{
            Adapters = @(
                [PSCustomObject]@{
                    Name = 'Ethernet'; Index = 5; Guid = '{00000000-0000-0000-0000-000000000005}'; ComponentId = 'PCI\VEN_1AF4&DEV_1041'
                    InstanceId = 'PCI\VEN_1AF4&DEV_1041\3'; AdminStatus = 'Up'
                }
            )
            Addresses = @(
                [PSCustomObject]@{ Address = '192.0.2.21'; Index = 5; PrefixLength = 24; SkipAsSource = $false; AddressState = 'Preferred' }
            )
            Interfaces = @(
                [PSCustomObject]@{
                    Index = 5; Family = 'IPv4'; WeakHostReceive = 'Disabled'; WeakHostSend = 'Disabled'
                    AutomaticMetric = 'Enabled'; InterfaceMetric = 15; Dhcp = 'Disabled'
                }
            )
            DefaultRoutes = @([PSCustomObject]@{ Index = 5; AdapterName = 'Ethernet'; Family = 'IPv4'; NextHop = '192.0.2.1'; Metric = 271 })
            Bindings = @(
                [PSCustomObject]@{ Adapter = 'Ethernet'; Component = 'ms_server'; IsEnabled = $true }
                [PSCustomObject]@{ Adapter = 'Ethernet'; Component = 'ms_tcpip'; IsEnabled = $true }
            )
            DnsClients = @([PSCustomObject]@{ Index = 5; Registers = $true })
            FirewallRuns = $true
            Rules = @()
            Note = [PSCustomObject]@{ Exists = $false; Adapter = ''; Unfinished = ''; Vips = @(); WeakHostReceive = @() }
        }
    }

    Function Get-TestStateWithVip {
        # The same host as the module leaves it.
        $state = Get-TestState
        $state.Adapters += [PSCustomObject]@{
            Name = 'lvs.cluster'; Index = 9; Guid = '{00000000-0000-0000-0000-000000000009}'; ComponentId = '*msloop'
            InstanceId = 'ROOT\NET\0000'; AdminStatus = 'Up'
        }
        $state.Addresses += [PSCustomObject]@{
            Address = '192.0.2.100'; Index = 9; PrefixLength = 32; SkipAsSource = $true; AddressState = 'Preferred'
        }
        $state.Interfaces[0].WeakHostReceive = 'Enabled'
        $state.Interfaces += [PSCustomObject]@{
            Index = 9; Family = 'IPv4'; WeakHostReceive = 'Enabled'; WeakHostSend = 'Enabled'
            AutomaticMetric = 'Disabled'; InterfaceMetric = 254; Dhcp = 'Disabled'
        }
        $state.Bindings += [PSCustomObject]@{ Adapter = 'lvs.cluster'; Component = 'ms_server'; IsEnabled = $false }
        $state.Bindings += [PSCustomObject]@{ Adapter = 'lvs.cluster'; Component = 'ms_tcpip'; IsEnabled = $true }
        $state.DnsClients += [PSCustomObject]@{ Index = 9; Registers = $false }
        $state.Note = [PSCustomObject]@{
            Exists = $true; Adapter = '{00000000-0000-0000-0000-000000000009}'; Unfinished = ''; Vips = @('192.0.2.100')
            WeakHostReceive = @('IPv4/{00000000-0000-0000-0000-000000000005}')
        }
        return $state
    }

    Function Get-TestLine {
        param ([Hashtable]$Parameter, $State)

        $request = Get-ArpHideRequest -Parameter $Parameter
        $request.Mistakes | Should -BeNullOrEmpty
        $plan = Get-ArpHidePlan -Request $request -State $State
        $plan.Mistakes | Should -BeNullOrEmpty
        return @($plan.Operations | ForEach-Object { ConvertTo-CommandLine -Operation $_ })
    }
}

Describe 'a VIP that comes' {
    It 'is set on a new adapter, after everything that hides it' {
        Get-TestLine -Parameter (Get-TestParameter) -State (Get-TestState) | Should -Be @(
            'devcon.exe install $env:windir\inf\netloop.inf *MSLOOP; Rename-NetAdapter -NewName lvs.cluster'
            'New-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name Vips -Value 192.0.2.100 -PropertyType String -Force:$true'
            'New-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name WeakHostReceive -Value ' +
            "'IPv4/{00000000-0000-0000-0000-000000000005}' -PropertyType String -Force:`$true"
            'Set-NetIPInterface -InterfaceAlias Ethernet -AddressFamily IPv4 -WeakHostReceive Enabled'
            'Disable-NetAdapterBinding -Name lvs.cluster -ComponentID ms_server -Confirm:$false'
            'Set-NetIPInterface -InterfaceAlias lvs.cluster -AddressFamily IPv4 -WeakHostReceive Enabled -WeakHostSend Enabled ' +
            '-AutomaticMetric Disabled -InterfaceMetric 254 -Dhcp Disabled'
            'Set-DnsClient -InterfaceAlias lvs.cluster -RegisterThisConnectionsAddress:$false'
            'New-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.100 -PrefixLength 32 -SkipAsSource:$true'
        )
    }

    It 'changes nothing when it is there' {
        Get-TestLine -Parameter (Get-TestParameter) -State (Get-TestStateWithVip) | Should -BeNullOrEmpty
    }

    It 'gets the rules of its ports only' {
        $ports = @(@{ protocol = 'tcp'; ports = @('443', '80'); addresses = $null })
        Get-TestLine -Parameter (Get-TestParameter -Port $ports) -State (Get-TestStateWithVip) | Should -Be @(
            "New-NetFirewallRule -Name lvs.cluster-192.0.2.100-TCP -DisplayName 'lvs.cluster: TCP to 192.0.2.100' -Group lvs.cluster " +
            '-Direction Inbound -Action Allow -Profile Any -Enabled True -Protocol TCP -LocalAddress 192.0.2.100 -LocalPort 443, 80'
        )
    }

    It 'loses a wide mask' {
        $state = Get-TestStateWithVip
        $state.Addresses[1].PrefixLength = 24
        Get-TestLine -Parameter (Get-TestParameter) -State $state | Should -Be @(
            'Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.100 -Confirm:$false'
            'New-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.100 -PrefixLength 32 -SkipAsSource:$true'
        )
    }

    It 'replaces an earlier one when it is to be the only one' {
        Get-TestLine -Parameter (Get-TestParameter -Address @('192.0.2.101') -Exclusive $true) -State (Get-TestStateWithVip) | Should -Be @(
            "New-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name Vips -Value '192.0.2.100 192.0.2.101' -PropertyType String -Force:`$true"
            'New-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name WeakHostReceive -Value ' +
            "'IPv4/{00000000-0000-0000-0000-000000000005}' -PropertyType String -Force:`$true"
            'New-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.101 -PrefixLength 32 -SkipAsSource:$true'
            'Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.100 -Confirm:$false'
            'New-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name Vips -Value 192.0.2.101 -PropertyType String -Force:$true'
            'New-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name WeakHostReceive -Value ' +
            "'IPv4/{00000000-0000-0000-0000-000000000005}' -PropertyType String -Force:`$true"
        )
    }
}

Describe 'a VIP that goes' {
    It 'takes with it what came with it' {
        Get-TestLine -Parameter (Get-TestParameter -State 'absent') -State (Get-TestStateWithVip) | Should -Be @(
            'Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.100 -Confirm:$false'
            'Set-NetIPInterface -InterfaceAlias Ethernet -AddressFamily IPv4 -WeakHostReceive Disabled'
            'pnputil.exe /remove-device ROOT\NET\0000'
            'Remove-Item -Path HKLM:\SOFTWARE\lvs.cluster -Recurse:$true -Confirm:$false'
        )
    }

    It 'leaves an adapter that was there before' {
        $state = Get-TestStateWithVip
        $state.Note.Adapter = ''
        Get-TestLine -Parameter (Get-TestParameter -State 'absent') -State $state | Should -Be @(
            'Remove-NetIPAddress -InterfaceAlias lvs.cluster -IPAddress 192.0.2.100 -Confirm:$false'
            'Set-NetIPInterface -InterfaceAlias Ethernet -AddressFamily IPv4 -WeakHostReceive Disabled'
            'Remove-Item -Path HKLM:\SOFTWARE\lvs.cluster -Recurse:$true -Confirm:$false'
        )
    }

    It 'changes nothing when it is gone' {
        Get-TestLine -Parameter (Get-TestParameter -State 'absent') -State (Get-TestState) | Should -BeNullOrEmpty
    }
}

Describe 'a loopback adapter' {
    It 'that nobody uses is taken only with TCP/IP bound to it' -ForEach @(
        @{ IsBound = $true; Expected = 'New-Item' }
        @{ IsBound = $false; Expected = 'devcon' }
    ) {
        $state = Get-TestStateWithVip
        $state.Note = (Get-TestState).Note
        $state.Addresses = @($state.Addresses[0])
        $state.Bindings[3].IsEnabled = $IsBound
        @(Get-TestLine -Parameter (Get-TestParameter) -State $state)[0] | Should -Match "^$Expected"
    }

    It 'that a run was cut off from making goes first' {
        $state = Get-TestState
        $state.Note.Exists = $true
        $state.Note.Unfinished = 'ROOT\NET\0007'
        @(Get-TestLine -Parameter (Get-TestParameter) -State $state)[0..1] | Should -Be @(
            'pnputil.exe /remove-device ROOT\NET\0007'
            'Remove-ItemProperty -Path HKLM:\SOFTWARE\lvs.cluster -Name Unfinished -Confirm:$false'
        )
    }

    It 'is waited for until its address family is there, and a VIP until it is nobody else''s' {
        $request = Get-ArpHideRequest -Parameter (Get-TestParameter)
        $state = Get-TestStateWithVip
        Test-Settled -Plan (Get-ArpHidePlan -Request $request -State $state) | Should -BeTrue
        $state.Addresses[1].AddressState = 'Tentative'
        Test-Settled -Plan (Get-ArpHidePlan -Request $request -State $state) | Should -BeFalse
        $state.Interfaces = @($state.Interfaces[0])
        $plan = Get-ArpHidePlan -Request $request -State $state
        $plan.Awaited | Should -Be @('IPv4 on lvs.cluster', 'the address 192.0.2.100')
        Test-Settled -Plan $plan -OfDevices | Should -BeFalse
    }
}

Describe 'the default routes' {
    It 'are used with the least metric of their family' {
        $state = Get-TestState
        $state.DefaultRoutes += [PSCustomObject]@{ Index = 6; AdapterName = 'Backup'; Family = 'IPv4'; NextHop = '10.0.0.1'; Metric = 25 }
        $routes = @(Get-DefaultRoute -State $state)
        $routes | ForEach-Object { $_.NextHop } | Should -Be @('10.0.0.1', '192.0.2.1')
        $routes | ForEach-Object { $_.IsUsed } | Should -Be @($true, $false)
    }
}

Describe 'mistakes' {
    It 'are told all at once' {
        $request = Get-ArpHideRequest -Parameter (Get-TestParameter -Address @('192.0.2', '127.0.0.1', '010.0.0.1') -State 'absent' -Exclusive $true)
        $request.Mistakes.Count | Should -Be 4
    }

    It 'are a VIP on another adapter' {
        $state = Get-TestState
        $state.Addresses[0].Address = '192.0.2.100'
        $plan = Get-ArpHidePlan -Request (Get-ArpHideRequest -Parameter (Get-TestParameter)) -State $state
        $plan.Mistakes | Should -Match 'stands on Ethernet'
        $plan.Operations | Should -BeNullOrEmpty
    }
}

Describe 'what reads otherwise than it was written' {
    It 'is told in a sentence' {
        $state = Get-TestStateWithVip
        $state.Interfaces[0].WeakHostReceive = 'Disabled'
        $plan = Get-ArpHidePlan -Request (Get-ArpHideRequest -Parameter (Get-TestParameter)) -State $state
        Get-ArpHideRemainder -Plan $plan | Should -Match "^'IPv4 on Ethernet' was set to 'WeakHostReceive Enabled' and reads 'WeakHostReceive Disabled'"
    }
}
