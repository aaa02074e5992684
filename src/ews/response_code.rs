//! `m:ResponseCodeType`: the server's word for how an operation ended.

use std::fmt;

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
