"""Puts people, groups and trusts into a domain of the lab, straight into Samba's database, before it is started.

    active_directory.py FOLDER DOMAIN

All in one transaction: ten thousand users take half a minute so, and five minutes one by one.
"""

import os
import sys
import time
import zlib

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.samdb import SamDB

folder, domain = sys.argv[1:]
base = "DC=" + domain.replace(".", ",DC=")
password = "Passw0rd!lab1"

settings = LoadParm()
settings.load(folder + "/etc/smb.conf")


def connect(url):
    options = ["batch_mode:1", "nosync:1"]
    return SamDB(url=url, session_info=system_session(settings), lp=settings, options=options)


directory = connect(folder + "/private/sam.ldb")


def quoted(text):
    return ('"' + text + '"').encode("utf-16-le")


def dn(name, container):
    """The name of an object, escaped by ldb, so that commas and quotes stay a part of it."""
    distinguished = ldb.Dn(directory, f"CN=x,{container},{base}")
    distinguished.set_component(0, "CN", name)
    return distinguished


def add(name, container, **attributes):
    message = {"dn": dn(name, container)}
    for attribute, value in attributes.items():
        values = value if isinstance(value, list) else [value]
        message[attribute.replace("_", "-")] = [v if isinstance(v, bytes) else str(v).encode() for v in values]
    directory.add(message)
    return message["dn"]


def user(account, name, container="OU=People", upn=True, control=512, **attributes):
    if upn:
        attributes["userPrincipalName"] = f"{account}@{domain}" if upn is True else upn
    return add(
        name, container, objectClass="user", sAMAccountName=account, displayName=name, userAccountControl=control,
        unicodePwd=quoted(password), **attributes,
    )


def computer(name):
    """Joined by hand: its password is known, so that tests can be this computer."""
    add(name, "CN=Computers", objectClass="computer", sAMAccountName=f"{name}$", userAccountControl=4096,
        dNSHostName=f"{name.lower()}.{domain}", unicodePwd=quoted(password))


def group(account, members, name=None, kind=-2147483646, **attributes):
    attributes["member"] = [str(member) for member in members]
    if not members:
        del attributes["member"]
    return add(name or account, "OU=Groups", objectClass="group", sAMAccountName=account, groupType=kind, **attributes)


def change(name, **attributes):
    message = ldb.Message(name)
    for attribute, value in attributes.items():
        message[attribute] = ldb.MessageElement(str(value), ldb.FLAG_MOD_REPLACE, attribute)
    directory.modify(message)


def change_member(group_name, member, flag):
    message = ldb.Message(ldb.Dn(directory, group_name))
    message["member"] = ldb.MessageElement(str(member), flag, "member")
    directory.modify(message)


def unit(name):
    directory.add({"dn": f"OU={name},{base}", "objectClass": "organizationalUnit"})


def trust(partner, direction, kind):
    name = partner.split(".")[0].upper()
    # Any SID will do; without one, Samba's KDC refuses every ticket.
    add(partner, "CN=System", objectClass="trustedDomain", trustPartner=partner, flatName=name,
        trustDirection=direction, trustType=kind, trustAttributes=8 if kind == 2 else 0,
        securityIdentifier=ndr_pack(security.dom_sid(f"S-1-5-21-{zlib.crc32(partner.encode())}-1-1")))


NEVER_EXPIRES = 66048


def register(host):
    """The names under which Kerberos knows the controller as a directory. Samba's own updater of these needs RPC."""
    message = ldb.Message(ldb.Dn(directory, f"CN={host.upper()},OU=Domain Controllers,{base}"))
    names = [f"ldap/{host}.{domain}", f"ldap/{host}.{domain}/{domain}"]
    message["servicePrincipalName"] = ldb.MessageElement(names, ldb.FLAG_MOD_ADD, "servicePrincipalName")
    directory.modify(message)


