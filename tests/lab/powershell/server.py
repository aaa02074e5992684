"""Exchange's remote PowerShell as far as granting a right needs it, with psrpcore on the server's side.

    server.py FOLDER                # over TLS, with names and passwords (Basic)
    server.py FOLDER --kerberos     # over TLS, with Kerberos tied to the TLS connection
    server.py FOLDER --unencrypted  # without TLS, with Kerberos, which encrypts the messages
    server.py FOLDER --grants URL   # as the first, behind a proxy that signs in for whom it let in; a right that is
                                    # granted is granted in the sandbox whose control interface is at URL, too

Listens on loopback with a certificate of its own authority (FOLDER/ca.pem), prints `URL <address>` when it does, and
ends with its standard input or when it is told to. Kerberos is that of MIT by way of pyspnego and python-gssapi; the
keytab is KRB5_KTNAME's. WS-Management is spoken by this file, the PowerShell Remoting
Protocol by psrpcore, which knows nothing of our client.

Who signs in decides what is allowed: `admin` anything, `reader` sees no cmdlet that changes something, `guest` gets no
session. Whom a cmdlet is about decides what goes wrong: see `trouble`.
"""
import base64
import collections
import datetime
import http.server
import ipaddress
import pathlib
import re
import ssl
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as ET

import psrpcore
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psrpcore import types

PASSWORD = "Lab pass 1"
# How it was started.
KERBEROS, TLS = False, True
# What a sign-in by Kerberos over TLS has to be tied to.
BINDINGS = None
RESOURCE = "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
# Bytes of the protocol in one answer, so that most messages come in parts.
AT_ONCE = 1500

SPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": SHELL,
    "ps": "http://schemas.microsoft.com/powershell",
}


