//! One error shape for whatever a user can do wrong, in Vietnamese and English, with a stable code.
//!
//! `http/error.rs` alone turns it into an RFC 9457 answer; the command line prints it.

use serde_json::Value;

/// Stable machine codes. A code is never renamed; new ones are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidJson,
    InvalidEncoding,
    InvalidValue,
    DuplicateRow,
    UnknownField,
    MissingField,
    FieldNotSettable,
    FieldNotVisible,
    InvalidParameter,
    UnknownParameter,
    InvalidGeometry,
    CoordinateOutOfRange,
    CoordinatesSwapped,
    SelfIntersection,
    TooManyVertices,
    LimitExceeded,
    BodyTooLarge,
    UnsupportedMediaType,
    NotAcceptable,
    NotFound,
    UnknownCollection,
    UnknownUnit,
    UnknownReference,
    PlaceNotFound,
    NoRoad,
    MethodNotAllowed,
    SignInRequired,
    WrongCredentials,
    SignInFailed,
    SignInRefused,
    NoRole,
    AccountDisabled,
    ProviderUnavailable,
    WeakPassword,
    PasswordChangeRequired,
    CodeNotValid,
    WrongPassphrase,
    TipsNotSetUp,
    NotConfirmed,
    TooManyAttempts,
    TooManyRequests,
    Forbidden,
    ForbiddenTransition,
    PreconditionRequired,
    VersionConflict,
    InvalidIdempotencyKey,
    IdempotencyMismatch,
    FolderLocked,
    DemoFolder,
    StoreUnavailable,
    Unconfirmed,
    Behind,
    DiskFull,
    TooBusy,
    StaleFix,
    FutureTime,
    RoadsNotLoaded,
    NoRoute,
    ShelterFull,
    AlreadyUndone,
    ChangedSince,
    TooEarly,
    FiguresDiffer,
    FileTypeRefused,
    FileDamaged,
    WrongOffset,
    ProtocolVersion,
    Gone,
    SamePerson,
    NotOnDuty,
    AlreadyHandedOver,
    StaleList,
    Internal,
}

impl Code {
    /// Whether what was refused may be taken later: the store is away, or somebody was faster. What breaks a rule stays
    /// refused, and must not keep what waits behind it from being told.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(
            self,
            Self::StoreUnavailable
                | Self::Unconfirmed
                | Self::TooBusy
                | Self::Behind
                | Self::DiskFull
                | Self::VersionConflict
        )
    }

    /// The code as it stands in answers, logs and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidEncoding => "invalid_encoding",
            Self::InvalidValue => "invalid_value",
            Self::DuplicateRow => "duplicate_row",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::FieldNotSettable => "field_not_settable",
            Self::FieldNotVisible => "field_not_visible",
            Self::InvalidParameter => "invalid_parameter",
            Self::UnknownParameter => "unknown_parameter",
            Self::InvalidGeometry => "invalid_geometry",
            Self::CoordinateOutOfRange => "coordinate_out_of_range",
            Self::CoordinatesSwapped => "coordinates_swapped",
            Self::SelfIntersection => "self_intersection",
            Self::TooManyVertices => "too_many_vertices",
            Self::LimitExceeded => "limit_exceeded",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::NotAcceptable => "not_acceptable",
            Self::NotFound => "not_found",
            Self::UnknownCollection => "unknown_collection",
            Self::UnknownUnit => "unknown_unit",
            Self::UnknownReference => "unknown_reference",
            Self::PlaceNotFound => "place_not_found",
            Self::NoRoad => "no_road",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::SignInRequired => "sign_in_required",
            Self::WrongCredentials => "wrong_credentials",
            Self::SignInFailed => "sign_in_failed",
            Self::SignInRefused => "sign_in_refused",
            Self::NoRole => "no_role",
            Self::AccountDisabled => "account_disabled",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::WeakPassword => "weak_password",
            Self::PasswordChangeRequired => "password_change_required",
            Self::CodeNotValid => "code_not_valid",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::TipsNotSetUp => "tips_not_set_up",
            Self::NotConfirmed => "not_confirmed",
            Self::TooManyAttempts => "too_many_attempts",
            Self::TooManyRequests => "too_many_requests",
            Self::Forbidden => "forbidden",
            Self::ForbiddenTransition => "forbidden_transition",
            Self::PreconditionRequired => "precondition_required",
            Self::VersionConflict => "version_conflict",
            Self::InvalidIdempotencyKey => "invalid_idempotency_key",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::FolderLocked => "folder_locked",
            Self::DemoFolder => "demo_folder",
            Self::StoreUnavailable => "store_unavailable",
            Self::Unconfirmed => "unconfirmed",
            Self::Behind => "behind",
            Self::DiskFull => "disk_full",
            Self::TooBusy => "too_busy",
            Self::StaleFix => "stale_fix",
            Self::FutureTime => "future_time",
            Self::RoadsNotLoaded => "roads_not_loaded",
            Self::NoRoute => "no_route",
            Self::ShelterFull => "shelter_full",
            Self::AlreadyUndone => "already_undone",
            Self::ChangedSince => "changed_since",
            Self::TooEarly => "too_early",
            Self::FiguresDiffer => "figures_differ",
            Self::FileTypeRefused => "file_type_refused",
            Self::FileDamaged => "file_damaged",
            Self::WrongOffset => "wrong_offset",
            Self::ProtocolVersion => "protocol_version",
            Self::Gone => "gone",
            Self::SamePerson => "same_person",
            Self::NotOnDuty => "not_on_duty",
            Self::AlreadyHandedOver => "already_handed_over",
            Self::StaleList => "stale_list",
            Self::Internal => "internal",
        }
    }
}

/// What went wrong, where, and in words for the person who did it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {detail_en}", code.as_str())]
pub struct Problem {
    pub code: Code,
    /// JSON pointer, query parameter or `line N, field F`.
    pub at: Option<String>,
    pub detail_vi: String,
    pub detail_en: String,
    /// Further members of the answer: `allowed` states, the `present` record, candidates.
    pub extra: Vec<(&'static str, Value)>,
}

impl Problem {
    /// A problem with its detail in both languages.
    pub fn new(code: Code, detail_vi: impl Into<String>, detail_en: impl Into<String>) -> Self {
        Self { code, at: None, detail_vi: detail_vi.into(), detail_en: detail_en.into(), extra: Vec::new() }
    }

    /// Names the place of the fault.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.at = Some(place.to_owned());
        self
    }

    /// Adds a member to the answer.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extra.push((name, value.into()));
        self
    }
}