def corp():
    register("dc1")
    user("svc-siu", "SIU Service", control=NEVER_EXPIRES, mail=f"svc-siu@{domain}")
    anna = user("anna", "Anna Berg", givenName="Anna", sn="Berg", mail=f"anna@{domain}", description="Sales, Bergen",
                proxyAddresses=[f"smtp:anna.berg@{domain}", f"SMTP:anna@{domain}", "X400:C=NO;A= ;P=Corp;S=Berg;"])
    ben = user("ben", "Ben Carver", mail=f"ben@{domain}")
    carla = user("carla", "Carla Dorn", mail=f"carla@{domain}")
    dora = user("dora", "Dora Ek", mail=f"dora@{domain}", proxyAddresses=[f"SMTP:dora@{domain}"])
    erik = user("erik", "Erik Falk")
    brien = user("pat.obrien", "O'Brien, Pat", mail=f"o'brien@{domain}")
    quote = user("quote", '"Quote", (Ops) + <x> # \\ =', mail=f"quote@{domain}")
    jurgen = user("jurgen", "Jürgen Žižka 日本", mail=f"jurgen@{domain}")

    # Where updaters run.
    for name in ("SRV1", "SRV2", "SRV3"):
        computer(name)

    # Every trouble of W11.
    expired = user("pw-expired", "Password Expired")
    must_change = user("must-change", "Must Change")
    user("disabled", "Disabled", control=514)
    locked = user("locked", "Locked")
    user("gone-by", "Account Expired", accountExpires=116444736000000000)
    user("no-upn", "No UPN", upn=False)
    outsider = user("outsider", "Outsider")
    change(must_change, pwdLastSet=0)

    # Deputies are in Domain Admins by a detour.
    nadia = user("nadia", "Nadia Admin")
    deputies = group("Deputies", [nadia])
    change_member(f"CN=Domain Admins,CN=Users,{base}", deputies, ldb.FLAG_MOD_ADD)

    # Nested, with a cycle: Sales > Sales East > Sales.
    east = group("Sales East", [carla])
    newsletter = group("Newsletter", [dora], kind=2, mail=f"newsletter@{domain}")
    sales = group("Sales", [ben, anna, east, newsletter], mail=f"sales@{domain}")
    change_member(str(east), sales, ldb.FLAG_MOD_ADD)
    group("Odd names", [brien, quote, jurgen], name='(Ops), "Team" + Žižka')
    group("Empty", [])

    # Erik belongs to Crew by his primary group alone; the outsider to nothing that Domain Users is in.
    crew = group("Crew", [erik, outsider])
    crew_id = int(directory.search(crew, attrs=["primaryGroupToken"], scope=ldb.SCOPE_BASE)[0]["primaryGroupToken"][0])
    for member in (erik, outsider):
        change(member, primaryGroupID=crew_id)
    change_member(f"CN=Domain Users,CN=Users,{base}", outsider, ldb.FLAG_MOD_DELETE)

    trust("lab.example.test", 3, 2)
    trust("gone.example.test", 3, 2)
    trust("oneway.example.test", 2, 2)
    trust("incoming.example.test", 1, 2)
    trust("MIT.EXAMPLE.TEST", 3, 3)

    count = int(os.environ.get("SIU_AD_BULK", "10000"))
    bulk = []
    for number in range(count):
        account = f"bulk{number:05}"
        bulk.append(add(f"Bulk User {number:05}", "OU=Bulk", objectClass="user", sAMAccountName=account,
                        userPrincipalName=f"{account}@{domain}", displayName=f"Bulk User {number:05}",
                        givenName="Bulk", sn=f"User {number:05}", mail=f"{account}@{domain}", userAccountControl=544))
    group("Large", bulk[:5000])
    return [(expired, {"pwdLastSet": 131000000000000000}), (locked, {"lockoutTime": nt_time()})]


def lab():
    register("dc2")
    user("svc-siu", "SIU Service", upn="svc-siu@corp.example.test", control=NEVER_EXPIRES)
    user("liv", "Liv Lab", mail=f"liv@{domain}")
    return []


def nt_time():
    return int((time.time() + 11644473600) * 10_000_000)


directory.transaction_start()
for name in ("People", "Groups", "Bulk"):
    unit(name)
# An account that is locked stays so for as long as the lab may live.
change(ldb.Dn(directory, base), lockoutDuration=-(99999 * 60 * 10_000_000))
raw = corp() if domain.startswith("corp.") else lab()
directory.transaction_commit()

# Samba lets nobody write these through its rules, so they are written below them.
if raw:
    del directory
    store = ldb.Ldb(f"tdb://{folder}/private/sam.ldb.d/{base.upper()}.ldb", options=["modules:"])
    for name, attributes in raw:
        message = ldb.Message(ldb.Dn(store, str(name)))
        for attribute, value in attributes.items():
            message[attribute] = ldb.MessageElement(str(value), ldb.FLAG_MOD_REPLACE, attribute)
        store.modify(message)
