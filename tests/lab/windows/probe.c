/* Looks at the updater from outside, with nothing of its code: its pipe, its service, its entries in the event log.
 *
 *   probe owner PIPE        owner and list of rights of a pipe, as text (SDDL)
 *   probe flags PIPE        whether the pipe rejects remote clients, how many instances it may have, and who serves it
 *   probe open PIPE         opens the pipe as whoever runs this
 *   probe anonymous PIPE    opens it as the anonymous user
 *   probe first PIPE        tries to make a first instance of the pipe's name
 *   probe squat PIPE SDDL   makes a pipe with this descriptor, says "ready", and waits for clients until it is ended
 *   probe many PIPE N       N connections at once, each with a question of its own
 *   probe events SOURCE     the newest entries of the Application log from this source
 *   probe folder PATH       owner and list of rights of a folder
 *   probe service NAME      what the service manager has of a service
 *   probe unseal FILE USER  what DPAPI makes of a file, without and with the additional entropy
 *   probe message EXE ID    the text of a message in a program's table
 *   probe minimise TITLE    minimises the window of this title
 *   probe window TITLE      whether it is minimised, and in front, and whose it is
 *   probe allowed SDDL      whether the system lets us use what has this descriptor, as we are and without being
 *                           administrators
 *
 * Says what it found, or the number of the system's error, and ends with status 0 in both cases.
 */
#define _WIN32_WINNT 0x0A00
#include <windows.h>
#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>

static int failed(const char *what) { printf("%s: error %lu\n", what, GetLastError()); return 0; }

static int describe(HANDLE handle, SE_OBJECT_TYPE type) {
    PSECURITY_DESCRIPTOR descriptor; LPSTR text;
    DWORD status = GetSecurityInfo(handle, type, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                   NULL, NULL, NULL, NULL, &descriptor);
    if (status) { SetLastError(status); return failed("GetSecurityInfo"); }
    if (!ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &text, NULL)) return failed("Convert");
    printf("%s\n", text);
    return 0;
}

static HANDLE opened(const char *pipe, DWORD access) {
    HANDLE handle;
    while ((handle = CreateFileA(pipe, access, 0, NULL, OPEN_EXISTING,
                                 SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL)) == INVALID_HANDLE_VALUE
           && GetLastError() == ERROR_PIPE_BUSY && WaitNamedPipeA(pipe, 5000)) ;
    return handle;
}

static int own(void) {
    HANDLE token; DWORD length; union { TOKEN_USER user; char room[256]; } buffer; LPSTR text;
    OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token);
    if (!GetTokenInformation(token, TokenUser, &buffer, sizeof buffer, &length)) return failed("GetTokenInformation");
    ConvertSidToStringSidA(buffer.user.User.Sid, &text);
    printf("%s\n", text);
    return 0;
}

static int flags(const char *pipe) {
    DWORD mode, out, in, most; ULONG process = 0;
    HANDLE handle = opened(pipe, GENERIC_READ | GENERIC_WRITE);
    if (handle == INVALID_HANDLE_VALUE) return failed("open");
    if (!GetNamedPipeInfo(handle, &mode, &out, &in, &most)) return failed("GetNamedPipeInfo");
    GetNamedPipeServerProcessId(handle, &process);
    printf("instances %lu, messages %d, server %lu\n", most, !!(mode & PIPE_TYPE_MESSAGE), process);
    return 0;
}

static int anonymous(const char *pipe) {
    if (!ImpersonateAnonymousToken(GetCurrentThread())) return failed("ImpersonateAnonymousToken");
    HANDLE handle = opened(pipe, GENERIC_READ | GENERIC_WRITE);
    DWORD error = GetLastError();
    RevertToSelf();
    if (handle != INVALID_HANDLE_VALUE) { printf("opened\n"); return 0; }
    SetLastError(error);
    return failed("open");
}

static int first(const char *pipe) {
    HANDLE handle = CreateNamedPipeA(pipe, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 8, 0, 0, 0, NULL);
    if (handle == INVALID_HANDLE_VALUE) return failed("create");
    printf("created\n");
    return 0;
}

static int squat(const char *pipe, const char *text) {
    SECURITY_ATTRIBUTES attributes = { sizeof attributes, NULL, FALSE };
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &attributes.lpSecurityDescriptor,
            NULL)) return failed("Convert");
    for (int told = 0;; told = 1) {
        HANDLE handle = CreateNamedPipeA(pipe, PIPE_ACCESS_DUPLEX, 0, 8, 4096, 4096, 0, &attributes);
        if (handle == INVALID_HANDLE_VALUE) return failed("create");
        if (!told) { printf("ready\n"); fflush(stdout); }
        ConnectNamedPipe(handle, NULL);
        char buffer[4096]; DWORD length = 0;
        /* Whatever a client says to a squatter was said to the wrong one. */
        if (ReadFile(handle, buffer, sizeof buffer, &length, NULL) && length) {
            printf("heard %lu bytes\n", length); fflush(stdout);
        }
        CloseHandle(handle);
    }
}

