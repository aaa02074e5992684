#!/bin/bash
# Apache with mod_auth_gssapi and gss-ntlmssp as a reverse proxy before the sandbox's EWS, in Samba's domain.
#
#   tests/lab/apache/apache.sh start [FOLDER] [DOMAIN_FOLDER]   # needs the running domain of active-directory.sh
#   tests/lab/apache/apache.sh env   [FOLDER] [DOMAIN_FOLDER]   # prints the environment that tests/negotiate.rs wants
#   tests/lab/apache/apache.sh stop  [FOLDER]
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
    samba-tool spn add HTTP/localhost svc-http -s "$smb_conf" || true
    aes
    samba-tool domain exportkeytab "$root/http.keytab" --principal=HTTP/localhost -s "$smb_conf"
  } >"$root/keytab.log" 2>&1
  [ -s "$root/http.keytab" ] || fail "the web server got no key; see $root/keytab.log"
  # Apache's own user reads it.
  chmod 644 "$root/http.keytab"
}

# That it knows AES, as the accounts of Exchange servers have it; without that its tickets are for RC4 alone.
aes() {
  /usr/bin/python3 - "$domain/corp.example.test/private/sam.ldb" "$smb_conf" <<'CODE'
import sys
import ldb
from samba.auth import system_session
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
CODE
}

certificate() {
  [ -e "$root/cert.pem" ] && openssl verify -CAfile "$domain/ca.pem" "$root/cert.pem" >/dev/null 2>&1 && return
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$root/key.pem" -out "$root/request.csr" 2>/dev/null
  openssl x509 -req -in "$root/request.csr" -CA "$domain/ca.pem" -CAkey "$domain/ca.key" -CAcreateserial -days 3650 \
    -out "$root/cert.pem" -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") 2>/dev/null
}

# configuration NAME PORT
configuration() {
  sed -e "s#@ROOT@#$root#g" -e "s#@NAME@#$1#g" -e "s#@PORT@#$2#g" -e "s#@MODULES@#$modules#g" \
    -e "s#@BEHIND@#http://127.0.0.1:$http_port#g" \
    -e "s#@BASIC@#$(printf '%s:%s' "$behind" "$behind_password" | base64 -w0)#g" "$here/apache.conf" >"$root/$1.conf"
}

answers() { curl --silent --max-time 3 --output "${3:-/dev/null}" --cacert "$domain/ca.pem" "$1$2"; }
await() {
  for _ in $(seq 120); do answers "$1" "$2" && return; sleep 0.25; done
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

# powershell NAME OPTION
powershell() {
  [ -e "$root/$1.pid" ] && kill -0 "$(cat "$root/$1.pid")" 2>/dev/null && return
  mkdir -p "$root/$1"
  rm -f "$root/$1.log"
  # Its standard input stays open as long as it runs.
  KRB5_CONFIG=$domain/krb5.conf KRB5RCACHETYPE=none KRB5_KTNAME=$root/http.keytab setsid bash -c \
    'sleep infinity | exec "$@"' _ "$python" "$here/../powershell/server.py" "$root/$1" "$2" \
    >"$root/$1.log" 2>"$root/$1.err" </dev/null &
  echo $! >"$root/$1.pid"
  for _ in $(seq 120); do grep -q '^URL ' "$root/$1.log" && return; sleep 0.25; done
  fail "remote PowerShell does not start; see $root/$1.err"
}

start() {
  local program
  for program in apache2 samba-tool faketime curl openssl; do
    command -v $program >/dev/null || fail "it needs $program"
  done
  [ -e "$modules/mod_auth_gssapi.so" ] || fail "it needs libapache2-mod-auth-gssapi"
  [ -e /etc/gss/mech.d/mech.ntlmssp.conf ] || fail "it needs gss-ntlmssp"
  mkdir -p "$root"
  keytab
  certificate
  printf 'CORP:svc-siu:%s\n' "$password" >"$root/ntlm-users"
  configuration apache $port
  configuration late $late_port
  sandbox
  answers "https://localhost:$port" / || { apache apache env; await "https://localhost:$port" /; }
  answers "https://localhost:$late_port" / ||
    { apache late faketime -f +11h env; await "https://localhost:$late_port" /; }
  powershell powershell-tls --kerberos
  powershell powershell-plain --unencrypted
}

halt() {
  local name
  for name in apache late sandbox powershell-tls powershell-plain; do
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
ENV
}

case ${1:-} in
  start) start ;;
  env) environment ;;
  stop) halt ;;
  *) sed -n '2,21s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
