//! Warnings: written, released, followed; the file of CAP 1.2 of each, and an Atom feed of those that hold.

use std::io;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use quick_xml::Writer as XmlWriter;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};
use serde_json::Value;
use utoipa::ToSchema;

use super::actor::{Reader, Writer};
use super::answer::{feature_value, json_bytes, with_header, with_status};
use super::app::now;
use super::error::{Answer, internal};
use super::params::{Params, id_named};
use super::records::show;
use crate::desk::{Follow, NewWarning};
use crate::domain::cap::Xml;
use crate::domain::warning::Type;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::picture::ItemsQuery;

/// Most messages of the feed; the newest are kept.
const FEED_ENTRIES_MAX: usize = 500;
/// Messages looked at for the feed, those that wait or are being ended among them.
const LOOKED_AT_MAX: usize = 5_000;
/// A CAP message.
const CAP: &str = "application/cap+xml";
/// The feed.
const ATOM: &str = "application/atom+xml";

/// What somebody warns of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct WarnCall {
    /// What people should know besides.
    reason: Option<String>,
    /// Until when it holds; as long as the zone if absent.
    expires_at: Option<String>,
}

/// What a verb on a warning needs.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct WarningVerbCall {
    /// cancel, withdraw: what was wrong (needed). update, all_clear: what people should know besides.
    reason: Option<String>,
    /// update: until when it holds; as long as the zone if absent.
    expires_at: Option<String>,
}

/// Warns of a zone in force.
///
/// Up to the level that the rules name (2) the message goes out at once; above, its `state` is `awaiting_second` until
/// another person releases it.
#[utoipa::path(
    post, path = "/api/risk_zones/{id}/warnings", tag = "warnings", request_body = WarnCall,
    params(
        ("id" = String, Path, description = "Id of the zone"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 201, description = "The warning, with ETag and Location", content_type = "application/geo+json",
            body = ref("#/components/schemas/WarningsFeature"),
        ),
        (status = 409, description = "forbidden_transition: the zone is not in force, or has a warning already"),
    )
)]
pub async fn warn(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let new = NewWarning { reason: fields.text("reason")?, expires: fields.time("expires_at")? };
    fields.finish()?;
    let written = writer.desk()?.warn(&writer.ask(None), id, &new).await?;
    let answer = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    let place = writer.reader.link(&format!("/api/collections/warnings/items/{}", written.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

/// What happens to a warning: `release` by the second person, `withdraw` before that; `update`, `cancel`, `all_clear` of
/// one that stands.
///
/// The last three are messages of their own, and are answered. Each names all messages that it takes the place of, and
/// ends the one before as soon as it is released.
#[utoipa::path(
    post, path = "/api/warnings/{id}/{verb}", tag = "warnings", request_body = WarningVerbCall,
    params(
        ("id" = String, Path, description = "Id of the warning"),
        ("verb" = String, Path, description = "`release`, `withdraw`, `update`, `cancel` or `all_clear`"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The warning, or the message that follows it, with ETag",
            content_type = "application/geo+json", body = ref("#/components/schemas/WarningsFeature"),
        ),
        (status = 409, description = "forbidden_transition: where it stands, and what is `allowed`"),
    )
)]
pub async fn run_warning_verb(Path((id, verb)): Path<(String, String)>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let following = Type::FOLLOWING.into_iter().find(|sort| sort.as_str() == verb);
    if following.is_none() && !["release", "withdraw"].contains(&verb.as_str()) {
        return Err(Problem::new(Code::NotFound, "không có động từ này", "there is no such verb").into());
    }
    let mut fields = writer.fields()?;
    let ask = writer.ask(None);
    let written = match following {
        Some(sort) => {
            let expires = if sort == Type::Update { fields.time("expires_at")? } else { None };
            let follow = Follow { sort, reason: fields.text("reason")?, expires };
            fields.finish()?;
            writer.desk()?.follow_warning(&ask, id, &follow).await?
        }
        None if verb == "release" => {
            fields.finish()?;
            writer.desk()?.release_warning(&ask, id).await?
        }
        None => {
            let reason = fields.needed_text("reason")?;
            fields.finish()?;
            writer.desk()?.withdraw_warning(&ask, id, &reason).await?
        }
    };
    show(&writer.reader, &written)
}

/// The message as it went out, CAP 1.2.
///
/// One that was updated, cancelled or cleared is still answered, as what was said; the header `Link` then names the message
/// that took its place (`rel="successor-version"`).
#[utoipa::path(
    get, path = "/api/warnings/{id}/cap", tag = "warnings",
    params(("id" = String, Path, description = "Id of the warning")),
    responses(
        (status = 200, description = "The message", content_type = "application/cap+xml", body = String),
        (status = 404, description = "not_found: there is none, or it was not released"),
    )
)]
pub async fn read_cap(Path(id): Path<String>, reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    let id = id_named(&id)?;
    let view = reader.view()?;
    let warning = view.item(Collection::Warnings, id).map(|shown| feature_value(&shown));
    let Some(Value::String(xml)) = warning.as_ref().map(|warning| warning["properties"]["cap"].clone()) else {
        let (vi, en) = ("không có tin này, hoặc tin chưa phát", "there is no such warning, or it was not released");
        return Err(Problem::new(Code::NotFound, vi, en).into());
    };
    let after = open(&view).into_iter().find(|other| other["properties"]["earlier_id"] == id.to_string().as_str());
    let answer = typed(xml, CAP);
    Ok(match after.filter(|other| other["properties"]["cap"].is_string()) {
        Some(other) => {
            let link = reader.link(&cap_path(other["id"].as_str().unwrap_or_default()));
            with_header(answer, header::LINK, &format!("<{link}>; rel=\"successor-version\"; type=\"{CAP}\""))
        }
        None => answer,
    })
}