static int many(const char *pipe, int count) {
    HANDLE handles[64]; int answers = 0;
    const char *question = "GET /v1/status HTTP/1.1\r\nHost: siu\r\nConnection: close\r\n\r\n";
    for (int i = 0; i < count; i++) {
        handles[i] = opened(pipe, GENERIC_READ | GENERIC_WRITE);
        if (handles[i] == INVALID_HANDLE_VALUE) return failed("open");
    }
    /* All are open now. The last one is asked first. */
    for (int i = count - 1; i >= 0; i--) {
        char buffer[4096]; DWORD length;
        if (!WriteFile(handles[i], question, strlen(question), &length, NULL)) return failed("write");
        if (!ReadFile(handles[i], buffer, sizeof buffer, &length, NULL)) return failed("read");
        answers += length > 12 && !memcmp(buffer, "HTTP/1.1 200", 12);
    }
    printf("%d answers\n", answers);
    return 0;
}

static int events(const char *source) {
    static char buffer[0x10000]; DWORD length, needed;
    HANDLE log = OpenEventLogA(NULL, "Application");
    if (!log) return failed("OpenEventLog");
    int found = 0;
    while (ReadEventLogA(log, EVENTLOG_SEQUENTIAL_READ | EVENTLOG_BACKWARDS_READ, 0, buffer, sizeof buffer, &length,
                         &needed)) {
        for (char *at = buffer; at < buffer + length; at += ((EVENTLOGRECORD *)at)->Length) {
            EVENTLOGRECORD *record = (EVENTLOGRECORD *)at;
            if (strcmp(at + sizeof *record, source)) continue;
            printf("event %lu type %d: %s\n", record->EventID, record->EventType, at + record->StringOffset);
            found++;
        }
    }
    if (GetLastError() != ERROR_HANDLE_EOF) return failed("ReadEventLog");
    printf("%d entries\n", found);
    return 0;
}

static int service(const char *name) {
    static union { QUERY_SERVICE_CONFIGA config; SERVICE_DESCRIPTIONA description; SERVICE_FAILURE_ACTIONSA recovery;
                   SERVICE_FAILURE_ACTIONS_FLAG flag; SERVICE_DELAYED_AUTO_START_INFO delayed;
                   SERVICE_PRESHUTDOWN_INFO shutdown; char room[8192]; } b;
    DWORD needed;
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    if (!manager) return failed("OpenSCManager");
    SC_HANDLE handle = OpenServiceA(manager, name, SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS);
    if (!handle) return failed("OpenService");
    if (QueryServiceConfigA(handle, &b.config, sizeof b, &needed))
        printf("type %lx start %lu account %s program %s\n", b.config.dwServiceType, b.config.dwStartType,
               b.config.lpServiceStartName, b.config.lpBinaryPathName);
    else failed("QueryServiceConfig");
    if (QueryServiceConfig2A(handle, SERVICE_CONFIG_DESCRIPTION, (BYTE *)&b, sizeof b, &needed))
        printf("description %s\n", b.description.lpDescription);
    else failed("description");
    if (QueryServiceConfig2A(handle, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (BYTE *)&b, sizeof b, &needed))
        printf("delayed %d\n", b.delayed.fDelayedAutostart);
    else failed("delayed");
    if (QueryServiceConfig2A(handle, SERVICE_CONFIG_FAILURE_ACTIONS, (BYTE *)&b, sizeof b, &needed)) {
        printf("recovery reset %lu", b.recovery.dwResetPeriod);
        for (DWORD i = 0; i < b.recovery.cActions; i++)
            printf(" %d@%lu", b.recovery.lpsaActions[i].Type, b.recovery.lpsaActions[i].Delay);
        printf("\n");
    } else failed("recovery");
    if (QueryServiceConfig2A(handle, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, (BYTE *)&b, sizeof b, &needed))
        printf("recovery after errors %d\n", b.flag.fFailureActionsOnNonCrashFailures);
    else failed("recovery after errors");
    if (QueryServiceConfig2A(handle, SERVICE_CONFIG_PRESHUTDOWN_INFO, (BYTE *)&b, sizeof b, &needed))
        printf("preshutdown %lu\n", b.shutdown.dwPreshutdownTimeout);
    else failed("preshutdown");
    return 0;
}

