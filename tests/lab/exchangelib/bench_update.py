"""Updates messages as a script on exchangelib would: finds each by its Message-ID and sets its body.

Reads what to do as JSON from the standard input and prints {"seconds": …}; see benches/updates.
As many threads as connections, one message at a time each; everything that is done once (signing in, versions,
folders) is done before the clock starts.
"""
import concurrent.futures
import json
import sys
import time

import requests.adapters
from exchangelib import IMPERSONATION, Account, Configuration, Credentials, HTMLBody
from exchangelib.protocol import BaseProtocol


def main():
    task = json.load(sys.stdin)

    class OwnAuthority(requests.adapters.HTTPAdapter):
        def cert_verify(self, conn, url, verify, cert):
            super().cert_verify(conn=conn, url=url, verify=task["authority"], cert=cert)

    BaseProtocol.HTTP_ADAPTER_CLS = OwnAuthority
    config = Configuration(service_endpoint=task["ews_url"], auth_type="basic",
                           credentials=Credentials(task["account"], task["password"]),
                           max_connections=task["connections"])
    mailboxes = {}
    for address in sorted({message["mailbox"] for message in task["messages"]}):
        mailboxes[address] = Account(primary_smtp_address=address, config=config, autodiscover=False,
                                     access_type=IMPERSONATION)
        assert mailboxes[address].sent.id

    def update(message):
        sent = mailboxes[message["mailbox"]].sent
        # One property, so that the search alone will do and no GetItem follows.
        item = sent.filter(message_id=message["message_id"]).only("subject").get()
        item.body = HTMLBody(message["html"])
        item.save(update_fields=["body"])

    with concurrent.futures.ThreadPoolExecutor(task["connections"]) as threads:
        # Opens the connections.
        list(threads.map(lambda _: mailboxes[task["messages"][0]["mailbox"]].sent.refresh(), range(task["connections"])))
        start = time.monotonic()
        list(threads.map(update, task["messages"]))
        seconds = time.monotonic() - start
    json.dump({"seconds": seconds}, sys.stdout)


main()
