//! The local API that both programs share: HTTP/1.1 with JSON over a Unix-domain socket or a named pipe.
