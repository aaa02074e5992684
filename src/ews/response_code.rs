//! `m:ResponseCodeType`: the server's word for how an operation ended.

use std::fmt;

use super::error::ErrorClass;

macro_rules! response_codes {
    ($($code:ident,)*) => {
        /// A response code, by its name in the protocol. Codes of calendars, contacts, unified messaging and other
        /// fields that we never enter are [`Other`](Self::Other), as are those that a newer server invents.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ResponseCode {
            $($code,)*
            /// A code that is not named here.
            Other(String),
        }

        impl ResponseCode {
            /// Every word is a code: the set grows with each version of Exchange.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word {
                    $(stringify!($code) => Self::$code,)*
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The name in the protocol.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$code => stringify!($code),)*
                    Self::Other(word) => word,
                }
            }
        }

        #[cfg(test)]
        pub(super) const NAMED: &[ResponseCode] = &[$(ResponseCode::$code,)*];
    };
}

response_codes! {
    NoError,
    ErrorAccessDenied,
    ErrorAccountDisabled,
    ErrorADOperation,
    ErrorADSessionFilter,
    ErrorADUnavailable,
    ErrorServiceUnavailable,
    ErrorAutoDiscoverFailed,
    ErrorAttachmentNestLevelLimitExceeded,
    ErrorAttachmentSizeLimitExceeded,
    ErrorBatchProcessingStopped,
    ErrorCallerIsInvalidADAccount,
    ErrorCannotAccessDeletedPublicFolder,
    ErrorCannotDeleteObject,
    ErrorCannotFindUser,
    ErrorCannotOpenFileAttachment,
    ErrorCannotUseFolderIdForItemId,
    ErrorCannotUseItemIdForFolderId,
    ErrorChangeKeyRequired,
    ErrorChangeKeyRequiredForWriteOperations,
    ErrorClientDisconnected,
    ErrorConnectionFailed,
    ErrorContainsFilterWrongType,
    ErrorContentConversionFailed,
    ErrorCorruptData,
    ErrorCreateItemAccessDenied,
    ErrorCrossMailboxMoveCopy,
    ErrorCrossSiteRequest,
    ErrorDataSizeLimitExceeded,
    ErrorDataSourceOperation,
    ErrorDeleteItemsFailed,
    ErrorDistinguishedUserNotSupported,
    ErrorDuplicateSOAPHeader,
    ErrorExceededConnectionCount,
    ErrorExceededFindCountLimit,
    ErrorFolderCorrupt,
    ErrorFolderNotFound,
    ErrorImpersonateUserDenied,
    ErrorImpersonationDenied,
    ErrorImpersonationFailed,
    ErrorIncorrectSchemaVersion,
    ErrorIncorrectUpdatePropertyCount,
    ErrorIndividualMailboxLimitReached,
    ErrorInsufficientResources,
    ErrorInternalServerError,
    ErrorInternalServerTransientError,
    ErrorInvalidArgument,
    ErrorInvalidAttachmentId,
    ErrorInvalidAuthorizationContext,
    ErrorInvalidChangeKey,
    ErrorInvalidExchangeImpersonationHeaderData,
    ErrorInvalidExtendedProperty,
    ErrorInvalidExtendedPropertyValue,
    ErrorInvalidFolderId,
    ErrorInvalidFolderTypeForOperation,
    ErrorInvalidId,
    ErrorInvalidIdEmpty,
    ErrorInvalidIdMalformed,
    ErrorInvalidIdMalformedEwsLegacyIdFormat,
    ErrorInvalidIdNotAnItemAttachmentId,
    ErrorInvalidIdStoreObjectIdTooLong,
    ErrorInvalidIdXml,
    ErrorInvalidIndexedPagingParameters,
    ErrorInvalidItemForOperationCreateItem,
    ErrorInvalidItemForOperationCreateItemAttachment,
    ErrorInvalidLicense,
    ErrorInvalidLogonType,
    ErrorInvalidMailbox,
    ErrorInvalidOperation,
    ErrorInvalidPropertyAppend,
    ErrorInvalidPropertyDelete,
    ErrorInvalidPropertyForOperation,
    ErrorInvalidPropertyRequest,
    ErrorInvalidPropertySet,
    ErrorInvalidPropertyUpdateSentMessage,
    ErrorInvalidProxySecurityContext,
    ErrorInvalidRecipients,
    ErrorInvalidRequest,
    ErrorInvalidRestriction,
    ErrorInvalidSchemaVersionForMailboxVersion,
    ErrorInvalidSecurityDescriptor,
    ErrorInvalidSerializedAccessToken,
    ErrorInvalidServerVersion,
    ErrorInvalidSid,
    ErrorInvalidSmtpAddress,
    ErrorInvalidUserPrincipalName,
    ErrorInvalidUserSid,
    ErrorInvalidValueForProperty,
    ErrorIrresolvableConflict,
    ErrorItemCorrupt,
    ErrorItemNotFound,
    ErrorItemPropertyRequestFailed,
    ErrorItemSave,
    ErrorItemSavePropertyError,
    ErrorLocalServerObjectNotFound,
    ErrorMailboxConfiguration,
    ErrorMailboxFailover,
    ErrorMailboxLogonFailed,
    ErrorMailboxMoveInProgress,
    ErrorMailboxStoreUnavailable,
    ErrorMessageDispositionRequired,
    ErrorMessagePerFolderCountReceiveQuotaExceeded,
    ErrorMessageSizeExceeded,
    ErrorMimeContentConversionFailed,
    ErrorMimeContentInvalid,
    ErrorMimeContentInvalidBase64String,
    ErrorMissingArgument,
    ErrorMissingExchangePrincipal,
    ErrorMissingInformationEmailAddress,
    ErrorMissingItemForCreateItemAttachment,
    ErrorMoveCopyFailed,
    ErrorMultiLegacyMailboxAccess,
    ErrorNameResolutionMultipleResults,
    ErrorNameResolutionNoMailbox,
    ErrorNameResolutionNoResults,
    ErrorNoApplicableProxyCASServersAvailable,
    ErrorNoDestinationCASDueToKerberosRequirements,
    ErrorNoDestinationCASDueToSSLRequirements,
    ErrorNoDestinationCASDueToVersionMismatch,
    ErrorNonExistentMailbox,
    ErrorNonPrimarySmtpAddress,
    ErrorNoPublicFolderReplicaAvailable,
    ErrorNoPublicFolderServerAvailable,
    ErrorNoRespondingCASInDestinationSite,
    ErrorNotEnoughMemory,
    ErrorObjectTypeChanged,
    ErrorOrganizationAccessBlocked,
    ErrorParentFolderNotFound,
    ErrorPasswordChangeRequired,
    ErrorPasswordExpired,
    ErrorPropertyUpdate,
    ErrorPropertyValidationFailure,
    ErrorProxyCallFailed,
    ErrorProxyGroupSidLimitExceeded,
    ErrorProxyRequestNotAllowed,
    ErrorProxyRequestProcessingFailed,
    ErrorProxyServiceDiscoveryFailed,
    ErrorProxySoapException,
    ErrorProxyTokenExpired,
    ErrorQueryFilterTooLong,
    ErrorQuotaExceeded,
    ErrorRequestAborted,
    ErrorRequestStreamTooBig,
    ErrorRequiredPropertyMissing,
    ErrorResponseSchemaValidation,
    ErrorRestrictionTooComplex,
    ErrorRestrictionTooLong,
    ErrorResultSetTooBig,
    ErrorSavedItemFolderNotFound,
    ErrorSchemaValidation,
    ErrorSendAsDenied,
    ErrorServerBusy,
    ErrorServiceDiscoveryFailed,
    ErrorStaleObject,
    ErrorSubmissionQuotaExceeded,
    ErrorTimeoutExpired,
    ErrorToFolderNotFound,
    ErrorTokenSerializationDenied,
    ErrorTooManyObjectsOpened,
    ErrorUnsupportedMapiPropertyType,
    ErrorUnsupportedMimeConversion,
    ErrorUnsupportedPathForQuery,
    ErrorUnsupportedPathForSortGroup,
    ErrorUnsupportedPropertyDefinition,
    ErrorUnsupportedQueryFilter,
    ErrorUnsupportedTypeForConversion,
    ErrorUpdatePropertyMismatch,
    ErrorValueOutOfRange,
    ErrorVirusDetected,
    ErrorVirusMessageDeleted,
    ErrorWebRequestInInvalidState,
    ErrorWrongServerVersion,
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ResponseCode {
    /// What the code asks us to do. Where the answer says more (how long to wait, which address to use instead) the
    /// error adds it.
    ///
    /// A code that is not named is [`Refused`](ErrorClass::Refused): repeating what is not understood helps nobody.
    pub(super) fn class(&self) -> ErrorClass {
        match self {
            Self::ErrorImpersonateUserDenied
            | Self::ErrorImpersonationDenied
            | Self::ErrorImpersonationFailed
            | Self::ErrorAccessDenied
            | Self::ErrorCreateItemAccessDenied => ErrorClass::Denied,

            // With the primary address in the answer, the error makes NonPrimaryAddress of the last one.
            Self::ErrorNonExistentMailbox
            | Self::ErrorAccountDisabled
            | Self::ErrorMissingExchangePrincipal
            | Self::ErrorMailboxConfiguration
            | Self::ErrorInvalidMailbox
            | Self::ErrorCannotFindUser
            | Self::ErrorInvalidSmtpAddress
            | Self::ErrorNameResolutionNoMailbox
            | Self::ErrorNonPrimarySmtpAddress => ErrorClass::NoMailbox,

            Self::ErrorServerBusy
            | Self::ErrorTooManyObjectsOpened
            | Self::ErrorExceededConnectionCount
            | Self::ErrorExceededFindCountLimit
            | Self::ErrorInsufficientResources => ErrorClass::Throttled { back_off: None },

            // The store, the directory, or the way from the server that we talk to to the one that has the mailbox.
            Self::ErrorMailboxMoveInProgress
            | Self::ErrorMailboxStoreUnavailable
            | Self::ErrorMailboxFailover
            | Self::ErrorMailboxLogonFailed
            | Self::ErrorTimeoutExpired
            | Self::ErrorInternalServerError
            | Self::ErrorInternalServerTransientError
            | Self::ErrorServiceUnavailable
            | Self::ErrorNotEnoughMemory
            | Self::ErrorRequestAborted
            | Self::ErrorClientDisconnected
            | Self::ErrorConnectionFailed
            | Self::ErrorBatchProcessingStopped
            | Self::ErrorWebRequestInInvalidState
            | Self::ErrorDataSourceOperation
            | Self::ErrorItemSave
            | Self::ErrorItemPropertyRequestFailed
            | Self::ErrorDeleteItemsFailed
            | Self::ErrorMoveCopyFailed
            | Self::ErrorADUnavailable
            | Self::ErrorADOperation
            | Self::ErrorADSessionFilter
            | Self::ErrorLocalServerObjectNotFound
            | Self::ErrorAutoDiscoverFailed
            | Self::ErrorServiceDiscoveryFailed
            | Self::ErrorNoRespondingCASInDestinationSite
            | Self::ErrorNoApplicableProxyCASServersAvailable
            | Self::ErrorNoDestinationCASDueToKerberosRequirements
            | Self::ErrorNoDestinationCASDueToSSLRequirements
            | Self::ErrorNoDestinationCASDueToVersionMismatch
            | Self::ErrorCrossSiteRequest
            | Self::ErrorProxyCallFailed
            | Self::ErrorProxyGroupSidLimitExceeded
            | Self::ErrorProxyRequestNotAllowed
            | Self::ErrorProxyRequestProcessingFailed
            | Self::ErrorProxyServiceDiscoveryFailed
            | Self::ErrorProxySoapException
            | Self::ErrorProxyTokenExpired
            | Self::ErrorInvalidProxySecurityContext
            | Self::ErrorTokenSerializationDenied
            | Self::ErrorInvalidSerializedAccessToken => ErrorClass::MailboxTemporary,

            Self::ErrorItemNotFound
            | Self::ErrorInvalidAttachmentId
            | Self::ErrorFolderNotFound
            | Self::ErrorParentFolderNotFound
            | Self::ErrorToFolderNotFound
            | Self::ErrorSavedItemFolderNotFound => ErrorClass::ItemGone,

            Self::ErrorIrresolvableConflict
            | Self::ErrorStaleObject
            | Self::ErrorObjectTypeChanged
            | Self::ErrorInvalidChangeKey
            | Self::ErrorChangeKeyRequired
            | Self::ErrorChangeKeyRequiredForWriteOperations => ErrorClass::Conflict,

            Self::ErrorInvalidPropertyUpdateSentMessage
            | Self::ErrorInvalidPropertySet
            | Self::ErrorInvalidPropertyDelete
            | Self::ErrorInvalidPropertyAppend
            | Self::ErrorInvalidPropertyForOperation
            | Self::ErrorPropertyUpdate
            | Self::ErrorPropertyValidationFailure
            | Self::ErrorItemSavePropertyError => ErrorClass::NotUpdatable,

            Self::ErrorQuotaExceeded | Self::ErrorMessagePerFolderCountReceiveQuotaExceeded => {
                ErrorClass::QuotaExceeded
            }
            // Known from behind an ErrorInternalServerError, and not in the schema.
            Self::Other(word) if word == "ErrorQuotaExceededOnDelete" => ErrorClass::QuotaExceeded,

            Self::ErrorPasswordExpired
            | Self::ErrorPasswordChangeRequired
            | Self::ErrorCallerIsInvalidADAccount
            | Self::ErrorInvalidAuthorizationContext
            | Self::ErrorInvalidLogonType
            | Self::ErrorInvalidServerVersion
            | Self::ErrorIncorrectSchemaVersion
            | Self::ErrorWrongServerVersion
            | Self::ErrorInvalidLicense
            | Self::ErrorOrganizationAccessBlocked => ErrorClass::Hold,

            _ => ErrorClass::Refused,
        }
    }

    /// What an administrator can do about it, where the server's own text does not say.
    pub(super) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::ErrorImpersonateUserDenied | Self::ErrorImpersonationDenied => {
                "the account needs the role ApplicationImpersonation for this mailbox; a new assignment takes some \
                 minutes to have an effect"
            }
            Self::ErrorImpersonationFailed => {
                "check that the mailbox's user is enabled and known to the directory of the account's domain"
            }
            Self::ErrorAccessDenied | Self::ErrorCreateItemAccessDenied => {
                "check the account's rights, and whether EWS is switched on for this mailbox"
            }
            Self::ErrorNonExistentMailbox => "no mailbox has this address",
            Self::ErrorAccountDisabled => "the account of the mailbox's owner is disabled",
            Self::ErrorMailboxMoveInProgress => "the mailbox is being moved; it can be updated when that is finished",
            Self::ErrorMailboxStoreUnavailable | Self::ErrorMailboxFailover => {
                "the mailbox's database is not mounted at the moment, or is being switched over"
            }
            Self::ErrorQuotaExceeded | Self::ErrorMessagePerFolderCountReceiveQuotaExceeded => {
                "the mailbox is full: raise its quota, or make room in it"
            }
            Self::ErrorMessageSizeExceeded
            | Self::ErrorAttachmentSizeLimitExceeded
            | Self::ErrorDataSizeLimitExceeded => {
                "the message is larger than Exchange's limits allow: see MaxSendSize of the organisation and the mailbox"
            }
            Self::ErrorInvalidServerVersion | Self::ErrorIncorrectSchemaVersion => {
                "the server is older than Exchange 2013, which is the oldest that works"
            }
            Self::ErrorPasswordExpired | Self::ErrorPasswordChangeRequired => {
                "give the account a new password, and enter it in the settings"
            }
            Self::ErrorNoRespondingCASInDestinationSite
            | Self::ErrorProxyCallFailed
            | Self::ErrorProxyRequestProcessingFailed
            | Self::ErrorProxyServiceDiscoveryFailed
            | Self::ErrorNoApplicableProxyCASServersAvailable => {
                "the server that we talk to can't reach the one that has the mailbox"
            }
            _ => return None,
        })
    }
}
