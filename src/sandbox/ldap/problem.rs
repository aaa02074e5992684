//! What the directory says when it refuses, word for word as a domain controller does.
//!
//! The numbers after `DSID` name places in Microsoft's source and differ from build to build; those here are of Windows
//! Server 2019 (`v4563`), as administrators quote them. Each text ends with a NUL, as on the wire.

use ldap3_proto::proto::{LdapResult, LdapResultCode};

use super::super::authentication::Refused;

pub fn success() -> LdapResult {
    LdapResult { code: LdapResultCode::Success, matcheddn: String::new(), message: String::new(), referral: Vec::new() }
}

pub fn result(code: LdapResultCode, message: &str) -> LdapResult {
    let message = if message.is_empty() { String::new() } else { format!("{message}\0") };
    LdapResult { code, matcheddn: String::new(), message, referral: Vec::new() }
}

pub fn bind_first() -> LdapResult {
    result(
        LdapResultCode::OperationsError,
        "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be \
         completed on the connection., data 0, v4563",
    )
}

/// A simple bind on a connection without encryption, where signing is required.
pub fn encrypt_first() -> LdapResult {
    result(
        LdapResultCode::StrongerAuthRequired,
        "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking if SSL\\TLS \
         are not already active on the connection, data 0, v4563",
    )
}

/// The sign-in is refused. A name that nobody has gets the same answer as a wrong password, so that names can't be
/// guessed: the domain reports `ERROR_LOGON_FAILURE` (52e) for both. Sub-code 525 is what older controllers said.
pub fn refused(reason: Refused) -> LdapResult {
    let data = match reason {
        Refused::Wrong => "52e",
        Refused::PasswordExpired => "532",
        Refused::Disabled => "533",
        Refused::AccountExpired => "701",
        Refused::MustChange => "773",
        Refused::Locked => "775",
    };
    security_context(data)
}

/// A ticket or token that the controller can't use.
pub fn bad_token() -> LdapResult {
    security_context("57")
}

fn security_context(data: &str) -> LdapResult {
    result(
        LdapResultCode::InvalidCredentials,
        &format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {data}, v4563"),
    )
}

pub fn method_not_supported() -> LdapResult {
    result(
        LdapResultCode::AuthMethodNotSupported,
        "00002027: LdapErr: DSID-0C090437, comment: Invalid Authentication method, data 0, v4563",
    )
}

/// The best match is the lowest object above that is there; it stands in `matchedDN`, too.
pub fn no_object(best: &str) -> LdapResult {
    LdapResult {
        matcheddn: best.to_owned(),
        ..result(
            LdapResultCode::NoSuchObject,
            &format!(
                "0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{best}'\n"
            ),
        )
    }
}

/// The name is in a naming context that another server holds.
pub fn elsewhere(domain: &str, name: &str) -> LdapResult {
    LdapResult {
        referral: vec![format!("ldap://{domain}/{name}")],
        ..result(
            LdapResultCode::Referral,
            &format!("0000202B: RefErr: DSID-0310084A, data 0, 1 access points\n\tref 1: '{domain}'\n"),
        )
    }
}

pub fn bad_name(name: &str) -> LdapResult {
    result(
        LdapResultCode::InvalidDNSyntax,
        &format!("0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350, best match of:\n\t'{name}'\n"),
    )
}

pub fn bad_control() -> LdapResult {
    result(
        LdapResultCode::UnavailableCriticalExtension,
        "00000057: LdapErr: DSID-0C090B26, comment: Error processing control, data 0, v4563",
    )
}

pub fn bad_filter() -> LdapResult {
    result(
        LdapResultCode::ProtocolError,
        "0000203D: LdapErr: DSID-0C090F85, comment: Error decoding ldap message, data 0, v4563",
    )
}

/// Nested more deeply than the server wants to follow.
pub fn too_complex() -> LdapResult {
    result(LdapResultCode::AdminLimitExceeded, "000020EF: SvcErr: DSID-0314069A, problem 5012 (DIR_ERROR), data 0")
}

