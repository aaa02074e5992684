//! Replies of the SMTP door (RFC 5321, section 4.2) with enhanced status codes (RFC 3463).

use smtp_proto::Error;

use super::super::AcceptError;

/// A reply in one line: code, enhanced code, text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    code: &'static str,
    text: String,
}

impl Reply {
    /// `code`: with the enhanced one, where there is one: `250 2.0.0`.
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.code.as_bytes());
        to.push(b' ');
        // A reply is one line, and in ASCII unless the client asked for more.
        to.extend(self.text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c as u8 } else { b'?' }));
        to.extend_from_slice(b"\r\n");
    }

    /// Why a command can't be understood.
    pub(super) fn misunderstood(error: &Error) -> Self {
        match error {
            Error::UnknownCommand => Self::new("500 5.5.1", "unknown command"),
            Error::InvalidSenderAddress => Self::new("501 5.1.7", "the reverse-path is not valid"),
            Error::InvalidRecipientAddress => Self::new("501 5.1.3", "the forward-path is not valid"),
            Error::SyntaxError { syntax } => Self::new("501 5.5.4", format!("the syntax is: {syntax}")),
            Error::InvalidParameter { param } => Self::new("501 5.5.4", format!("parameter {param} is not valid")),
            Error::UnsupportedParameter { param } => Self::new("555 5.5.4", format!("parameter {param} is unknown")),
            Error::NeedsMoreData { .. } | Error::ResponseTooLong | Error::InvalidResponse { .. } => {
                Self::new("500 5.5.2", "the command can't be understood")
            }
        }
    }

    /// Why a message was not accepted.
    pub(super) fn not_accepted(error: &AcceptError) -> Self {
        let code = match error {
            AcceptError::Unusable(_) => "554 5.6.0",
            AcceptError::TooLarge { .. } => "552 5.3.4",
            AcceptError::DiskFull { .. } => "452 4.3.1",
            AcceptError::Stopping => "421 4.3.2",
            AcceptError::Storage(_) => "451 4.3.0",
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_stays_one_line_of_ascii() {
        let mut written = Vec::new();
        Reply::new("451 4.3.0", "two\r\nlines of Müller").write(&mut written);
        assert_eq!(written, b"451 4.3.0 two??lines of M?ller\r\n");
    }

    #[test]
    fn temporary_errors_have_temporary_codes() {
        let errors = [
            AcceptError::Unusable(crate::message::MessageProblem::NoFrom),
            AcceptError::TooLarge { limit: 1 },
            AcceptError::DiskFull { path: "/var".to_owned() },
            AcceptError::Stopping,
            AcceptError::Storage(String::new()),
        ];
        for error in errors {
            let reply = Reply::not_accepted(&error);
            assert_eq!(reply.code.starts_with('4'), error.is_temporary(), "{error:?}");
        }
    }
}