class Fault(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


NOTHING_YET = Fault(2150858793, "The WS-Management service cannot complete the operation in time.")


class Refused(Exception):
    """A cmdlet's error, or (terminating) PowerShell's own."""

    def __init__(self, exception, message, terminating=False):
        super().__init__(message)
        self.exception, self.message, self.terminating = exception, message, terminating


class Organisation:
    """Accounts and their assignments."""

    def __init__(self):
        names = ["svc", "lost", "late", "warned", "asks", "torn", "ünïcode"]
        self.assignments = {f"{name}@lab.example": [] for name in names}
        self.assignments["many@lab.example"] = [f"Assignment {number} with a name of some length" for number in range(600)]
        self.assignments["shuffled@lab.example"] = [f"Assignment {number}" for number in range(30)]
        self.assignments["off@lab.example"] = ["Switched off"]
        # Where the accounts are, if not here.
        self.sandbox = None

    def of(self, account):
        if self.sandbox:
            self.assignments.setdefault(account, [])
        if account not in self.assignments:
            raise Refused("ManagementObjectNotFoundException", f"The operation couldn't be performed because object "
                          f"'{account}' couldn't be found on 'dc1.lab.example'.")
        return self.assignments[account]

    def shown(self, account, name):
        return types.PSCustomObject(
            PSTypeName="Microsoft.Exchange.Management.RbacTasks.ExchangeRoleAssignmentPresentation", Name=name,
            Role="ApplicationImpersonation", RoleAssignee=account, Enabled=not account.startswith("off@"),
            CustomRecipientWriteScope=None, Guid=types.PSGuid(int=len(name)), Order=types.PSInt(7))

    def grant(self, account):
        place = f"{self.sandbox}/accounts/{urllib.parse.quote(account)}/impersonation"
        try:
            urllib.request.urlopen(urllib.request.Request(place, method="PUT"), timeout=10).close()
        except urllib.error.HTTPError as error:
            raise Refused("ManagementObjectNotFoundException", f"The sandbox grants '{account}' nothing: {error}.")

    def run(self, user, name, parameters):
        """Output and warnings."""
        allowed = ["Get-ManagementRoleAssignment", "Get-RoleGroupMember"]
        if user == "admin":
            allowed.append("New-ManagementRoleAssignment")
        if name not in allowed:
            raise Refused("CommandNotFoundException", f"The term '{name}' is not recognized as the name of a cmdlet, "
                          "function, script file, or operable program.", terminating=True)
        if name == "Get-RoleGroupMember":
            return [types.PSCustomObject(Name="Ada", DisplayName="Ada Admin", WindowsLiveID="ada@lab.example",
                                         PrimarySmtpAddress="ada.admin@lab.example", RecipientType="UserMailbox")], []
        if parameters.pop("Role", None) != "ApplicationImpersonation":
            raise Refused("ManagementObjectNotFoundException", "The role couldn't be found.")
        if name == "Get-ManagementRoleAssignment":
            assert parameters.pop("GetEffectiveUsers", False) is False
            account = str(parameters.pop("RoleAssignee"))
            assert not parameters, parameters
            return [self.shown(account, one) for one in self.of(account)], []
        account, given = str(parameters.pop("User")), str(parameters.pop("Name"))
        if scope := parameters.pop("CustomRecipientWriteScope", None):
            raise Refused("ManagementObjectNotFoundException", f"The scope '{scope}' couldn't be found.")
        assert not parameters, parameters
        if given in self.of(account):
            raise Refused("ADObjectAlreadyExistsException", f"The object '{given}' already exists.")
        if self.sandbox:
            self.grant(account)
        self.of(account).append(given)
        warnings = []
        if account.startswith("warned@"):
            warnings = ["The assignment takes a while to be in effect.", "Überall <and> everywhere & \"so\"."]
        return [self.shown(account, given)], warnings


class Pool:
    """A shell."""

    def __init__(self, user, data):
        self.user = user
        self.server = psrpcore.ServerRunspacePool()
        self.queues = collections.defaultdict(collections.deque)
        self.pipelines, self.over, self.late, self.trouble = {}, set(), 0, None
        self.receive(data, None)

    def receive(self, data, pipeline):
        self.server.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline))
        while event := self.server.next_event():
            if isinstance(event, psrpcore.CreatePipelineEvent):
                self.run(self.pipelines[event.pipeline_id], event.pipeline)
        self.collect()

    def collect(self):
        while payload := self.server.data_to_send(AT_ONCE):
            self.queues[payload.pipeline_id].append(payload.data)

    def command(self, pipeline, data):
        self.pipelines[pipeline] = psrpcore.ServerPipeline(self.server, pipeline)
        self.receive(data, pipeline)

    def run(self, pipeline, shell):
        pipeline.start()
        command = shell.commands[0]
        parameters = {name: value for name, value in command.parameters}
        account = str(parameters.get("RoleAssignee") or parameters.get("User") or "")
        self.trouble = account.split("@")[0]
        self.late = 2 if self.trouble == "late" else 0
        try:
            if command.is_script:
                raise Refused("ParseException", "The syntax is not supported by this runspace. This can occur if the "
                              "runspace is in no-language mode.", terminating=True)
            if self.trouble == "asks":
                pipeline.host_call(types.HostMethodIdentifier.PromptForChoice,
                                   ["Confirm", "Are you sure?", [], types.PSInt(0)])
                return
            output, warnings = ORGANISATION.run(self.user, command.command_text, parameters)
            for warning in warnings:
                pipeline.write_warning(warning)
            pipeline.write_verbose("nobody looks at this")
            for value in output:
                pipeline.write_output(value)
            pipeline.complete()
        except Refused as refused:
            exception = types.NETException(Message=refused.message)
            exception.PSObject.type_names = [f"Microsoft.Exchange.Lab.{refused.exception}", *exception.PSTypeNames]
            category = types.ErrorCategoryInfo(Category=types.ErrorCategory.InvalidOperation, Reason=refused.exception)
            if refused.terminating:
                record = types.ErrorRecord(Exception=exception, CategoryInfo=category, FullyQualifiedErrorId="Lab")
                pipeline._change_state(types.PSInvocationState.Failed, error=record)
            else:
                pipeline.write_error(exception, category_info=category, fully_qualified_error_id="Lab,Lab")
                pipeline.complete()
        self.over.add(pipeline.pipeline_id)

    def say(self, pipeline):
        """A part of what there is to say, and whether it was the last one."""
        if pipeline and self.late:
            self.late -= 1
            raise NOTHING_YET
        queue = self.queues[pipeline]
        if pipeline and self.trouble == "shuffled" and len(queue) > 1:
            queue.rotate(1)
        data = queue.popleft() if queue else b""
        if pipeline and self.trouble == "torn" and not queue:
            data = data[:-4]
        done = pipeline in self.over and not queue
        if not data and not done:
            raise NOTHING_YET
        return data, done


ORGANISATION = Organisation()
POOLS = {}
LOCK = threading.Lock()


def text(node, path):
    return (node.findtext(path, "", SPACES) or "").strip()


def identifier(value):
    return uuid.UUID(value) if value else None