pub fn constructed_in_filter() -> LdapResult {
    result(LdapResultCode::InappropriateMatching, "00002121: SvcErr: DSID-03140699, problem 5012 (DIR_ERROR), data 0")
}

pub fn unknown_extension() -> LdapResult {
    result(
        LdapResultCode::ProtocolError,
        "0000203D: LdapErr: DSID-0C090EEF, comment: Unknown extended request OID, data 0, v4563",
    )
}

/// Encrypted already, or operations are under way.
pub fn no_start_tls() -> LdapResult {
    result(
        LdapResultCode::OperationsError,
        "00000000: LdapErr: DSID-0C090E17, comment: TLS or SSL already in effect, data 0, v4563",
    )
}

pub fn not_allowed() -> LdapResult {
    result(
        LdapResultCode::InsufficentAccessRights,
        "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n",
    )
}

pub fn name_taken() -> LdapResult {
    entry_exists("00002071", "0305038D")
}

/// `ERROR_USER_EXISTS`: another account has this `sAMAccountName`.
pub fn account_name_taken() -> LdapResult {
    entry_exists("00000524", "031A11E2")
}

/// `ERROR_MEMBER_IN_ALIAS`
pub fn member_already() -> LdapResult {
    entry_exists("00000562", "031A11DA")
}

fn entry_exists(code: &str, place: &str) -> LdapResult {
    result(
        LdapResultCode::EntryAlreadyExists,
        &format!("{code}: UpdErr: DSID-{place}, problem 6005 (ENTRY_EXISTS), data 0\n"),
    )
}

pub fn no_attribute() -> LdapResult {
    result(
        LdapResultCode::NoSuchAttribute,
        "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation, data 0, v4563",
    )
}

/// The attribute has no such value to delete.
pub fn no_value(attribute: &str) -> LdapResult {
    result(
        LdapResultCode::NoSuchAttribute,
        &format!(
            "00002085: AtrErr: DSID-03151817, #1:\n\t0: 00002085: DSID-03151817, problem 1001 \
             (NO_ATTRIBUTE_OR_VAL), data 0, Att 0 ({attribute})\n"
        ),
    )
}

pub fn constraint(code: &str, attribute: &str) -> LdapResult {
    result(
        LdapResultCode::ConstraintViolation,
        &format!(
            "{code}: AtrErr: DSID-03191083, #1:\n\t0: {code}: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, \
             Att 0 ({attribute})\n"
        ),
    )
}

/// `ERROR_PASSWORD_RESTRICTION`: too short, or too simple.
pub fn weak_password() -> LdapResult {
    constraint("0000052D", "unicodePwd")
}

pub fn upn_taken() -> LdapResult {
    constraint("000021C8", "userPrincipalName")
}

pub fn bad_syntax(attribute: &str) -> LdapResult {
    result(
        LdapResultCode::InvalidAttributeSyntax,
        &format!(
            "00000057: AtrErr: DSID-03190FBC, #1:\n\t0: 00000057: DSID-03190FBC, problem 1006 (INVALID_ATT_SYNTAX), data 0, \
             Att 0 ({attribute})\n"
        ),
    )
}

/// The server will not do it, for the reason of a Windows error code.
pub fn unwilling(code: &str) -> LdapResult {
    result(
        LdapResultCode::UnwillingToPerform,
        &format!("{code}: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n"),
    )
}

pub fn not_a_leaf() -> LdapResult {
    result(
        LdapResultCode::NotAllowedOnNonLeaf,
        "00002015: UpdErr: DSID-031B0D78, problem 6003 (CANT_ON_NON_LEAF), data 0\n",
    )
}

pub fn class_violation() -> LdapResult {
    result(
        LdapResultCode::ObjectClassViolation,
        "0000207B: UpdErr: DSID-030511CC, problem 6002 (OBJ_CLASS_VIOLATION), data 0\n",
    )
}

pub fn naming_violation() -> LdapResult {
    result(
        LdapResultCode::NamingViolation,
        "00002099: NameErr: DSID-0305109C, problem 2005 (NAMING_VIOLATION), data 0, best match of:\n\t''\n",
    )
}
