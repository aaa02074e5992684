"""The sandbox's directory, driven by programs that know Active Directory: Python's ldap3, and ldapsearch of OpenLDAP."""
import os
import ssl
import subprocess

import ldap3
import pytest
from ldap3.core.exceptions import LDAPBindError
from ldap3.extend.microsoft import addMembersToGroups, modifyPassword
from ldap3.utils.conv import escape_filter_chars

import sandbox as sandboxes

ROOT = "DC=nordwind,DC=example"
ADMINS = f"CN=Domain Admins,CN=Users,{ROOT}"


def server(sandbox, url):
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(sandbox.ca_file))
    return ldap3.Server(url, get_info=ldap3.ALL, tls=tls)


@pytest.fixture
def admin(sandbox):
    connection = ldap3.Connection(server(sandbox, sandbox.ldaps_url), sandbox.administrator, sandbox.admin_password,
                                  auto_bind=True, raise_exceptions=False)
    with connection:
        yield connection


def found(connection):
    """What a search found, without the references to other parts of the forest."""
    return [entry for entry in connection.response if entry["type"] == "searchResEntry"]


def ldapsearch(sandbox, *words, url=None, password=None):
    """Exit status, and what was printed."""
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", url or sandbox.ldaps_url,
               "-D", sandbox.administrator, "-w", password or sandbox.admin_password, *words]
    environment = os.environ | {"LDAPTLS_CACERT": str(sandbox.ca_file), "LDAPTLS_REQCERT": "demand"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_python_reads_the_root_and_takes_the_server_for_active_directory(sandbox):
    connection = ldap3.Connection(server(sandbox, sandbox.ldaps_url), auto_bind=True)
    info = connection.server.info
    assert info.other["defaultNamingContext"] == [ROOT]
    assert info.other["dnsHostName"] == ["dc01.nordwind.example"]
    assert "1.2.840.113556.1.4.800" in info.raw["supportedCapabilities"] or \
        b"1.2.840.113556.1.4.800" in info.raw["supportedCapabilities"]


def test_a_wrong_password_is_told_with_the_sub_code(sandbox):
    with pytest.raises(LDAPBindError):
        ldap3.Connection(server(sandbox, sandbox.ldaps_url), "abgelaufen@nordwind.example", sandbox.people_password,
                         auto_bind=True)
    connection = ldap3.Connection(server(sandbox, sandbox.ldaps_url), "abgelaufen@nordwind.example",
                                  sandbox.people_password)
    assert not connection.bind()
    assert connection.result["result"] == 49 and ", data 532, " in connection.result["message"]


def test_python_signs_in_after_start_tls_and_not_before(sandbox):
    connection = ldap3.Connection(server(sandbox, sandbox.ldap_url), "NORDWIND\\anna.bergstroem",
                                  sandbox.people_password)
    assert not connection.bind()
    assert connection.result["result"] == 8
    connection = ldap3.Connection(server(sandbox, sandbox.ldap_url), "NORDWIND\\anna.bergstroem",
                                  sandbox.people_password)
    connection.open()
    assert connection.start_tls() and connection.bind()
    assert connection.extend.standard.who_am_i() == "u:NORDWIND\\anna.bergstroem"
    connection.unbind()


def test_pages_and_nested_groups(admin):
    pages = admin.extend.standard.paged_search(ROOT, "(objectCategory=person)", attributes=["cn"], paged_size=5,
                                               generator=True)
    people = {entry["dn"] for entry in pages if entry["type"] == "searchResEntry"}
    assert len(people) > 20
    admin.search(ROOT, f"(memberOf:1.2.840.113556.1.4.1941:={ADMINS})", attributes=["sAMAccountName"])
    assert {entry.sAMAccountName.value for entry in admin.entries} == {"IT-Administration", "admin"}


def test_identifiers_come_as_those_of_windows(admin):
    admin.search(ROOT, "(sAMAccountName=admin)", attributes=["objectSid", "objectGUID"])
    (entry,) = found(admin)
    (sid,), (guid,) = entry["raw_attributes"]["objectSid"], entry["raw_attributes"]["objectGUID"]
    assert len(sid) == 28 and sid[:2] == b"\x01\x05" and len(guid) == 16
    for name, value in [("objectSid", sid), ("objectGUID", guid)]:
        admin.search(ROOT, f"({name}={escape_filter_chars(value)})")
        assert [other["dn"] for other in found(admin)] == [entry["dn"]]


def test_an_account_is_made_given_a_password_and_membership_and_deleted(sandbox, admin):
    name = f"CN=Müller\\, Eva,CN=Users,{ROOT}"
    upn, password = "eva.mueller@nordwind.example", "Sturmwarnung-12"
    assert admin.add(name, ["top", "person", "organizationalPerson", "user"],
                     {"sAMAccountName": "eva.mueller", "userPrincipalName": upn, "displayName": "Müller, Eva"})
    assert not modifyPassword.ad_modify_password(admin, name, "kurz", None)
    assert admin.result["result"] == 19 and admin.result["message"].startswith("0000052D")
    assert modifyPassword.ad_modify_password(admin, name, password, None)
    assert admin.modify(name, {"userAccountControl": [(ldap3.MODIFY_REPLACE, [66048])]})
    own = ldap3.Connection(server(sandbox, sandbox.ldaps_url), upn, password, auto_bind=True)
    assert not own.add(f"CN=x,CN=Users,{ROOT}", "user", {"sAMAccountName": "x"})
    assert own.result["description"] == "insufficientAccessRights"
    assert addMembersToGroups.ad_add_members_to_groups(admin, name, ADMINS)
    assert own.add(f"CN=x,CN=Users,{ROOT}", "user", {"sAMAccountName": "x"})
    assert own.delete(f"CN=x,CN=Users,{ROOT}")
    assert admin.delete(name)
    admin.search(ROOT, "(sAMAccountName=eva.mueller)")
    assert not found(admin)


def test_ldapsearch_finds_people_by_ambiguous_name_resolution(sandbox):
    status, printed = ldapsearch(sandbox, "-b", ROOT, "-E", "pr=100/noprompt", "(anr=anna berg)", "mail")
    assert status == 0, printed
    assert "mail: anna.bergstroem@nordwind.example" in printed
    assert printed.count("\nref: ") + printed.count("# refldap") == 3, printed


def test_ldapsearch_is_refused_in_the_words_of_a_controller(sandbox):
    status, printed = ldapsearch(sandbox, "-b", ROOT, url=sandbox.ldap_url)
    assert status == 8 and "00002028: LdapErr" in printed
    status, printed = ldapsearch(sandbox, "-ZZ", "-b", ROOT, "-s", "base", "objectSid", url=sandbox.ldap_url)
    assert status == 0 and f"dn: {ROOT}" in printed, printed
    status, printed = ldapsearch(sandbox, "-b", f"CN=nobody,{ROOT}")
    assert status == 32 and f"Matched DN: {ROOT}" in printed, printed
    status, printed = ldapsearch(sandbox, "-b", "DC=suedwind,DC=example")
    assert status == 10 and "ldap://suedwind.example/DC=suedwind,DC=example" in printed, printed


def test_ldapsearch_sorts_on_the_server(sandbox):
    status, printed = ldapsearch(sandbox, "-b", f"OU=Rehearsal,{ROOT}", "-E", "sss=-sn:2.5.13.3", "(sAMAccountName=*)",
                                 "sAMAccountName")
    assert status == 0 and "sAMAccountName: gesperrt" in printed, printed
    status, printed = ldapsearch(sandbox, "-b", f"OU=Rehearsal,{ROOT}", "-E", "sss=cn", "(objectClass=user)", "cn")
    names = [line[4:] for line in printed.splitlines() if line.startswith("cn: ")]
    assert status == 0 and names == sorted(names, key=str.lower) and len(names) > 5, printed


def test_a_restart_keeps_an_account(tmp_path):
    def identifier(running):
        connection = ldap3.Connection(server(running, running.ldaps_url), running.administrator,
                                      running.admin_password, auto_bind=True)
        connection.add(f"CN=Kept,CN=Users,{ROOT}", "user", {"sAMAccountName": "kept"})
        connection.search(ROOT, "(sAMAccountName=kept)", attributes=["objectGUID"])
        return found(connection)[0]["raw_attributes"]["objectGUID"]

    with sandboxes.Sandbox(tmp_path, "kept") as running:
        before = identifier(running)
        running.stop()
        running.start()
        assert identifier(running) == before
