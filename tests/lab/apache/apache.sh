#!/bin/bash
# Apache with mod_auth_gssapi and gss-ntlmssp as a reverse proxy before the sandbox's EWS, in Samba's domain.
#
#   tests/lab/apache/apache.sh start [FOLDER] [DOMAIN_FOLDER]   # needs the running domain of active-directory.sh
#   tests/lab/apache/apache.sh env   [FOLDER] [DOMAIN_FOLDER]   # prints the environment that tests/negotiate.rs,
#                                                                 # tests/reach and tests/panel_reach.rs want
#   tests/lab/apache/apache.sh stop  [FOLDER]
#   tests/lab/apache/apache.sh doors [FOLDER] [DOMAIN_FOLDER]   # starts what is on port 48743, and no more
#
# https://localhost:48743 with a certificate of the domain's lab CA. Below it are doors to the same EWS:
#
#   /bound     Kerberos, a connection stays signed in, and the server says so
#   /quiet     the same, and it does not say so
#   /each      Kerberos, each request is signed in
#   /ntlm      NTLM within Negotiate (accounts in ntlm-users)
#   /closing   the same, and each answer closes the connection
#
# On ports that the system chooses: remote PowerShell with Kerberos (../powershell/server.py), over TLS and without.
# SIU_PYTHON is a Python that has psrpcore, pyspnego, gssapi and krb5.
#
# On port 48744 the same runs with a clock eleven hours ahead, to which every ticket has expired.
#
# https://localhost:48745 is an Exchange server of the domain, as far as a proxy can be one: EWS and Autodiscover of
# a sandbox with people of the domain, and remote PowerShell that grants rights in it, all by Kerberos. The domain's
# name server knows it as autodiscover.corp.example.test, which is 127.0.0.11 with port 443.
# Run as root (the keytab comes out of the domain's database). SIU_UPDATER names the program that is the sandbox.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../../.." && pwd)
root=${2:-$project/target/lab/apache}
domain=${3:-$project/target/lab/active-directory}
smb_conf=$domain/corp.example.test/etc/smb.conf
updater=${SIU_UPDATER:-$project/target/debug/siu-updater}
python=${SIU_PYTHON:-$project/.venv/bin/python}
modules=/usr/lib/apache2/modules
port=48743 late_port=48744 http_port=48780 control_port=48781
exchange_port=48745 exchange_address=127.0.0.11 exchange_control=48783 exchange_behind=48784
names=(localhost autodiscover.corp.example.test)
account=svc-siu@corp.example.test password='Passw0rd!lab1'
# Of the sandbox behind it, where the proxy signs in by Basic.
behind=svc-siu@nordwind.example behind_password=Nordlicht-hinter-Apache

fail() { echo "$*" >&2; exit 1; }

# An account whose key is the web server's, and that key.
keytab() {
  [ -s "$root/http.keytab" ] && [ "$root/http.keytab" -nt "$domain/corp.example.test/ready" ] && return
  rm -f "$root/http.keytab"
  {
    samba-tool user create svc-http 'Passw0rd!http' -s "$smb_conf" || true
    local name
    for name in "${names[@]}"; do samba-tool spn add "HTTP/$name" svc-http -s "$smb_conf" || true; done
    account_and_name
    for name in "${names[@]}"; do
      samba-tool domain exportkeytab "$root/http.keytab" --principal="HTTP/$name" -s "$smb_conf"
    done
  } >"$root/keytab.log" 2>&1
  [ -s "$root/http.keytab" ] || fail "the web server got no key; see $root/keytab.log"
  # Apache's own user reads it.
  chmod 644 "$root/http.keytab"
}

# That the account knows AES, as those of Exchange servers do; without that its tickets are for RC4 alone. And the name
# under which the server is found, in the domain's DNS.
account_and_name() {
  /usr/bin/python3 - "$domain/corp.example.test/private/sam.ldb" "$smb_conf" "$exchange_address" <<'CODE'
import sys
import ldb
from samba.auth import system_session
from samba.dcerpc import dnsp
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.samdb import SamDB
settings = LoadParm()
settings.load(sys.argv[2])
directory = SamDB(url=sys.argv[1], session_info=system_session(settings), lp=settings)
[account] = directory.search(expression="(sAMAccountName=svc-http)", attrs=[])
message = ldb.Message(account.dn)
name = "msDS-SupportedEncryptionTypes"
message[name] = ldb.MessageElement("28", ldb.FLAG_MOD_REPLACE, name)
directory.modify(message)
record = dnsp.DnssrvRpcRecord()
record.wType, record.rank, record.dwTtlSeconds, record.data = dnsp.DNS_TYPE_A, dnsp.DNS_RANK_ZONE, 900, sys.argv[3]
zone = "DC=corp.example.test,CN=MicrosoftDNS,DC=DomainDnsZones,DC=corp,DC=example,DC=test"
place = f"DC=autodiscover,{zone}"
try:
    directory.delete(place)
except ldb.LdbError:
    pass
directory.add({"dn": place, "objectClass": "dnsNode", "dnsRecord": ndr_pack(record)})
CODE
}

