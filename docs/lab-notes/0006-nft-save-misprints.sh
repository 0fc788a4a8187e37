#!/usr/bin/env bash
# What iptables-nft-save prints for native rules in its own tables. Needs root, iptables and nft.
set -euo pipefail
unshare -n bash -c '
  iptables-nft -A FORWARD -s 9.9.9.9 -j ACCEPT
  nft add rule ip filter FORWARD ip saddr "{ 1.1.1.1, 2.2.2.2 }" drop
  nft add rule ip filter FORWARD ip saddr 1.1.1.1-1.1.1.9 drop
  echo "== iptables-nft-save"; iptables-nft-save | grep -- "-A FORWARD"
  echo "== nft"; nft list chain ip filter FORWARD'