static int unseal(const char *path, const char *user) {
    static BYTE buffer[65536]; DWORD length; BYTE entropy[512]; char prefix[] = "Sent Items Update account password";
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE || !ReadFile(file, buffer, sizeof buffer, &length, NULL)) return failed("read");
    memcpy(entropy, prefix, sizeof prefix);
    memcpy(entropy + sizeof prefix, user, strlen(user));
    DATA_BLOB in = { length, buffer }, out, more = { sizeof prefix + strlen(user), entropy };
    if (CryptUnprotectData(&in, NULL, NULL, NULL, NULL, CRYPTPROTECT_UI_FORBIDDEN, &out)) printf("opened without\n");
    else failed("without");
    if (CryptUnprotectData(&in, NULL, &more, NULL, NULL, CRYPTPROTECT_UI_FORBIDDEN, &out))
        printf("opened with: %.*s\n", (int)out.cbData, (char *)out.pbData);
    else failed("with");
    return 0;
}

static int message(const char *program, DWORD id) {
    char text[512]; DWORD_PTR strings[] = { (DWORD_PTR)"the text" };
    HMODULE module = LoadLibraryExA(program, NULL, LOAD_LIBRARY_AS_DATAFILE);
    if (!module) return failed("LoadLibraryEx");
    if (!FormatMessageA(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, module, id, 0, text, sizeof text,
                        (va_list *)strings)) return failed("FormatMessage");
    printf("%s\n", text);
    return 0;
}

static const char *verdict(PSECURITY_DESCRIPTOR descriptor, HANDLE token) {
    GENERIC_MAPPING mapping = { FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS };
    union { PRIVILEGE_SET set; char room[256]; } privileges; DWORD length = sizeof privileges, granted;
    HANDLE asking; BOOL yes = FALSE;
    if (!DuplicateToken(token, SecurityIdentification, &asking)) { failed("DuplicateToken"); return "?"; }
    if (!AccessCheck(descriptor, asking, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &mapping, &privileges.set, &length,
                     &granted, &yes)) { failed("AccessCheck"); return "?"; }
    return yes ? "allowed" : "refused";
}

static int allowed(const char *text) {
    PSECURITY_DESCRIPTOR descriptor; HANDLE token, plain; char room[SECURITY_MAX_SID_SIZE]; DWORD length = sizeof room;
    SID_AND_ATTRIBUTES administrators = { room, 0 };
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &descriptor, NULL)) return failed("Convert");
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token)) return failed("OpenProcessToken");
    if (!CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, room, &length)) return failed("CreateWellKnownSid");
    if (!CreateRestrictedToken(token, 0, 1, &administrators, 0, NULL, 0, NULL, &plain)) return failed("CreateRestrictedToken");
    const char *as_we_are = verdict(descriptor, token);
    printf("%s, without: %s\n", as_we_are, verdict(descriptor, plain));
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "", *where = argc > 2 ? argv[2] : "", *more = argc > 3 ? argv[3] : "";
    if (!strcmp(what, "account")) return own();
    if (!strcmp(what, "owner")) {
        HANDLE handle = opened(where, GENERIC_READ | GENERIC_WRITE);
        return handle == INVALID_HANDLE_VALUE ? failed("open") : describe(handle, SE_KERNEL_OBJECT);
    }
    if (!strcmp(what, "folder")) {
        HANDLE handle = CreateFileA(where, READ_CONTROL, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
        return handle == INVALID_HANDLE_VALUE ? failed("open") : describe(handle, SE_FILE_OBJECT);
    }
    if (!strcmp(what, "open"))
        return opened(where, GENERIC_READ | GENERIC_WRITE) == INVALID_HANDLE_VALUE ? failed("open") : !printf("opened\n");
    if (!strcmp(what, "anonymous")) return anonymous(where);
    if (!strcmp(what, "flags")) return flags(where);
    if (!strcmp(what, "first")) return first(where);
    if (!strcmp(what, "squat")) return squat(where, more);
    if (!strcmp(what, "many")) return many(where, atoi(more));
    if (!strcmp(what, "events")) return events(where);
    if (!strcmp(what, "service")) return service(where);
    if (!strcmp(what, "unseal")) return unseal(where, more);
    if (!strcmp(what, "message")) return message(where, strtoul(more, NULL, 0));
    if (!strcmp(what, "allowed")) return allowed(where);
    if (!strcmp(what, "minimise")) {
        HWND window = FindWindowA(NULL, where);
        if (!window) return failed("FindWindow");
        ShowWindow(window, SW_MINIMIZE);
        printf("minimised %d\n", IsIconic(window));
        return 0;
    }
    if (!strcmp(what, "window")) {
        HWND window = FindWindowA(NULL, where);
        if (!window) return failed("FindWindow");
        DWORD process = 0;
        GetWindowThreadProcessId(window, &process);
        printf("minimised %d front %d process %lu\n", IsIconic(window), GetForegroundWindow() == window, process);
        return 0;
    }
    fprintf(stderr, "see the top of probe.c\n");
    return 2;
}
