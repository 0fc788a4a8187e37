#!/usr/bin/env bash
# Which of three drop-ins wins, by systemd-sysctl and by `sysctl --system`. Needs root, systemd and procps.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 'net.ipv4.ip_forward=1' >"$dir/10-a.conf"
echo 'net.ipv4.conf.all.forwarding=0' >"$dir/60-b.conf"
echo 'net.ipv4.ip_forward=1' >"$dir/99-c.conf"
unshare -nm bash -c '
  mount --bind "$1" /etc/sysctl.d
  for d in /usr/lib/sysctl.d /run/sysctl.d; do if [ -d "$d" ]; then mount -t tmpfs none "$d"; fi; done
  /lib/systemd/systemd-sysctl 2>/dev/null || true
  echo "systemd-sysctl:    ip_forward = $(cat /proc/sys/net/ipv4/ip_forward)"
  sysctl -q --system >/dev/null 2>&1 || true
  echo "sysctl --system:   ip_forward = $(cat /proc/sys/net/ipv4/ip_forward)"' -- "$dir"
