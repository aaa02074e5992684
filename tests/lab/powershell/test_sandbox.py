"""pypsrp, a client of remote PowerShell that is not ours, runs cmdlets in the sandbox."""
import contextlib
import urllib.parse

import pytest
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from sandbox import ORGANISATION, Sandbox

KOFI = Sandbox.without_mailbox
ADMINISTRATOR = ORGANISATION["administrator"]
COMPLETED, FAILED = 4, 5


@contextlib.contextmanager
def session(sandbox, user=ADMINISTRATOR, password=ORGANISATION["admin_password"], configuration="Microsoft.Exchange"):
    url = urllib.parse.urlsplit(sandbox.control("GET", "")["powershell_url"])
    connection = WSMan(url.hostname, port=url.port, path="PowerShell/", ssl=True, auth="basic", username=user,
                       password=password, cert_validation=str(sandbox.ca_file), no_proxy=True)
    with connection, RunspacePool(connection, configuration_name=configuration) as pool:
        yield pool


@pytest.fixture
def pool(sandbox):
    with session(sandbox) as opened:
        yield opened


def run(pool, cmdlet, **parameters):
    shell = PowerShell(pool)
    shell.add_cmdlet(cmdlet).add_parameters(parameters)
    shell.invoke()
    shell.close()
    return shell


def properties(objects):
    return [{**one.adapted_properties, **one.extended_properties} for one in objects]


def test_who_may_not_or_is_nobody_gets_no_session(sandbox):
    with pytest.raises(AuthenticationError):
        with session(sandbox, password="wrong"):
            pass
    with pytest.raises(WSManFaultError) as refused:
        with session(sandbox, user=Sandbox.anna, password=Sandbox.people_password):
            pass
    assert refused.value.code == 5
    assert "isn't assigned to any management roles" in str(refused.value)


def test_another_configuration_than_exchanges_is_not_there(sandbox):
    with pytest.raises(WSManFaultError) as refused:
        with session(sandbox, configuration="Microsoft.PowerShell"):
            pass
    assert refused.value.code == 2150858752


def test_there_is_no_language(pool):
    shell = PowerShell(pool)
    shell.add_script("Get-Mailbox | Remove-Mailbox")
    shell.invoke()
    assert shell.state == FAILED
    assert "no-language mode" in str(shell.streams.error[0])


def test_an_unknown_cmdlet_ends_the_pipeline(pool):
    shell = run(pool, "Remove-Everything")
    assert shell.state == FAILED
    assert "is not recognized as the name of a cmdlet" in str(shell.streams.error[0])


def test_what_a_cmdlet_refuses_is_an_error_record(pool):
    shell = run(pool, "New-ManagementRoleAssignment", Role="ApplicationImpersonation", User="nobody@nordwind.example")
    assert shell.state == COMPLETED and len(shell.streams.error) == 1
    assert shell.streams.error[0].reason == "ManagementObjectNotFoundException"
    assert "'nobody@nordwind.example' couldn't be found" in str(shell.streams.error[0])


def test_a_right_is_granted_and_listed(sandbox, pool):
    granted = run(pool, "New-ManagementRoleAssignment", Name="By pypsrp", Role="ApplicationImpersonation", User=KOFI)
    assert granted.state == COMPLETED and not granted.streams.error
    assert properties(granted.output)[0]["Name"] == "By pypsrp"
    assert KOFI in sandbox.control("GET", "")["impersonators"]
    listed = run(pool, "Get-ManagementRoleAssignment", RoleAssignee=KOFI, GetEffectiveUsers=False)
    one = properties(listed.output)[0]
    assert (one["Name"], one["Role"], one["Enabled"]) == ("By pypsrp", "ApplicationImpersonation", True)
    run(pool, "Remove-ManagementRoleAssignment", Identity="By pypsrp", Confirm=False)
    assert KOFI not in sandbox.control("GET", "")["impersonators"]


def test_output_of_many_fragments_and_warnings_arrive_whole(pool):
    everybody = run(pool, "Get-Mailbox", ResultSize="Unlimited")
    names = {one["UserPrincipalName"] for one in properties(everybody.output)}
    assert len(names) == len(everybody.output) == 14
    assert any(len(one["EmailAddresses"]) > 1 for one in properties(everybody.output))
    two = run(pool, "Get-Mailbox", ResultSize=2)
    assert len(two.output) == 2
    assert "more results available" in two.streams.warning[0].message


def test_trouble_on_demand_reaches_the_client(sandbox, pool):
    with sandbox.fault("refuse", operation="PowerShellReceive", count=2, code="2150858793", message="Nothing yet."):
        assert run(pool, "Get-RoleGroupMember", Identity="Organization Management").state == COMPLETED
    with sandbox.fault("refuse", operation="PowerShellCommand", code="2150858843", message="The shell is gone."):
        with pytest.raises(WSManFaultError) as refused:
            run(pool, "Get-Mailbox")
    assert "The shell is gone." in str(refused.value)