certificate() {
  [ -e "$root/cert.pem" ] && openssl verify -CAfile "$domain/ca.pem" "$root/cert.pem" >/dev/null 2>&1 && return
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$root/key.pem" -out "$root/request.csr" 2>/dev/null
  openssl x509 -req -in "$root/request.csr" -CA "$domain/ca.pem" -CAkey "$domain/ca.key" -CAcreateserial -days 3650 \
    -out "$root/cert.pem" -extfile <(echo "subjectAltName=IP:127.0.0.1$(printf ',DNS:%s' "${names[@]}")") 2>/dev/null
}

# configuration NAME PORT BEHIND URL [LISTEN]
configuration() {
  local file
  for file in apache "$3"; do
    sed -e "s#@ROOT@#$root#g" -e "s#@NAME@#$1#g" -e "s#@PORT@#$2#g" -e "s#@MODULES@#$modules#g" -e "s#@BEHIND@#$4#g" \
      -e "s#@LISTEN@#Listen 127.0.0.1:$2\n${5:-}#" \
      -e "s#@POWERSHELL@#$(sed -n 's/^URL //p' "$root/powershell-granting.log" 2>/dev/null || true)#g" \
      -e "s#@BASIC@#$(printf '%s:%s' "$behind" "$behind_password" | base64 -w0)#g" "$here/$file.conf" \
      >"$root/$1$([ "$file" = apache ] || echo -behind).conf"
  done
}

answers() { curl --silent --max-time 3 --output "${3:-/dev/null}" --cacert "$domain/ca.pem" "$1$2"; }
await() {
  for _ in $(seq 480); do answers "$1" "$2" && return; sleep 0.25; done
  fail "$1 does not answer; see the logs in $root"
}

sandbox() {
  answers "http://127.0.0.1:$control_port" / && return
  SIU_SANDBOX_PASSWORD=$behind_password setsid "$updater" sandbox --folder "$root/sandbox" --empty \
    --http "127.0.0.1:$http_port" --control "127.0.0.1:$control_port" --https 127.0.0.1:0 --ldaps 127.0.0.1:0 \
    --ldap 127.0.0.1:0 >"$root/sandbox.log" 2>&1 </dev/null &
  echo $! >"$root/sandbox.pid"
  await "http://127.0.0.1:$control_port" /
  curl --silent --fail -X PUT "http://127.0.0.1:$control_port/accounts/$behind/impersonation" ||
    fail "the sandbox grants nothing"
}

# apache NAME COMMAND…
apache() {
  local name=$1
  shift
  NTLM_USER_FILE=$root/ntlm-users NETBIOS_DOMAIN_NAME=CORP KRB5_CONFIG=$domain/krb5.conf KRB5RCACHETYPE=none \
    setsid "$@" apache2 -f "$root/$name.conf" -DFOREGROUND >"$root/$name.log" 2>&1 </dev/null &
  echo $! >"$root/$name.pid"
}

# The mailboxes of the domain's people. Whom the directory shows first is its own affair, so everybody has one.
exchange() {
  answers "http://127.0.0.1:$exchange_control" / && return
  mkdir -p "$root/organisation"
  {
    cat "$here/organisation.toml"
    seq -f %05g 0 $((${SIU_AD_BULK:-10000} - 1)) | sed 's#.*#\n[[people]]\nupn = "bulk&@corp.example.test"\n\
display_name = "Bulk User &"\nprimary = "bulk&@corp.example.test"\nmailbox = true#'
  } >"$root/organisation/organisation.toml"
  setsid "$updater" sandbox --folder "$root/exchange" --organisation "$root/organisation" --http 127.0.0.1:0 \
    --control "127.0.0.1:$exchange_control" --https "127.0.0.1:$exchange_behind" --ldaps 127.0.0.1:0 --ldap 127.0.0.1:0 \
    >"$root/exchange.log" 2>&1 </dev/null &
  echo $! >"$root/exchange.pid"
}

