"""exchangelib as the mail client: it knows nothing of this project."""
import contextlib
import email.message
import email.policy
import uuid

import requests.adapters
from exchangelib import DELEGATE, IMPERSONATION, Account, Configuration, Credentials, ExtendedProperty, Message
from exchangelib.protocol import BaseProtocol


class OwnAuthority(requests.adapters.HTTPAdapter):
    """Trusts the certificate authority of the sandbox, in the way that exchangelib's documentation gives."""

    authority = None

    def cert_verify(self, conn, url, verify, cert):
        super().cert_verify(conn=conn, url=url, verify=self.authority, cert=cert)


def trust(authority):
    OwnAuthority.authority = str(authority)
    BaseProtocol.HTTP_ADAPTER_CLS = OwnAuthority


class MessageFlags(ExtendedProperty):
    """PidTagMessageFlags; 1 = read, and not a draft (which Exchange makes of everything that is only saved)."""

    property_tag = 0x0E07
    property_type = "Integer"


class Mark(ExtendedProperty):
    """What the updater leaves on the items that it wrote."""

    distinguished_property_set_id = "PublicStrings"
    property_name = "SentItemsUpdate"
    property_type = "String"


Message.register("message_flags", MessageFlags)
Message.register("mark", Mark)


def configuration(sandbox, user=None, password=None, **options):
    credentials = Credentials(user or sandbox.account, password or sandbox.password)
    return Configuration(service_endpoint=sandbox.ews_url, credentials=credentials, auth_type="basic", **options)


def mailbox_of(sandbox, address, access_type=IMPERSONATION, **options):
    """A mailbox as the service account sees it through impersonation."""
    return Account(primary_smtp_address=address, config=configuration(sandbox, **options), autodiscover=False,
                   access_type=access_type)


@contextlib.contextmanager
def retrying(account, policy):
    """The account with a retry policy for a while; exchangelib shares it among all accounts of the same sign-in."""
    config = account.protocol.config
    usual, config.retry_policy = config.retry_policy, policy
    try:
        yield account
    finally:
        config.retry_policy = usual


def own_mailbox(sandbox, address, password):
    return mailbox_of(sandbox, address, DELEGATE, user=address, password=password)


def unique(text="test"):
    return f"{text} {uuid.uuid4()}"


def new_message_id():
    return f"<{uuid.uuid4()}@nordwind.example>"


def compose(sender, recipient, subject, text, html=None, message_id=None, attachments=()):
    """A message as a client composes it. Attachments: (name, maintype, subtype, content)."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Message-ID"] = message_id or new_message_id()
    message["Date"] = "Tue, 24 Nov 2026 09:15:00 +0100"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, maintype, subtype, content in attachments:
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message


def store_sent(account, mime, **properties):
    """Puts a message into Sent Items as a client does after sending: from its MIME, read, and no draft."""
    content = mime if isinstance(mime, bytes) else mime.as_bytes()
    properties = {"is_read": True, "message_flags": 1} | properties
    item = Message(account=account, folder=account.sent, mime_content=content, **properties)
    return item.save()


def sent_copies(account, message_id):
    """All items of Sent Items with this Message-ID, completely read."""
    return list(account.sent.filter(message_id=message_id))
