//! A plan of the security of an event (phương án bảo đảm an ninh): where and when, who leads, which posts are manned by whom,
//! and what must be done before and while it lasts. It tells where forces will be, so it is theirs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::FORCES;
use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Json, Text, Time};
use super::schema::{Field, client, required, server, verb};
use super::{Code, Problem};

/// Where a plan stands.
pub const STATES: &[&str] = &["draft", "issued", "done", "cancelled"];

/// Most posts, and most items of the checklist, of one plan.
pub const POSTS_MAX: usize = 60;
pub const ITEMS_MAX: usize = 60;
/// Longest name, place or item, characters.
pub const LINE_CHARS_MAX: usize = 300;
/// Most persons of one post.
const PERSONS_MAX: u32 = 10_000;

pub(super) const FIELDS: &[Field] = &[
    required("name", Text(NAME_CHARS), "What the event is."),
    required("starts_at", Time, "When it begins."),
    required("finishes_at", Time, "When it ends."),
    required("lead_force", Choice(FORCES), "The force that leads."),
    client("posts", Json(60_000), "Who stands where, as [{name, force, persons, place}]."),
    client("checklist", Json(60_000), "What must be done, as [{text, done_at, done_by}]; a verb checks an item off."),
    client("document_no", Text(100), "Number of the document by which it is issued."),
    client("place_text", Text(NAME_CHARS), "Where, in words."),
    client("commune_code", Text(20), "The commune."),
    verb("state", Choice(STATES), "Where it stands."),
    verb("issued_at", Time, "When it was issued; it counts in the quarter that holds this moment."),
    server("issued_by", Text(NAME_CHARS), "Who issued it."),
    verb("closed_at", Time, "When the event was over, or cancelled."),
    server("closed_by", Text(NAME_CHARS), "Who said so."),
    verb("result", Text(1_000), "How it went, or why it was cancelled."),
    server("entered_by", Text(NAME_CHARS), "Who wrote it."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// A post that is manned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    pub name: String,
    /// One of [`FORCES`].
    pub force: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persons: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// An item of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub text: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_by: Option<String>,
}

/// What is done with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Issue,
    /// The event is over.
    Done,
    Cancel,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Issue, Self::Done, Self::Cancel];

    /// Its name in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Done => "done",
            Self::Cancel => "cancel",
        }
    }

    /// The verb with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    /// The state that follows from `state`.
    ///
    /// # Errors
    /// `forbidden_transition` with `state` and the verbs that are `allowed`.
    pub fn leads(self, state: &str) -> Result<&'static str, Problem> {
        match (self, state) {
            (Self::Issue, "draft") => Ok("issued"),
            (Self::Done, "issued") => Ok("done"),
            (Self::Cancel, "draft" | "issued") => Ok("cancelled"),
            _ => Err(closed(state)),
        }
    }
}

/// The refusal of what a plan in `state` does not allow.
#[must_use]
pub fn closed(state: &str) -> Problem {
    let allowed: &[&str] = match state {
        "draft" => &["issue", "cancel"],
        "issued" => &["done", "cancel"],
        _ => &[],
    };
    Problem::new(
        Code::ForbiddenTransition,
        "phương án này không ở trạng thái cho phép việc đó",
        format!("a plan that is {state} does not allow this"),
    )
    .with("state", state)
    .with("allowed", allowed)
}

/// The posts of a plan.
///
/// # Errors
/// `invalid_value` where the list is wrong, `limit_exceeded` where it is too long.
pub fn posts(value: &Value) -> Result<Vec<Post>, Problem> {
    let list: Vec<Post> = list(value, "posts", POSTS_MAX, "{name, force, persons, place}")?;
    for (n, post) in list.iter().enumerate() {
        let at = format!("/properties/posts/{n}");
        line(&post.name, &format!("{at}/name"))?;
        post.place.as_deref().map_or(Ok(()), |place| line(place, &format!("{at}/place")))?;
        if !FORCES.contains(&post.force.as_str()) {
            return Err(wrong(&format!("{at}/force"), "không có lực lượng này", "there is no such force"));
        }
        if post.persons.is_some_and(|persons| persons > PERSONS_MAX) {
            return Err(wrong(&format!("{at}/persons"), "quá nhiều người", "too many persons"));
        }
    }
    Ok(list)
}

/// The checklist of a plan.
///
/// # Errors
/// As [`posts`].
pub fn checklist(value: &Value) -> Result<Vec<Item>, Problem> {
    let list: Vec<Item> = list(value, "checklist", ITEMS_MAX, "{text, done_at, done_by}")?;
    for (n, item) in list.iter().enumerate() {
        line(&item.text, &format!("/properties/checklist/{n}/text"))?;
    }
    Ok(list)
}

