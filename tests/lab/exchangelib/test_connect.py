"""Finding the server, signing in, and acting for others."""
import pytest
import requests
from exchangelib import DELEGATE, IMPERSONATION, Account, Credentials
from exchangelib.autodiscover import Autodiscovery, clear_cache
from exchangelib.errors import (
    AutoDiscoverFailed,
    ErrorImpersonateUserDenied,
    ErrorNonExistentMailbox,
    UnauthorizedError,
)
from lxml import etree

import mailclient
import names

POX = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


@pytest.fixture
def network(sandbox):
    """A network in which the sandbox's domain exists."""
    server = names.NameServer(sandbox.hosts)
    Autodiscovery.DNS_RESOLVER_KWARGS = {"configure": False}
    Autodiscovery.DNS_RESOLVER_ATTRS = {"nameservers": ["127.0.0.1"], "port": server.port, "timeout": 2}
    clear_cache()
    with names.hosts_lead_to(sandbox.hosts, sandbox.https_port):
        yield
    clear_cache()
    server.close()


def test_autodiscover_leads_from_an_address_to_the_mailbox(sandbox, network):
    account = Account(primary_smtp_address=sandbox.anna, credentials=Credentials(sandbox.account, sandbox.password),
                      autodiscover=True, access_type=IMPERSONATION)
    assert account.protocol.service_endpoint.lower().endswith("/ews/exchange.asmx")
    assert account.sent.total_count >= 0
    assert account.version.build.major_version == 15


def test_autodiscover_with_a_secondary_address_leads_to_the_primary_one(sandbox, network):
    account = Account(primary_smtp_address=sandbox.anna_secondary,
                      credentials=Credentials(sandbox.account, sandbox.password), autodiscover=True,
                      access_type=IMPERSONATION)
    assert account.primary_smtp_address.lower() == sandbox.anna
    assert account.sent.total_count >= 0


def test_autodiscover_of_somebody_unknown_fails(sandbox, network):
    with pytest.raises((AutoDiscoverFailed, ErrorNonExistentMailbox)):
        Account(primary_smtp_address="nobody@nordwind.example",
                credentials=Credentials(sandbox.account, sandbox.password), autodiscover=True)


def test_autodiscover_with_a_wrong_password_fails(sandbox, network):
    with pytest.raises((AutoDiscoverFailed, UnauthorizedError)):
        Account(primary_smtp_address=sandbox.anna, credentials=Credentials(sandbox.account, "wrong"),
                autodiscover=True)


@pytest.mark.parametrize("path", ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"])
def test_pox_autodiscover_names_the_address_of_ews(sandbox, network, path):
    question = f"""<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
<EMailAddress>{sandbox.anna}</EMailAddress>
<AcceptableResponseSchema>{POX}</AcceptableResponseSchema></Request></Autodiscover>"""
    answer = requests.post(f"https://autodiscover.nordwind.example{path}", question.encode(),
                           headers={"Content-Type": "text/xml; charset=utf-8"},
                           auth=(sandbox.account, sandbox.password), verify=str(sandbox.ca_file), timeout=10)
    assert answer.status_code == 200, answer.text
    tree = etree.fromstring(answer.content)
    account = tree.find(f".//{{{POX}}}Account")
    protocols = {protocol.findtext(f"{{{POX}}}Type"): protocol for protocol in account.findall(f"{{{POX}}}Protocol")}
    assert protocols["EXCH"].findtext(f"{{{POX}}}EwsUrl").lower().endswith("/ews/exchange.asmx")
    assert tree.findtext(f".//{{{POX}}}AutoDiscoverSMTPAddress").lower() == sandbox.anna


def test_without_credentials_the_server_offers_basic(sandbox):
    answer = requests.post(sandbox.ews_url, b"", verify=str(sandbox.ca_file), timeout=10)
    assert answer.status_code == 401
    assert "basic" in answer.headers["WWW-Authenticate"].lower()


def test_exchangelib_finds_out_version_and_sign_in_by_itself(sandbox):
    config = mailclient.configuration(sandbox)
    config.auth_type = None
    account = Account(primary_smtp_address=sandbox.anna, config=config, autodiscover=False, access_type=IMPERSONATION)
    assert account.protocol.auth_type == "basic"
    assert account.version.build.major_version == 15


def test_a_wrong_password_is_refused(sandbox):
    with pytest.raises(UnauthorizedError):
        mailclient.mailbox_of(sandbox, sandbox.anna, password="wrong").sent.total_count


def test_the_service_account_opens_the_mailbox_of_another(sandbox):
    anna = mailclient.mailbox_of(sandbox, sandbox.anna)
    jonas = mailclient.mailbox_of(sandbox, sandbox.jonas)
    subject = mailclient.unique("impersonation")
    mailclient.store_sent(anna, mailclient.compose(sandbox.anna, "b@kunde.example", subject, "x"))
    assert anna.sent.filter(subject=subject).count() == 1
    assert jonas.sent.filter(subject=subject).count() == 0


def test_without_the_right_impersonation_is_denied_and_works_again_once_granted(sandbox):
    sandbox.impersonation(False)
    try:
        with pytest.raises(ErrorImpersonateUserDenied):
            mailclient.mailbox_of(sandbox, sandbox.anna).sent.total_count
    finally:
        sandbox.impersonation(True)
    assert mailclient.mailbox_of(sandbox, sandbox.anna).sent.total_count >= 0


def test_a_person_without_the_right_can_not_impersonate_but_opens_the_own_mailbox(sandbox):
    password = sandbox.people_password
    with pytest.raises(ErrorImpersonateUserDenied):
        mailclient.mailbox_of(sandbox, sandbox.anna, user=sandbox.jonas, password=password).sent.total_count
    assert mailclient.own_mailbox(sandbox, sandbox.jonas, password).sent.total_count >= 0


@pytest.mark.parametrize("address", ["no_mailbox", "group", "unknown"])
def test_an_address_without_a_mailbox_says_so(sandbox, address):
    address = {"no_mailbox": sandbox.without_mailbox, "group": sandbox.group, "unknown": "nobody@nordwind.example"}[address]
    with pytest.raises(ErrorNonExistentMailbox):
        mailclient.mailbox_of(sandbox, address).sent.total_count


def test_the_shared_mailbox_is_opened_like_any_other(sandbox):
    assert mailclient.mailbox_of(sandbox, sandbox.shared).sent.total_count >= 0


def test_a_person_opens_no_mailbox_of_somebody_else_without_a_right(sandbox):
    stranger = mailclient.mailbox_of(sandbox, sandbox.anna, DELEGATE, user=sandbox.jonas,
                                     password=sandbox.people_password)
    with pytest.raises(Exception) as refused:
        list(stranger.sent.all()[:1])
    assert type(refused.value).__name__ in ("ErrorAccessDenied", "ErrorItemNotFound", "ErrorNonExistentMailbox")
