"""The sandbox's domain as a client on another machine would see it.

The sandbox listens on a loopback port of its choice and has no DNS. Here stands what an administrator would have set
up: a name server that knows the domain (a real one, asked over UDP), and the way from port 443 of its hosts to the
sandbox's port. The client itself is left as it is: it looks for names, ports and certificates as anywhere else.
"""
import contextlib
import socket
import threading

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers A queries for the hosts with 127.0.0.1; there is nothing else."""

    def __init__(self, hosts):
        self.hosts = {host.lower() for host in hosts}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                packet, client = self.socket.recvfrom(4096)
            except OSError:
                return  # closed
            query = dns.message.from_wire(packet)
            question = query.question[0]
            answer = dns.message.make_response(query, recursion_available=True)
            name = question.name.to_text(omit_final_dot=True).lower()
            if name not in self.hosts:
                answer.set_rcode(3)
            elif question.rdtype == dns.rdatatype.A:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "127.0.0.1"))
            self.socket.sendto(answer.to_wire(), client)

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def hosts_lead_to(hosts, port):
    """Connections of this process to port 443 of the hosts go to the port on loopback."""
    hosts = {host.lower() for host in hosts}
    ask_the_system = socket.getaddrinfo

    def getaddrinfo(host, asked, *arguments, **options):
        if isinstance(host, str) and host.lower() in hosts:
            return ask_the_system("127.0.0.1", port if asked == 443 else asked, *arguments, **options)
        return ask_the_system(host, asked, *arguments, **options)

    socket.getaddrinfo = getaddrinfo
    try:
        yield
    finally:
        socket.getaddrinfo = ask_the_system