def carry_out(user, envelope):
    """The body of the answer; the fault is raised."""
    header, body = envelope.find("s:Header", SPACES), envelope.find("s:Body", SPACES)
    action = text(header, "a:Action").rsplit("/", 1)[1]
    if text(header, "w:ResourceURI") != RESOURCE:
        raise Fault(2150858752, "There is no such resource.")
    assert 8192 <= int(text(header, "w:MaxEnvelopeSize")) <= 524288
    assert re.fullmatch(r"PT\d+S", text(header, "w:OperationTimeout"))
    if action == "Create":
        if user == "guest":
            raise Fault(5, 'The user "LAB\\guest" isn\'t assigned to any management roles.')
        assert header.find("w:OptionSet/w:Option[@Name='protocolversion']", SPACES).text.strip() == "2.3"
        created = str(uuid.uuid4()).upper()
        POOLS[created] = Pool(user, base64.b64decode(text(body, "rsp:Shell/ps:creationXml")))
        return (f'<x:ResourceCreated xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer"><a:ReferenceParameters>'
                f'<w:SelectorSet><w:Selector Name="ShellId">{created}</w:Selector></w:SelectorSet>'
                f'</a:ReferenceParameters></x:ResourceCreated>'
                f'<rsp:Shell><rsp:ShellId>{created}</rsp:ShellId></rsp:Shell>')
    shell = text(header, "w:SelectorSet/w:Selector[@Name='ShellId']")
    pool = POOLS.get(shell)
    if not pool or pool.user != user:
        raise Fault(2150858843, f"The shell {shell} was not found on the server.")
    if action == "Delete":
        del POOLS[shell]
        return ""
    if action == "Command":
        line = body.find("rsp:CommandLine", SPACES)
        pool.command(identifier(line.get("CommandId")), base64.b64decode(text(line, "rsp:Arguments")))
        return (f'<rsp:CommandResponse><rsp:CommandId>{line.get("CommandId")}</rsp:CommandId></rsp:CommandResponse>')
    if action == "Send":
        stream = body.find("rsp:Send/rsp:Stream", SPACES)
        pool.receive(base64.b64decode(stream.text), identifier(stream.get("CommandId")))
        return "<rsp:SendResponse/>"
    if action == "Receive":
        wanted = body.find("rsp:Receive/rsp:DesiredStream", SPACES)
        command = wanted.get("CommandId")
        data, done = pool.say(identifier(command))
        attribute = f' CommandId="{command}"' if command else ""
        state = f'<rsp:CommandState{attribute} State="{SHELL}/CommandState/Done"/>' if done else ""
        return (f'<rsp:ReceiveResponse><rsp:Stream Name="stdout"{attribute}>{base64.b64encode(data).decode()}'
                f'</rsp:Stream>{state}</rsp:ReceiveResponse>')
    if action == "Signal":
        assert text(body, "rsp:Signal/rsp:Code").lower() == f"{SHELL}/signal/terminate"
        return "<rsp:SignalResponse/>"
    raise Fault(2150858751, f"The action {action} is not known.")


