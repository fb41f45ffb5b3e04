#!/bin/sh
# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints what a cluster may leave on a machine, one thing a line, without what changes by itself: the same text before a
# cluster is built and after it is removed means that nothing of it is left. Packages and loaded kernel modules may stay,
# and so may the devices that such a module brings along, unless they are up.
PATH=$PATH:/usr/sbin:/sbin
addresses() { ip -oneline address show | sed 's/ *\\.*//; s/^[0-9]*: /address /' | sort; }
links() { ip -brief link show | awk '$0 !~ /^(tunl|gre|gretap|erspan|sit|ip6tnl|ip6gre|ip6_vti|ip_vti)0[ @].*DOWN/ { print "link", $1 }' | sort; }
routes() {
    for family in -4 -6; do
        ip $family route show table all | sed 's/^/route /; s/ *expires [0-9]*sec//' | sort
        ip $family rule show | sed 's/^/rule /'
    done
}
filters() {
    for family in iptables ip6tables; do
        $family-save 2>/dev/null | sed -n "/^-A/p; /^:[^ ]* -/s/ \[.*//p" | sed "s/^/$family /"
    done
    arptables-save 2>/dev/null | sed -n 's/^-A/arptables -A/p'
    ipset list -name | sed 's/^/ipset /'
    nft --stateless list ruleset 2>/dev/null | sed 's/^/nft /'
}
kernel() {
    ipvsadm -Sn 2>/dev/null | sed 's/^/ipvs /'
    ipvsadm -L --daemon 2>/dev/null | sed 's/^/ipvs /'
    ip fou show 2>/dev/null | sed 's/^/fou /'
    cd /proc/sys/net || exit
    grep -s . ipv4/ip_forward ipv4/conf/all/* ipv4/conf/default/* ipv4/conf/lo/* ipv4/conf/eth*/* ipv6/conf/all/forwarding ipv6/conf/eth*/forwarding
}
files() {
    find /etc/sysctl.d /etc/modules-load.d /etc/modprobe.d /etc/systemd /etc/network /etc/netplan /etc/NetworkManager /etc/iptables /etc/nftables.conf \
        /etc/default /etc/rc.local /etc/lvs-cluster /etc/keepalived /usr/local /var/lib/lvs-cluster /run/lvs-cluster /run/systemd/transient \
        ! -type d ! -name keepalived ! -name ipvsadm ! -name ldirectord ! -name '*.sample' ! -name '*.dpkg-dist' ! -path '*.wants/vsftpd.service' ! -path '*.wants/logd.service' ! -path '*.wants/ipvsadm.service' ! -name keepalived.config-opts 2>/dev/null | sed 's/^/file /' | sort
    systemctl list-units --all --plain --no-legend 'lvs-cluster*' | sed 's/^/unit /'
    for daemon in keepalived heartbeat ldirectord; do
        systemctl is-active $daemon 2>/dev/null | sed -n "s/^active/service $daemon/p"
    done
}
addresses
links
routes
filters
files
kernel