/// The messages that hold, newest first, as an Atom feed with links to their CAP files.
///
/// One that was updated, cancelled or cleared is gone from it; the message that did so is there until the old one would
/// have expired.
#[utoipa::path(
    get, path = "/api/warnings.atom", tag = "warnings",
    responses((status = 200, description = "The feed", content_type = "application/atom+xml", body = String))
)]
pub async fn read_atom(reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    let (view, now) = (reader.view()?, now());
    let time =
        |warning: &Value, name: &str| warning["properties"][name].as_str().and_then(|at| Timestamp::parse(at).ok());
    let mut holds = open(&view);
    holds.retain(|warning| {
        warning["properties"]["state"] == "released" && time(warning, "expires_at").is_some_and(|at| at > now)
    });
    holds.sort_by_key(|warning| std::cmp::Reverse(time(warning, "sent_at")));
    holds.truncate(FEED_ENTRIES_MAX);
    let newest = holds.first().and_then(|warning| time(warning, "sent_at"));
    let xml = write_feed(&reader, &holds, newest.unwrap_or(Timestamp::from_ms(0))).map_err(|_| internal())?;
    Ok(typed(xml, ATOM))
}

/// The open ones that the reader sees.
fn open(view: &crate::picture::View) -> Vec<Value> {
    let query = ItemsQuery {
        collection: Collection::Warnings,
        bbox: None,
        datetime: None,
        filters: Vec::new(),
        q: None,
        ended: false,
        limit: LOOKED_AT_MAX,
        offset: 0,
    };
    view.items(&query).shown.iter().map(feature_value).collect()
}

fn cap_path(id: &str) -> String {
    format!("/api/warnings/{id}/cap")
}

fn typed(body: String, media: &'static str) -> Response {
    let mut response = json_bytes(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn write_feed(reader: &Reader, warnings: &[Value], updated: Timestamp) -> io::Result<String> {
    let own = reader.link("/api/warnings.atom");
    let mut xml = Xml(XmlWriter::new_with_indent(Vec::new(), b' ', 2));
    xml.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut root = BytesStart::new("feed");
    root.push_attribute(("xmlns", "http://www.w3.org/2005/Atom"));
    root.push_attribute(("xml:lang", "vi"));
    xml.0.write_event(Event::Start(root))?;
    xml.text("id", &own)?;
    xml.text("title", "Tin cảnh báo · Warnings")?;
    xml.text("updated", &updated.cap_text())?;
    author(&mut xml, "trucban")?;
    link(&mut xml, "self", ATOM, &own)?;
    for warning in warnings {
        let word = |name: &str| warning["properties"][name].as_str().unwrap_or_default();
        let sent = Timestamp::parse(word("sent_at")).map(Timestamp::cap_text).unwrap_or_default();
        let first = &warning["properties"]["infos"][0];
        xml.0.write_event(Event::Start(BytesStart::new("entry")))?;
        xml.text("id", word("identifier"))?;
        xml.text("title", word("name"))?;
        xml.text("updated", &sent)?;
        xml.text("published", &sent)?;
        author(&mut xml, first["sender_name"].as_str().unwrap_or("trucban"))?;
        link(&mut xml, "alternate", CAP, &reader.link(&cap_path(warning["id"].as_str().unwrap_or_default())))?;
        xml.text("summary", first["description"].as_str().unwrap_or_default())?;
        xml.0.write_event(Event::End(BytesEnd::new("entry")))?;
    }
    xml.0.write_event(Event::End(BytesEnd::new("feed")))?;
    String::from_utf8(xml.0.into_inner()).map_err(io::Error::other)
}

fn author(xml: &mut Xml, name: &str) -> io::Result<()> {
    xml.0.write_event(Event::Start(BytesStart::new("author")))?;
    xml.text("name", name)?;
    xml.0.write_event(Event::End(BytesEnd::new("author")))
}

fn link(xml: &mut Xml, rel: &str, media: &str, href: &str) -> io::Result<()> {
    let attributes = [("rel", rel), ("type", media), ("href", href)];
    xml.0.create_element("link").with_attributes(attributes).write_empty()?;
    Ok(())
}