# powershell NAME OPTION…
powershell() {
  local name=$1
  shift
  [ -e "$root/$name.pid" ] && kill -0 "$(cat "$root/$name.pid")" 2>/dev/null && return
  mkdir -p "$root/$name"
  rm -f "$root/$name.log"
  # Its standard input stays open as long as it runs.
  KRB5_CONFIG=$domain/krb5.conf KRB5RCACHETYPE=none KRB5_KTNAME=$root/http.keytab setsid bash -c \
    'sleep infinity | exec "$@"' _ "$python" "$here/../powershell/server.py" "$root/$name" "$@" \
    >"$root/$name.log" 2>"$root/$name.err" </dev/null &
  echo $! >"$root/$name.pid"
  for _ in $(seq 120); do grep -qs '^URL ' "$root/$name.log" && return; sleep 0.25; done
  fail "remote PowerShell does not start; see $root/$name.err"
}

doors() {
  local program
  for program in apache2 samba-tool curl openssl; do
    command -v $program >/dev/null || fail "it needs $program"
  done
  [ -e "$modules/mod_auth_gssapi.so" ] || fail "it needs libapache2-mod-auth-gssapi"
  [ -e /etc/gss/mech.d/mech.ntlmssp.conf ] || fail "it needs gss-ntlmssp"
  mkdir -p "$root"
  keytab
  certificate
  printf 'CORP:svc-siu:%s\n' "$password" >"$root/ntlm-users"
  configuration apache $port doors http://127.0.0.1:$http_port
  sandbox
  answers "https://localhost:$port" / || { apache apache env; await "https://localhost:$port" /; }
}

start() {
  command -v faketime >/dev/null || fail "it needs faketime"
  doors
  configuration late $late_port doors http://127.0.0.1:$http_port
  exchange
  answers "https://localhost:$late_port" / ||
    { apache late faketime -f +11h env; await "https://localhost:$late_port" /; }
  powershell powershell-tls --kerberos
  powershell powershell-plain --unencrypted
  # Ten thousand mailboxes take a while.
  await "http://127.0.0.1:$exchange_control" /
  powershell powershell-granting --grants "http://127.0.0.1:$exchange_control"
  configuration exchange-apache $exchange_port exchange "https://localhost:$exchange_behind" "Listen $exchange_address:443"
  answers "https://localhost:$exchange_port" / ||
    { apache exchange-apache env; await "https://localhost:$exchange_port" /; }
}

halt() {
  local name
  for name in apache late exchange-apache sandbox exchange powershell-tls powershell-plain powershell-granting; do
    [ -e "$root/$name.pid" ] && kill -- "-$(cat "$root/$name.pid")" 2>/dev/null || true
    rm -f "$root/$name.pid"
  done
}

environment() {
  cat <<ENV
export SIU_APACHE_URL=https://localhost:$port
export SIU_APACHE_LATE_URL=https://localhost:$late_port
export SIU_APACHE_LATE_LOG=$root/late-error.log
export SIU_APACHE_KDC=127.0.0.10
export SIU_APACHE_CA=$domain/ca.pem
export SIU_APACHE_ACCOUNT=$account
export SIU_APACHE_PASSWORD='$password'
export SIU_KERBEROS_POWERSHELL_URL=$(sed -n 's/^URL //p' "$root/powershell-tls.log")
export SIU_KERBEROS_POWERSHELL_UNENCRYPTED_URL=$(sed -n 's/^URL //p' "$root/powershell-plain.log")
export SIU_KERBEROS_POWERSHELL_CA=$root/powershell-tls/ca.pem
export SIU_REACH_DOMAIN=corp.example.test
export SIU_REACH_NAME_SERVER=127.0.0.10:53
export SIU_REACH_CA=$domain/ca.pem
export SIU_REACH_ADMINISTRATOR=administrator@corp.example.test
export SIU_REACH_ADMINISTRATOR_PASSWORD='Passw0rd!adm'
export SIU_REACH_ACCOUNT=$account
export SIU_REACH_ACCOUNT_PASSWORD='$password'
export SIU_REACH_SERVER=https://localhost:$exchange_port/EWS/Exchange.asmx
export SIU_REACH_CONTROL=http://127.0.0.1:$exchange_control
export SIU_REACH_KRB5_CONFIG=$domain/krb5.conf
ENV
}

case ${1:-} in
  start) start ;;
  doors) doors ;;
  env) environment ;;
  stop) halt ;;
  *) sed -n '2,27s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
