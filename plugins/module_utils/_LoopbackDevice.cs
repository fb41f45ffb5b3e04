// SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
// SPDX-License-Identifier: BSD-2-Clause
// Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)

// Makes and removes devices of Microsoft's loopback adapter, with nothing but what every Windows brings along. Written in
// C# 5, which is all that the compiler of the .NET Framework on Windows Server 2016 knows.

using System;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace ansible_collections.lvs.cluster.plugins.module_utils._LoopbackDevice
{
    internal static class NativeMethods
    {
        [StructLayout(LayoutKind.Sequential)]
        internal struct SP_DEVINFO_DATA
        {
            public uint cbSize;
            public Guid ClassGuid;
            public uint DevInst;
            public IntPtr Reserved;
        }

        [DllImport("setupapi.dll", SetLastError = true)]
        internal static extern IntPtr SetupDiCreateDeviceInfoList(ref Guid classGuid, IntPtr parentWindow);

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiCreateDeviceInfoW(IntPtr devices, string deviceName, ref Guid classGuid,
            string description, IntPtr parentWindow, uint flags, ref SP_DEVINFO_DATA device);

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiOpenDeviceInfoW(IntPtr devices, string instanceId, IntPtr parentWindow,
            uint flags, ref SP_DEVINFO_DATA device);

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiSetDeviceRegistryPropertyW(IntPtr devices, ref SP_DEVINFO_DATA device,
            uint property, byte[] value, uint length);

        [DllImport("setupapi.dll", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiCallClassInstaller(uint function, IntPtr devices, ref SP_DEVINFO_DATA device);

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiGetDeviceInstanceIdW(IntPtr devices, ref SP_DEVINFO_DATA device,
            StringBuilder instanceId, uint size, IntPtr requiredSize);

        [DllImport("setupapi.dll", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiDestroyDeviceInfoList(IntPtr devices);

        [DllImport("newdev.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool UpdateDriverForPlugAndPlayDevicesW(IntPtr parentWindow, string hardwareId,
            string infPath, uint flags, [MarshalAs(UnmanagedType.Bool)] out bool needsReboot);

        [DllImport("newdev.dll", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool DiUninstallDevice(IntPtr parentWindow, IntPtr devices, ref SP_DEVINFO_DATA device,
            uint flags, [MarshalAs(UnmanagedType.Bool)] out bool needsReboot);
    }

    public static class LoopbackDevice
    {
        private const string HardwareId = "*MSLOOP";
        private const uint GenerateId = 0x1; // DICD_GENERATE_ID
        private const uint HardwareIdProperty = 0x1; // SPDRP_HARDWAREID
        private const uint RegisterDevice = 0x19; // DIF_REGISTERDEVICE
        private const uint NonInteractive = 0x4; // INSTALLFLAG_NONINTERACTIVE: nobody sees a question
        private static readonly IntPtr None = new IntPtr(-1);

        // Makes one device, installs the driver from infPath, and returns the device's instance id, as in ROOT\NET\0001.
        // A device whose driver cannot be installed is removed again.
        public static string Create(string infPath)
        {
            Guid netClass = new Guid("4d36e972-e325-11ce-bfc1-08002be10318"); // GUID_DEVCLASS_NET
            IntPtr devices = Open(ref netClass);
            try
            {
                NativeMethods.SP_DEVINFO_DATA device = Empty();
                Check(NativeMethods.SetupDiCreateDeviceInfoW(devices, "Net", ref netClass, null, IntPtr.Zero, GenerateId,
                    ref device), "SetupDiCreateDeviceInfo");
                // A list of texts: each ends with a zero, the list with one more.
                byte[] hardwareIds = Encoding.Unicode.GetBytes(HardwareId + "\0\0");
                Check(NativeMethods.SetupDiSetDeviceRegistryPropertyW(devices, ref device, HardwareIdProperty, hardwareIds,
                    (uint)hardwareIds.Length), "SetupDiSetDeviceRegistryProperty");
                Check(NativeMethods.SetupDiCallClassInstaller(RegisterDevice, devices, ref device),
                    "SetupDiCallClassInstaller(DIF_REGISTERDEVICE)");
                try
                {
                    // Without INSTALLFLAG_FORCE, so that other loopback adapters keep running as they are.
                    bool needsReboot;
                    Check(NativeMethods.UpdateDriverForPlugAndPlayDevicesW(IntPtr.Zero, HardwareId, infPath, NonInteractive,
                        out needsReboot), "UpdateDriverForPlugAndPlayDevices");
                    StringBuilder instanceId = new StringBuilder(256);
                    Check(NativeMethods.SetupDiGetDeviceInstanceIdW(devices, ref device, instanceId,
                        (uint)instanceId.Capacity, IntPtr.Zero), "SetupDiGetDeviceInstanceId");
                    return instanceId.ToString();
                }
                catch
                {
                    bool needsReboot;
                    NativeMethods.DiUninstallDevice(IntPtr.Zero, devices, ref device, 0, out needsReboot);
                    throw;
                }
            }
            finally
            {
                NativeMethods.SetupDiDestroyDeviceInfoList(devices);
            }
        }

        // Removes the device with this instance id. Returns whether it goes with the next reboot only.
        public static bool Remove(string instanceId)
        {
            Guid netClass = new Guid("4d36e972-e325-11ce-bfc1-08002be10318"); // GUID_DEVCLASS_NET
            IntPtr devices = Open(ref netClass);
            try
            {
                NativeMethods.SP_DEVINFO_DATA device = Empty();
                Check(NativeMethods.SetupDiOpenDeviceInfoW(devices, instanceId, IntPtr.Zero, 0, ref device),
                    "SetupDiOpenDeviceInfo");
                bool needsReboot;
                Check(NativeMethods.DiUninstallDevice(IntPtr.Zero, devices, ref device, 0, out needsReboot),
                    "DiUninstallDevice");
                return needsReboot;
            }
            finally
            {
                NativeMethods.SetupDiDestroyDeviceInfoList(devices);
            }
        }

        private static IntPtr Open(ref Guid netClass)
        {
            IntPtr devices = NativeMethods.SetupDiCreateDeviceInfoList(ref netClass, IntPtr.Zero);
            Check(devices != None, "SetupDiCreateDeviceInfoList");
            return devices;
        }

        private static NativeMethods.SP_DEVINFO_DATA Empty()
        {
            NativeMethods.SP_DEVINFO_DATA device = new NativeMethods.SP_DEVINFO_DATA();
            device.cbSize = (uint)Marshal.SizeOf(typeof(NativeMethods.SP_DEVINFO_DATA));
            return device;
        }

        private static void Check(bool succeeded, string function)
        {
            if (!succeeded)
            {
                int code = Marshal.GetLastWin32Error();
                throw new Win32Exception(code, String.Format("{0} failed with 0x{1:X8}: {2}", function, code,
                    new Win32Exception(code).Message));
            }
        }
    }
}