/// A checklist as somebody writes it anew: what was checked off stays so as long as its text stays, and nobody checks off by
/// writing it.
#[must_use]
pub fn kept(before: &[Item], written: Vec<Item>) -> Vec<Item> {
    let done = |text: &str| before.iter().find(|item| item.text == text).cloned();
    let fresh = |text: String| Item { text, done_at: None, done_by: None };
    written.into_iter().map(|item| done(&item.text).unwrap_or_else(|| fresh(item.text))).collect()
}

fn list<T: serde::de::DeserializeOwned>(value: &Value, name: &str, max: usize, of: &str) -> Result<Vec<T>, Problem> {
    let at = format!("/properties/{name}");
    if value.as_array().is_some_and(|list| list.len() > max) {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("{name}: nhiều hơn {max} mục"),
            format!("{name}: more than {max} entries"),
        )
        .at(&at));
    }
    serde_json::from_value(value.clone())
        .map_err(|_| wrong(&at, &format!("{name}: cần danh sách [{of}]"), &format!("{name}: expected a list [{of}]")))
}

/// One line of a person: not empty and not too long.
fn line(text: &str, at: &str) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > LINE_CHARS_MAX {
        let (vi, en) =
            (format!("cần từ 1 đến {LINE_CHARS_MAX} ký tự"), format!("expected 1 to {LINE_CHARS_MAX} characters"));
        return Err(wrong(at, &vi, &en));
    }
    Ok(())
}

fn wrong(at: &str, vi: &str, en: &str) -> Problem {
    Problem::new(Code::InvalidValue, vi, en).at(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_drafted_issued_and_over() {
        assert_eq!(Verb::Issue.leads("draft"), Ok("issued"));
        assert_eq!(Verb::Done.leads("issued"), Ok("done"));
        assert_eq!((Verb::Cancel.leads("draft"), Verb::Cancel.leads("issued")), (Ok("cancelled"), Ok("cancelled")));
        for (verb, state) in
            [(Verb::Issue, "issued"), (Verb::Done, "draft"), (Verb::Cancel, "done"), (Verb::Issue, "cancelled")]
        {
            assert_eq!(verb.leads(state).unwrap_err().code, Code::ForbiddenTransition, "{verb:?} {state}");
        }
    }

    #[test]
    fn what_is_no_post_is_refused_where_it_is_wrong() {
        let post = |field: &str, value: Value| {
            let mut post = json!({"name": "Chốt 1", "force": "police", "persons": 4, "place": "cổng chính"});
            post[field] = value;
            json!([post])
        };
        assert_eq!(posts(&post("persons", Value::Null)).unwrap()[0].persons, None);
        for (value, at) in [
            (json!("x"), "/properties/posts"),
            (json!([1]), "/properties/posts"),
            (post("extra", json!(1)), "/properties/posts"),
            (post("name", json!(" ")), "/properties/posts/0/name"),
            (post("place", json!("a".repeat(LINE_CHARS_MAX + 1))), "/properties/posts/0/place"),
            (post("force", json!("navy")), "/properties/posts/0/force"),
            (post("persons", json!(-1)), "/properties/posts"),
            (post("persons", json!(PERSONS_MAX + 1)), "/properties/posts/0/persons"),
        ] {
            let problem = posts(&value).unwrap_err();
            assert_eq!((problem.code, problem.at.as_deref()), (Code::InvalidValue, Some(at)), "{value}");
        }
        let many = vec![json!({"text": "a"}); ITEMS_MAX + 1];
        assert_eq!(checklist(&Value::from(many)).unwrap_err().code, Code::LimitExceeded);
        assert_eq!(checklist(&json!([{"text": ""}])).unwrap_err().at.as_deref(), Some("/properties/checklist/0/text"));
    }

    #[test]
    fn what_was_checked_off_stays_so_and_nobody_checks_off_by_writing() {
        let item = |text: &str, done: Option<&str>| Item {
            text: text.into(),
            done_at: done.map(str::to_owned),
            done_by: done.map(|_| "a".to_owned()),
        };
        let before = [item("rào chắn", Some("2026-11-01T00:00:00.000Z")), item("bộ đàm", None)];
        let written = vec![item("bộ đàm", Some("2026-11-02T00:00:00.000Z")), item("rào chắn", None), item("mới", None)];
        let kept = kept(&before, written);
        assert_eq!(kept.iter().map(|item| item.done_at.is_some()).collect::<Vec<_>>(), [false, true, false]);
    }
}
