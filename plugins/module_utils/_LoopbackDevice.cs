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

        // setupapi.h packs by 1 on 32 bit and by 8 on 64 bit. The layout of .NET is the same here: 556 and 584 bytes.
        [StructLayout(LayoutKind.Sequential, CharSet = CharSet.Unicode)]
        internal struct SP_DEVINSTALL_PARAMS
        {
            public uint cbSize;
            public uint Flags;
            public uint FlagsEx;
            public IntPtr hwndParent;
            public IntPtr InstallMsgHandler;
            public IntPtr InstallMsgHandlerContext;
            public IntPtr FileQueue;
            public IntPtr ClassInstallReserved;
            public uint Reserved;
            [MarshalAs(UnmanagedType.ByValTStr, SizeConst = 260)]
            public string DriverPath;
        }

        // Here it is not on 32 bit, where it moves the last two to a multiple of 8. By 4 it is right on both: 1564 and 1568 bytes.
        [StructLayout(LayoutKind.Sequential, CharSet = CharSet.Unicode, Pack = 4)]
        internal struct SP_DRVINFO_DATA
        {
            public uint cbSize;
            public uint DriverType;
            public IntPtr Reserved;
            [MarshalAs(UnmanagedType.ByValTStr, SizeConst = 256)]
            public string Description;
            [MarshalAs(UnmanagedType.ByValTStr, SizeConst = 256)]
            public string MfgName;
            [MarshalAs(UnmanagedType.ByValTStr, SizeConst = 256)]
            public string ProviderName;
            public long DriverDate;
            public ulong DriverVersion;
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

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiGetDeviceInstallParamsW(IntPtr devices, ref SP_DEVINFO_DATA device,
            ref SP_DEVINSTALL_PARAMS parameters);

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiSetDeviceInstallParamsW(IntPtr devices, ref SP_DEVINFO_DATA device,
            ref SP_DEVINSTALL_PARAMS parameters);

        [DllImport("setupapi.dll", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiBuildDriverInfoList(IntPtr devices, ref SP_DEVINFO_DATA device, uint driverType);

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool SetupDiGetSelectedDriverW(IntPtr devices, ref SP_DEVINFO_DATA device,
            ref SP_DRVINFO_DATA driver);

        [DllImport("newdev.dll", SetLastError = true)]
        [return: MarshalAs(UnmanagedType.Bool)]
        internal static extern bool DiInstallDevice(IntPtr parentWindow, IntPtr devices, ref SP_DEVINFO_DATA device,
            ref SP_DRVINFO_DATA driver, uint flags, [MarshalAs(UnmanagedType.Bool)] out bool needsReboot);

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
        private const uint SelectBestDriver = 0x17; // DIF_SELECTBESTCOMPATDRV
        private const uint RegisterDevice = 0x19; // DIF_REGISTERDEVICE
        private const uint CompatibleDrivers = 0x2; // SPDIT_COMPATDRIVER
        private const uint OneInf = 0x10000; // DI_ENUMSINGLEINF: DriverPath is a file, not a directory
        private const uint Quiet = 0x800000; // DI_QUIETINSTALL: nobody sees a question
        private const uint ExcludedDrivers = 0x800; // DI_FLAGSEX_ALLOWEXCLUDEDDRVS: also those that no dialogue offers
        private const int NoSuchDevice = unchecked((int)0xE000020B); // ERROR_NO_SUCH_DEVINST
        private static readonly IntPtr None = new IntPtr(-1);

        // Makes a device that has no driver yet, and returns its instance id, as in ROOT\NET\0001. Whoever calls this notes the id before
        // he calls Install, so that the device can be found again whatever happens to him.
        public static string Register()
        {
            Guid netClass;
            IntPtr devices = Open(out netClass);
            try
            {
                NativeMethods.SP_DEVINFO_DATA device = Empty();
                Check(NativeMethods.SetupDiCreateDeviceInfoW(devices, "Net", ref netClass, null, IntPtr.Zero, GenerateId,
                    ref device), "SetupDiCreateDeviceInfo", HardwareId);
                // A list of texts: each ends with a zero, the list with one more.
                byte[] hardwareIds = Encoding.Unicode.GetBytes(HardwareId + "\0\0");
                Check(NativeMethods.SetupDiSetDeviceRegistryPropertyW(devices, ref device, HardwareIdProperty, hardwareIds,
                    (uint)hardwareIds.Length), "SetupDiSetDeviceRegistryProperty", HardwareId);
                StringBuilder instanceId = new StringBuilder(256);
                Check(NativeMethods.SetupDiGetDeviceInstanceIdW(devices, ref device, instanceId, (uint)instanceId.Capacity,
                    IntPtr.Zero), "SetupDiGetDeviceInstanceId", HardwareId);
                // Last, because up to here the device goes with the list.
                Check(NativeMethods.SetupDiCallClassInstaller(RegisterDevice, devices, ref device),
                    "SetupDiCallClassInstaller(DIF_REGISTERDEVICE)", instanceId.ToString());
                return instanceId.ToString();
            }
            finally
            {
                NativeMethods.SetupDiDestroyDeviceInfoList(devices);
            }
        }

        // Installs the driver from infPath on this device, and on no other one with the same hardware id. Returns whether it works with the
        // next reboot only. A process of 32 bit on Windows of 64 bit is refused by Windows.
        public static bool Install(string instanceId, string infPath)
        {
            Guid netClass;
            IntPtr devices = Open(out netClass);
            try
            {
                NativeMethods.SP_DEVINFO_DATA device = Empty();
                Check(NativeMethods.SetupDiOpenDeviceInfoW(devices, instanceId, IntPtr.Zero, 0, ref device),
                    "SetupDiOpenDeviceInfo", instanceId);
                NativeMethods.SP_DEVINSTALL_PARAMS parameters = new NativeMethods.SP_DEVINSTALL_PARAMS();
                parameters.cbSize = (uint)Marshal.SizeOf(typeof(NativeMethods.SP_DEVINSTALL_PARAMS));
                Check(NativeMethods.SetupDiGetDeviceInstallParamsW(devices, ref device, ref parameters),
                    "SetupDiGetDeviceInstallParams", instanceId);
                parameters.Flags |= OneInf | Quiet;
                parameters.FlagsEx |= ExcludedDrivers;
                parameters.DriverPath = infPath;
                Check(NativeMethods.SetupDiSetDeviceInstallParamsW(devices, ref device, ref parameters),
                    "SetupDiSetDeviceInstallParams", instanceId);
                Check(NativeMethods.SetupDiBuildDriverInfoList(devices, ref device, CompatibleDrivers),
                    "SetupDiBuildDriverInfoList", infPath);
                Check(NativeMethods.SetupDiCallClassInstaller(SelectBestDriver, devices, ref device),
                    "SetupDiCallClassInstaller(DIF_SELECTBESTCOMPATDRV)", infPath);
                NativeMethods.SP_DRVINFO_DATA driver = new NativeMethods.SP_DRVINFO_DATA();
                driver.cbSize = (uint)Marshal.SizeOf(typeof(NativeMethods.SP_DRVINFO_DATA));
                Check(NativeMethods.SetupDiGetSelectedDriverW(devices, ref device, ref driver), "SetupDiGetSelectedDriver",
                    infPath);
                bool needsReboot;
                Check(NativeMethods.DiInstallDevice(IntPtr.Zero, devices, ref device, ref driver, 0, out needsReboot),
                    "DiInstallDevice", instanceId);
                return needsReboot;
            }
            finally
            {
                // The list of drivers goes with that of devices.
                NativeMethods.SetupDiDestroyDeviceInfoList(devices);
            }
        }

        // Removes the device with this instance id, if there is one. Returns whether it goes with the next reboot only.
        public static bool Remove(string instanceId)
        {
            Guid netClass;
            IntPtr devices = Open(out netClass);
            try
            {
                NativeMethods.SP_DEVINFO_DATA device = Empty();
                bool isThere = NativeMethods.SetupDiOpenDeviceInfoW(devices, instanceId, IntPtr.Zero, 0, ref device);
                if (!isThere && Marshal.GetLastWin32Error() == NoSuchDevice)
                {
                    return false;
                }
                Check(isThere, "SetupDiOpenDeviceInfo", instanceId);
                bool needsReboot;
                Check(NativeMethods.DiUninstallDevice(IntPtr.Zero, devices, ref device, 0, out needsReboot),
                    "DiUninstallDevice", instanceId);
                return needsReboot;
            }
            finally
            {
                NativeMethods.SetupDiDestroyDeviceInfoList(devices);
            }
        }

        // An empty list of network devices.
        private static IntPtr Open(out Guid netClass)
        {
            netClass = new Guid("4d36e972-e325-11ce-bfc1-08002be10318"); // GUID_DEVCLASS_NET
            IntPtr devices = NativeMethods.SetupDiCreateDeviceInfoList(ref netClass, IntPtr.Zero);
            Check(devices != None, "SetupDiCreateDeviceInfoList", "the class of network devices");
            return devices;
        }

        private static NativeMethods.SP_DEVINFO_DATA Empty()
        {
            NativeMethods.SP_DEVINFO_DATA device = new NativeMethods.SP_DEVINFO_DATA();
            device.cbSize = (uint)Marshal.SizeOf(typeof(NativeMethods.SP_DEVINFO_DATA));
            return device;
        }

        private static void Check(bool succeeded, string function, string subject)
        {
            if (!succeeded)
            {
                int code = Marshal.GetLastWin32Error();
                throw new Win32Exception(code, String.Format("{0} failed for {1} with 0x{2:X8}: {3}", function, subject, code,
                    new Win32Exception(code).Message));
            }
        }
    }
}
