//! What a row tells, before it has its place in the chain.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::access::DataClass;
use crate::domain::{Actor, Collection, Timestamp};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records were shown.
    Read,
    /// Somebody was shown more personal records within an hour than work asks for.
    BulkRead,
    /// This audit was shown.
    AuditRead,
    /// Records left as a file.
    Export,
    SignIn,
    SignOut,
    /// Credentials or rights were not enough.
    Denied,
    /// An account was made or changed.
    Account,
    /// A grant was given, changed or taken back.
    Grant,
    /// Somebody took sight of personal records in an emergency.
    BreakGlass,
    /// A sealed value was opened.
    Unseal,
    /// Values of people were erased when their time was over.
    Erasure,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::BulkRead,
        Self::AuditRead,
        Self::Export,
        Self::SignIn,
        Self::SignOut,
        Self::Denied,
        Self::Account,
        Self::Grant,
        Self::BreakGlass,
        Self::Unseal,
        Self::Erasure,
    ];

    /// Its name in a row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::BulkRead => "bulk_read",
            Self::AuditRead => "audit_read",
            Self::Export => "export",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::Denied => "denied",
            Self::Account => "account",
            Self::Grant => "grant",
            Self::BreakGlass => "break_glass",
            Self::Unseal => "unseal",
            Self::Erasure => "erasure",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One row to be.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Timestamp,
    pub actor: Arc<Actor>,
    pub kind: Kind,
    pub class: Option<DataClass>,
    pub collection: Option<Collection>,
    /// Records.
    pub count: u64,
    /// Which ones, or the first of them.
    pub ids: Vec<Uuid>,
    /// Method and path, or command; never what stands in a query, which may hold a name.
    pub place: String,
    /// Why, where somebody said so.
    pub purpose: String,
}

impl Event {
    /// Something that `actor` did, about no record yet.
    #[must_use]
    pub fn new(kind: Kind, actor: &Arc<Actor>, at: Timestamp, place: impl Into<String>) -> Self {
        Self {
            at,
            actor: Arc::clone(actor),
            kind,
            class: None,
            collection: None,
            count: 0,
            ids: Vec::new(),
            place: place.into(),
            purpose: String::new(),
        }
    }

    /// The same about `count` records of a collection.
    #[must_use]
    pub fn about(self, collection: Collection, class: DataClass, count: u64) -> Self {
        Self { collection: Some(collection), class: Some(class), count, ..self }
    }
}