class Handler(http.server.BaseHTTPRequestHandler):
    """One for each connection."""

    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece, at once.
    wbufsize = -1
    disable_nagle_algorithm = True
    # Who is signed in on this connection by Kerberos, and what encrypts its messages.
    user = context = None
    # How an encrypted message is announced.
    protocol = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        scheme, _, token = (self.headers["Authorization"] or "").partition(" ")
        if KERBEROS and scheme in ("Kerberos", "Negotiate"):
            answer = self.step(scheme, base64.b64decode(token))
            if answer is None:
                return self.answer(401, b"", ("WWW-Authenticate", "Kerberos"))
            header = ("WWW-Authenticate", f"{scheme} {base64.b64encode(answer).decode()}")
            if not TLS:
                # The message comes next, encrypted.
                assert content == b"", "a message was sent without encryption"
                return self.answer(200, b"", header)
        else:
            header = None
        user = self.user if KERBEROS else self.signed_in()
        if self.path.rstrip("/").lower() == "/moved":
            return self.answer(301, b"", ("Location", "/PowerShell/"))
        if not user:
            offers = ["Kerberos"] if KERBEROS else ["Negotiate", 'Basic realm="lab"']
            return self.answer(401, b"", *(("WWW-Authenticate", offer) for offer in offers))
        if not TLS:
            content = self.opened(content)
        return self.carry_out(user, content, *filter(None, [header]))

    def step(self, scheme, token):
        """Our token in answer to theirs; none where they are refused."""
        self.user = None
        protocol = "kerberos" if scheme == "Kerberos" else "negotiate"
        context = spnego.server(hostname="localhost", service="HTTP", protocol=protocol, channel_bindings=BINDINGS)
        try:
            answer = context.step(token)
        except spnego.exceptions.SpnegoError as problem:
            print(f"refused: {problem}", file=sys.stderr, flush=True)
            return None
        assert context.complete, "Kerberos takes one token"
        name = context.client_principal.split("@")[0].lower()
        self.context, self.user = context, "admin" if name == "administrator" else name
        self.protocol = f"application/HTTP-{'Kerberos' if scheme == 'Kerberos' else 'SPNEGO'}-session-encrypted"
        return answer

    def opened(self, body):
        announced = self.headers["Content-Type"]
        assert announced == f'multipart/encrypted;protocol="{self.protocol}";boundary="Encrypted Boundary"', announced
        head, _, rest = body.partition(b"Content-Type: application/octet-stream\r\n")
        assert rest.endswith(b"--Encrypted Boundary--\r\n"), "the end is missing"
        rest = rest.removesuffix(b"--Encrypted Boundary--\r\n")
        length = int.from_bytes(rest[:4], "little")
        content = self.context.unwrap_winrm(rest[4:4 + length], rest[4 + length:])
        assert f"Length={len(content)}\r\n".encode() in head, head
        return content

    def sealed(self, content):
        result = self.context.wrap_winrm(content)
        length = len(content) + result.padding_length
        return (f"--Encrypted Boundary\r\n\tContent-Type: {self.protocol}\r\n"
                f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={length}\r\n"
                "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n").encode() + \
            len(result.header).to_bytes(4, "little") + result.header + result.data + b"--Encrypted Boundary--\r\n"

    def carry_out(self, user, content, *headers):
        envelope = ET.fromstring(content)
        related = text(envelope, "s:Header/a:MessageID")
        with LOCK:
            try:
                status, inside = 200, carry_out(user, envelope)
                lost = self.is_lost(envelope)
            except Fault as fault:
                status, lost = 500, False
                message = fault.message.replace("&", "&amp;").replace("<", "&lt;")
                inside = (f'<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang="en-US">'
                          f'{message}</s:Text></s:Reason><s:Detail><f:WSManFault Code="{fault.code}" '
                          f'xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"><f:Message>{message}'
                          f'</f:Message></f:WSManFault></s:Detail></s:Fault>')
        spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
        body = (f'<s:Envelope {spaces}><s:Header><a:RelatesTo>{related}</a:RelatesTo></s:Header><s:Body>{inside}'
                f'</s:Body></s:Envelope>').encode()
        if lost:
            # In the middle of the answer.
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            return None
        return self.answer(status, body if TLS else self.sealed(body), *headers)

    @staticmethod
    def is_lost(envelope):
        """Whether this is the answer with what a pipeline says about an account that is called so."""
        pool = POOLS.get(text(envelope, "s:Header/w:SelectorSet/w:Selector[@Name='ShellId']"))
        receives = text(envelope, "s:Header/a:Action").endswith("/Receive")
        return bool(receives and pool and pool.over and pool.trouble == "lost")

    def signed_in(self):
        scheme, _, pair = (self.headers["Authorization"] or "").partition(" ")
        if scheme != "Basic":
            return None
        name, _, password = base64.b64decode(pair).decode().partition(":")
        name = name.split("@")[0]
        if password != PASSWORD:
            return None
        return "admin" if name.lower() == "administrator" else name

    def answer(self, status, body, *headers):
        self.send_response(status)
        sealed = body and not TLS
        self.send_header("Content-Type", f'multipart/encrypted;protocol="{self.protocol}";boundary="Encrypted Boundary"'
                         if sealed else "application/soap+xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)


def certificates(folder):
    """An authority, and a certificate of it for this machine."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(name, key, issuer, signer, *extensions):
        builder = x509.CertificateBuilder(
            subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), issuer_name=issuer,
            public_key=key.public_key(), serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(days=1), not_valid_after=now + datetime.timedelta(days=30))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256())

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "PowerShell lab")])
    authority = certificate("PowerShell lab", authority_key, issuer, authority_key,
                            x509.BasicConstraints(ca=True, path_length=None))
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    ours = certificate("localhost", key, issuer, authority_key, x509.SubjectAlternativeName(names))
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "server.pem").write_bytes(ours.public_bytes(pem) + key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return ours


def main():
    global KERBEROS, TLS, BINDINGS
    folder, options = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if options[:1] == ["--grants"]:
        ORGANISATION.sandbox = options[1]
        options = []
    TLS, KERBEROS = "--unencrypted" not in options, bool(options)
    folder.mkdir(parents=True, exist_ok=True)
    certificate = certificates(folder)
    if KERBEROS:
        import gssapi

        # What is refused is an error at once, even where MIT has a token to tell the client why; otherwise pyspnego
        # looks into a sign-in that never began.
        gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False
    if KERBEROS and TLS:
        end_point = b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256())
        BINDINGS = spnego.channel_bindings.GssChannelBindings(application_data=end_point)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if TLS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    # Kerberos knows it by its name.
    host = "localhost" if KERBEROS else "127.0.0.1"
    print(f"URL {'https' if TLS else 'http'}://{host}:{server.server_port}/PowerShell/", flush=True)
    # Whoever started it holds its standard input open.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
