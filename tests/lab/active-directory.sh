#!/bin/bash
# A real Active Directory (Samba, from Debian) on loopback addresses, with people in it.
#
#   tests/lab/active-directory.sh start [FOLDER]   # provisions on first use, starts, waits until it answers
#   tests/lab/active-directory.sh env   [FOLDER]   # prints the environment that tests/directory.rs wants
#   tests/lab/active-directory.sh stop  [FOLDER]
#
# Two domains, each a forest of its own: corp.example.test with dc1 on 127.0.0.10, and lab.example.test with dc2 on
# 127.0.0.20. LDAP 389 (a simple bind wants TLS), LDAPS 636, Kerberos 88, DNS 53. Between them stands no real trust:
# Samba's wants SMB services on both sides, so corp has a trustedDomain object for lab, and lab has a user of the same
# UPN and password as corp's service account, which makes a sign-in go through as a trust does.
# What is in it stands in active_directory.py. SIU_AD_BULK is the number of bulk users (default 10000).
#
# Run as root (ports below 1024). FOLDER defaults to target/lab/active-directory.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=${2:-$(cd "$here/../.." && pwd)/target/lab/active-directory}
export SIU_AD_BULK=${SIU_AD_BULK:-10000}
# Debian's own, which has Samba's modules; another may come first in the path.
python=/usr/bin/python3

# Each calls a function with the domain's name, the controller's name and address, its NetBIOS name, and the name
# server that knows the rest.
corp() { "$1" corp.example.test dc1 127.0.0.10 CORP 127.0.0.20; }
lab() { "$1" lab.example.test dc2 127.0.0.20 LAB ''; }

provision() {
  local domain=$1 host=$2 address=$3 netbios=$4 forwarder=$5 dir=$root/$1
  [ -e "$dir/ready" ] && return
  rm -rf "$dir"
  mkdir -p "$root"
  samba-tool domain provision --targetdir="$dir" --realm="${domain^^}" --domain="$netbios" --server-role=dc \
    --dns-backend=SAMBA_INTERNAL --adminpass='Passw0rd!adm' --host-ip="$address" --host-name="$host" \
    --option="interfaces=$address/8" --option='bind interfaces only=yes' >"$root/$domain.provision.log" 2>&1 ||
    fail "$domain could not be provisioned; see $root/$domain.provision.log"
  # Samba passes loopback addresses over unless one is given with its mask, beside the interface. pid and ncalrpc
  # directories are each domain's own, so that several run on one machine.
  sed -i -e '/dns forwarder/d' -e "s#^\tinterfaces = .*#\tinterfaces = $address/8#" -e "s#/var/log/samba#$dir#" \
    -e "/^\[global\]/a\\\tpid directory = $dir\n\tncalrpc dir = $dir/ncalrpc" \
    -e "/^\[global\]/a\\\ttls keyfile = $dir/tls/key.pem\n\ttls certfile = $dir/tls/cert.pem\n\ttls cafile = $root/ca.pem" \
    "$dir/etc/smb.conf"
  [ -z "$forwarder" ] || sed -i "/^\[global\]/a\\\tdns forwarder = $forwarder" "$dir/etc/smb.conf"
  certificate "$host.$domain" "$address" "$dir/tls"
  "$python" "$here/active_directory.py" "$dir" "$domain" >"$root/$domain.fixtures.log" 2>&1 ||
    fail "the people of $domain could not be put in; see $root/$domain.fixtures.log"
  touch "$dir/ready"
}

# Samba's own certificate has no subjectAltName, which rustls refuses.
certificate() {
  local name=$1 address=$2 dir=$3
  mkdir -p "$dir"
  (umask 077
    [ -e "$root/ca.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=Lab CA' \
      -keyout "$root/ca.key" -out "$root/ca.pem"
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$dir/key.pem" -out "$dir/request.csr"
    openssl x509 -req -in "$dir/request.csr" -CA "$root/ca.pem" -CAkey "$root/ca.key" -CAcreateserial -days 3650 \
      -out "$dir/cert.pem" -extfile <(echo "subjectAltName=DNS:$name,IP:$address")
    # Keys are nobody else's; who runs the tests may be.
    chmod 644 "$root/ca.pem") 2>/dev/null
}

launch() {
  local domain=$1 address=$3 dir=$root/$1
  answers "$address" && return
  # In a session of its own, with no file of the caller's, so that it outlives the caller.
  setsid samba -i -M prefork --debug-stdout -s "$dir/etc/smb.conf" \
    --option='server services=ldap,cldap,kdc,dns,drepl,kcc' >"$dir/samba.log" 2>&1 </dev/null &
  echo $! >"$dir/samba.pid"
}

await() {
  local domain=$1 address=$3
  for _ in $(seq 120); do answers "$address" && return; sleep 0.25; done
  fail "the domain controller of $domain does not answer; see $root/$domain/samba.log"
}
answers() { ldapsearch -x -o nettimeout=2 -H "ldap://$1" -b '' -s base dnsHostName 2>/dev/null | grep -q dnsHostName; }

halt() {
  local dir=$root/$1
  # Its whole session: one process for each service, and several for LDAP.
  [ -e "$dir/samba.pid" ] && kill -- "-$(cat "$dir/samba.pid")" 2>/dev/null || true
  rm -f "$dir/samba.pid"
}

kerberos() {
  cat >"$root/krb5.conf" <<CONF
[libdefaults]
  default_realm = CORP.EXAMPLE.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  CORP.EXAMPLE.TEST = {
    kdc = 127.0.0.10
  }
[domain_realm]
  .corp.example.test = CORP.EXAMPLE.TEST
CONF
}

fail() { echo "$*" >&2; exit 1; }

start() {
  local program
  for program in samba samba-tool ldapsearch openssl; do
    command -v $program >/dev/null || fail "it needs $program (packages samba samba-ad-provision samba-dsdb-modules python3-samba ldap-utils openssl)"
  done
  corp provision
  lab provision
  kerberos
  lab launch
  corp launch
  lab await
  corp await
}

environment() {
  cat <<ENV
export SIU_AD_DOMAIN=corp.example.test
export SIU_AD_CONTROLLER=127.0.0.10
export SIU_AD_CONTROLLER_NAME=dc1.corp.example.test
export SIU_AD_NAME_SERVER=127.0.0.10:53
export SIU_AD_TRUSTED=lab.example.test
export SIU_AD_CA=$root/ca.pem
export SIU_AD_KRB5_CONFIG=$root/krb5.conf
export SIU_AD_ADMINISTRATOR=administrator@corp.example.test
export SIU_AD_ADMINISTRATOR_PASSWORD='Passw0rd!adm'
export SIU_AD_PASSWORD='Passw0rd!lab1'
export SIU_AD_BULK=$SIU_AD_BULK
ENV
}

case ${1:-} in
  start) start ;;
  env) environment ;;
  stop) corp halt; lab halt ;;
  *) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
