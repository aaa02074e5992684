"""The updater as a service of Wine's service manager: registration, pipe, password, event log, start and stop."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import mailclient
import sandbox as sandboxes
from wine import PIPE, SERVICE, UPDATER, path, until


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    """The sandbox organisation, on this system; the service reaches it over loopback."""
    with sandboxes.Sandbox(tmp_path_factory.mktemp("sandbox"), "sandbox-windows") as running:
        yield running


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("service") / "data"


@pytest.fixture(scope="module")
def remarks(wine, data):
    """The installed service; with what could not be set under Wine."""
    assert wine.updater("service", "status", status=3).startswith("not installed")
    said = wine.updater("service", "install", "--data", path(data))
    yield said
    wine.updater("service", "uninstall")
    assert wine.updater("service", "status", status=3).startswith("not installed")
    assert "OpenService: error 1060" in wine.probe("service", SERVICE)
    # Queue, settings and password are the administrator's.
    assert (data / "settings.json").exists() and (data / "account.secret").exists()


@pytest.fixture(scope="module")
def service(wine, remarks):
    wine.updater("service", "start")
    yield wine
    wine.updater("service", "stop")
    assert wine.updater("service", "status", status=3).startswith("stopped")


def test_it_is_registered_as_it_should_be(wine, remarks, data):
    found = wine.probe("service", SERVICE)
    # SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START
    registered = re.search(r"type 10 start 2 account LocalSystem program (.*)", found)
    assert registered, found
    assert registered[1].replace('"', "") == f"{path(UPDATER)} run --data {path(data)}"
    assert "description Brings the sender's copy in Sent Items up to date" in found
    assert "preshutdown 180000" in found
    # What Wine's manager does not know, and says so. Nothing else may be missing.
    unknown = {line.split(" could not be set")[0] for line in remarks.splitlines() if "could not be set" in line}
    assert unknown <= {"the delayed start", "the recovery", "the recovery after an end with an error"}, remarks
    # To install it again brings it up to date.
    assert "is installed" in wine.updater("service", "install", "--data", path(data))


def test_start_stop_and_status_are_what_they_say(service):
    assert re.fullmatch(r"running \(process \d+\)\n", service.updater("service", "status"))
    service.updater("service", "start")
    service.updater("service", "stop")
    assert service.updater("service", "status", status=3).startswith("stopped")
    service.updater("service", "stop")
    service.updater("service", "start")
    assert "RUNNING" in service.run("sc", "query", SERVICE)[1]


def test_start_and_stop_are_entries_of_the_event_log(service):
    service.updater("service", "stop")
    service.updater("service", "start")
    words = [words for _, words in until(lambda: len(service.events()) > 1 and service.events(), 60, "entries", service.log)]
    assert any(entry.startswith("The updater has stopped.") for entry in words), words
    assert any(re.match(r"The updater \d+\.\d+\.\d+ runs on ", entry) for entry in words), words


def test_the_pipe_belongs_to_the_service_and_lists_who_may_use_it(service):
    account = service.probe("account")
    descriptor = service.probe("owner", PIPE)
    own = "|".join(map(re.escape, [account, "SY"]))
    assert re.fullmatch(rf"O:({own})D:P\(A;;GA;;;SY\)\(A;;GA;;;BA\)\(A;;GA;;;({own})\)", descriptor), descriptor
    served = re.search(r"server (\d+)", service.probe("flags", PIPE))[1]
    assert f"(process {served})" in service.updater("service", "status")


def test_the_system_refuses_an_account_that_is_not_on_that_list(service):
    # Wine keeps the lists of pipes and does not look at them, but it has the function that Windows decides with.
    theirs = service.probe("owner", PIPE).replace(service.probe("account"), "S-1-5-21-1-2-3-1234")
    theirs = re.sub("^O:.*?D:", "O:S-1-5-21-1-2-3-1234G:SYD:", theirs)
    assert service.probe("allowed", theirs) == "allowed, without: refused"
    # It is the list that decides, and not the owner, which is somebody else here.
    assert service.probe("allowed", theirs.replace("(A;;GA;;;BA)", "")) == "refused, without: refused"
    assert service.probe("allowed", theirs + "(A;;GA;;;WD)") == "allowed, without: allowed"


def test_several_clients_are_served_at_once(service):
    assert service.probe("many", PIPE, 16) == "16 answers"


def test_whoever_finds_no_room_comes_in_all_the_same(service, tmp_path):
    # More programs at a time than the pipe has seats ready; what they hand over is a stream, which can be sent only once.
    message = tmp_path / "message.eml"
    message.write_bytes(b"From: anna@nordwind.example\r\nMessage-ID: <at-once@nordwind.example>\r\n\r\nText\r\n")
    command = ["wine", UPDATER, "submit", "-", "--json"]
    started = []
    for _ in range(24):
        with open(message, "rb") as given:
            started.append(subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                            env=service.environment))
    said = [program.communicate(timeout=120)[0] for program in started]
    assert all(program.returncode == 0 for program in started), b"".join(said).decode(errors="replace")
    assert len({json.loads(line)["id"] for line in said}) == 1


def test_another_process_talks_to_it_over_the_pipe(service):
    status = json.loads(service.updater("status", "--json"))
    assert status["version"]


def configured(wine, exchange, folder, password=None):
    document = json.loads(wine.updater("settings", "show"))
    document["settings"] |= {
        "enabled": True,
        "connection": {"ews_url": exchange.ews_url, "extra_roots": [exchange.ca_pem]},
        "account": {"user": exchange.account},
        "schedule": {"not_found_pauses": [1], "error_pauses": [1], "give_up_after": 120},
    }
    file = folder / "settings.json"
    file.write_text(json.dumps(document))
    wine.updater("settings", "set", path(file), "--password-stdin", stdin=(password or exchange.password).encode())


@pytest.fixture(scope="module")
def anna(exchange):
    mailclient.trust(exchange.ca_file)
    return mailclient.mailbox_of(exchange, exchange.anna)


def hand_over(wine, anna, exchange, folder, subject):
    """Anna has sent a message, and it comes with a footer from the gateway; its number."""
    message_id = mailclient.new_message_id()
    original = mailclient.compose(exchange.anna, "kim@kunde.example", subject, "Guten Tag", message_id=message_id)
    mailclient.store_sent(anna, original)
    file = folder / "processed.eml"
    file.write_bytes(original.as_bytes().replace(b"Guten Tag", b"Guten Tag\r\n-- \r\nNordwind GmbH"))
    return str(json.loads(wine.updater("submit", path(file), "--json"))["id"]), message_id


def state(wine, number):
    return json.loads(wine.updater("show", number, "--json"))["state"]


def body(anna, message_id):
    (item,) = mailclient.sent_copies(anna, message_id)
    return item.text_body or str(item.body)


def test_the_password_at_rest_is_dpapis_and_opens_with_our_entropy_only(service, exchange, data, tmp_path):
    configured(service, exchange, tmp_path)
    sealed = (data / "account.secret").read_bytes()
    assert exchange.password.encode() not in sealed
    without, opened = service.probe("unseal", path(data / "account.secret"), exchange.account).split("\n")
    assert without.startswith("without: error"), without
    assert opened == f"opened with: {exchange.password}"
    _, refused = service.probe("unseal", path(data / "account.secret"), "somebody@else.example").split("\n")
    assert refused.startswith("with: error"), refused


def test_after_a_restart_the_service_signs_in_with_it_and_updates_the_senders_copy(service, exchange, anna, tmp_path):
    configured(service, exchange, tmp_path)
    service.updater("service", "stop")
    service.updater("service", "start")
    number, message_id = hand_over(service, anna, exchange, tmp_path, "Angebot")
    until(lambda: state(service, number) == "updated", 60, "the copy to be updated", lambda: service.updater("status") + service.updater("show", number))
    assert "Nordwind GmbH" in body(anna, message_id)


def test_a_stop_finishes_the_message_in_hand(service, exchange, anna, tmp_path):
    configured(service, exchange, tmp_path)
    with exchange.fault("delay", operation="UpdateItem", milliseconds=5000):
        number, message_id = hand_over(service, anna, exchange, tmp_path, "Rechnung")
        until(lambda: exchange.statistics()["in_flight"], 60, "the request to be under way")
        service.updater("service", "stop")
        assert "Nordwind GmbH" in body(anna, message_id)
    service.updater("service", "start")
    assert state(service, number) == "updated"


def test_warnings_and_errors_are_entries_of_the_event_log(service, exchange, anna, tmp_path):
    configured(service, exchange, tmp_path, password="not the password")
    try:
        hand_over(service, anna, exchange, tmp_path, "Mahnung")
        warned = lambda: [words for severity, words in service.events() if severity == "warn"]
        until(lambda: any(words.startswith("updating is held") for words in warned()), 60, "an entry", service.log)
    finally:
        configured(service, exchange, tmp_path)


def test_service_and_console_have_the_same_data_folder(service, data):
    # The service manager starts it with other variables than a console has; under Wine, `ProgramData` is among them.
    folder = pathlib.Path(os.environ["WINEPREFIX"], "drive_c/ProgramData/SentItemsUpdate")
    service.updater("service", "stop")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        service.updater("service", "install")
        assert service.probe("service", SERVICE).split("program ")[1].split("\n")[0].replace('"', "") == f"{path(UPDATER)} run"
        service.updater("service", "start")
        assert (folder / "queue.sqlite").exists()
        for line in (f"{path(UPDATER)} run --pipe {PIPE}-second", rf"set ProgramData=C:\elsewhere&& {path(UPDATER)} run --pipe {PIPE}-second"):
            ended, out, err = service.run("cmd", "/c", line)
            assert ended == 1 and r"another updater works in C:\ProgramData\SentItemsUpdate;" in err, out + err
    finally:
        service.updater("service", "stop")
        service.updater("service", "install", "--data", path(data))
        service.updater("service", "start")
        shutil.rmtree(folder, ignore_errors=True)


def test_a_pipe_that_somebody_else_put_there_is_not_spoken_to(wine, tmp_path):
    squatted = PIPE + "-squatted"
    # Everybody may use it, and it belongs to an ordinary user.
    descriptor = "O:S-1-5-21-1-2-3-1234D:P(A;;GA;;;WD)"
    with wine.start("squatter", wine.probe_file, "squat", squatted, descriptor) as squatter:
        until(lambda: "ready" in squatter.log(), 60, "the squatter", squatter.log)
        said = wine.updater("status", "--pipe", squatted, status=4)
        assert "belongs to neither the system, nor the administrators, nor you" in said
        assert "heard" not in squatter.log()


def test_an_updater_in_a_console_has_its_own_pipe_beside_the_services(service, tmp_path):
    pipe = PIPE + "-console"
    with service.start("console", UPDATER, "run", "--data", path(tmp_path / "data"), "--pipe", pipe) as console:
        until(lambda: "the updater runs" in console.log(), 60, "the updater", console.log)
        assert json.loads(service.updater("status", "--json", "--pipe", pipe))["version"]
        assert service.probe("many", PIPE, 2) == "2 answers"


def test_what_wine_lacks_is_what_we_say_it_lacks(service):
    """WINDOWS.md lists it. Should a later Wine have one of these, the thing itself is to be tested in its place."""
    assert service.probe("first", PIPE) == "created"
    assert service.probe("anonymous", PIPE).startswith("ImpersonateAnonymousToken: error")
    found = service.probe("service", SERVICE)
    assert "delayed: error" in found and "recovery: error" in found and "recovery after errors: error" in found
    assert service.probe("events", "Sent Items Update") == "0 entries"
