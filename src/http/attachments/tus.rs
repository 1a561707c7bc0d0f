//! Uploads that go on where the link broke: tus 1.0.0 with its extensions creation, termination and expiration, which
//! clients for browsers and telephones speak. <https://tus.io/protocols/resumable-upload>
//!
//! `POST` says what shall come, `PATCH` brings bytes from an offset on, `HEAD` (or `GET`) tells how far it has come. When the
//! last byte is there the photo is looked through and hangs on its incident; `GET` then says which attachment it became, and
//! where it was taken.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::partial::{About, Done, EXPIRE_S, Held};
use crate::domain::access::Deed;
use crate::domain::photo::{PHOTO_BYTES_MAX, too_large};
use crate::domain::{Code, Problem, Timestamp};
use crate::http::actor::Reader;
use crate::http::answer::{json, with_header, with_status};
use crate::http::app::{App, now};
use crate::http::error::{Answer, Refusal, internal};
use crate::http::params::{Params, id_named, no_record};
use crate::http::uploads::drain;

/// The version that is spoken.
const VERSION: &str = "1.0.0";
/// Longest name of a file as it is sent, characters.
const NAME_CHARS_MAX: usize = 1_000;

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

/// How far an upload has come, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadAnswer {
    pub id: String,
    /// Bytes that have come.
    pub offset: u64,
    pub length: u64,
    /// When it is given up, unless something comes.
    pub expires_at: String,
    /// The attachment that it became.
    pub attachment_id: Option<String>,
    /// Where the photo was taken, as its EXIF says: told to its sender alone, and kept in no record.
    pub exif_position: Option<ExifPosition>,
    /// When it was taken, as its EXIF says.
    pub taken_at: Option<String>,
}

/// WGS 84, degrees.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExifPosition {
    pub lon: f64,
    pub lat: f64,
}

/// The bytes from an offset on.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body that is streamed to a file")]
pub struct UploadBytes(Vec<u8>);

/// What is spoken here, for clients of tus.
#[utoipa::path(
    options, path = "/api/uploads", tag = "attachments",
    responses((status = 204, description = "Version, extensions and the largest size as headers"))
)]
pub async fn options() -> Response {
    let response = with_status(Response::new(Body::empty()), StatusCode::NO_CONTENT);
    let response = with_header(response, TUS_RESUMABLE, VERSION);
    let response = with_header(response, HeaderName::from_static("tus-version"), VERSION);
    let extensions = "creation,expiration,termination";
    let response = with_header(response, HeaderName::from_static("tus-extension"), extensions);
    with_header(response, HeaderName::from_static("tus-max-size"), &PHOTO_BYTES_MAX.to_string())
}

/// Begins an upload of a photo (JPEG, PNG, WebP, up to 20 MiB). The address in `Location` is whoever began it alone; it is
/// the same each time the same `id` is given.
#[utoipa::path(
    post, path = "/api/uploads", tag = "attachments",
    params(
        ("Tus-Resumable" = Option<String>, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "Bytes of the whole file"),
        (
            "Upload-Metadata" = String, Header,
            description = "`key base64` pairs: `incident_id` or `log_entry_id`, on which it is to hang; `filename`, `filetype`; \
                           `id`, a UUID under which the same upload is found again; `sha256` of the file, hexadecimal",
        ),
    ),
    responses(
        (status = 201, description = "Its address in Location, when it is given up in Upload-Expires"),
        (status = 403, description = "forbidden"),
        (status = 412, description = "protocol_version"),
        (status = 413, description = "body_too_large"),
        (status = 422, description = "unknown_reference, idempotency_mismatch, invalid_value"),
        (status = 429, description = "too_many_requests: too many of one's own are on their way"),
        (status = 503, description = "too_busy"),
    )
)]
pub async fn create(reader: Reader, headers: HeaderMap) -> Answer {
    reader.actor().check(Deed::ReportIncident)?;
    Params::parse(reader.uri.query())?.finish()?;
    check_version(&headers)?;
    let length = number(&headers, &UPLOAD_LENGTH)?;
    if length > PHOTO_BYTES_MAX {
        return Err(too_large().into());
    }
    let about = about(&headers, length, &reader.actor().name)?;
    let to = about.to().ok_or_else(no_target)?;
    let live = reader.live()?;
    live.desk.check_attach(reader.actor(), to)?;
    live.partials.begin(&about, now())?;
    let held = live.partials.take(about.id, &about.owner).await.ok_or_else(internal)?;
    let response = with_status(state_headers(Response::new(Body::empty()), &held), StatusCode::CREATED);
    Ok(with_header(response, header::LOCATION, &reader.path(&format!("/api/uploads/{}", about.id))))
}

/// How far an upload has come (`HEAD` tells it in headers), and what became of it. An upload that is another's is not there.
#[utoipa::path(
    get, path = "/api/uploads/{id}", tag = "attachments",
    params(("id" = String, Path, description = "As Location says")),
    responses(
        (status = 200, body = UploadAnswer),
        (status = 404, description = "not_found: there is none, it was given up, or it is another's"),
        (status = 413, description = "body_too_large"),
        (status = 415, description = "file_type_refused"),
        (status = 422, description = "file_damaged, limit_exceeded, unknown_reference"),
        (status = 503, description = "store_unavailable: all has come and could not be attached yet; ask again"),
    )
)]
pub async fn read_upload(reader: Reader, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    check_version(&headers)?;
    let mut held = taken(&reader, id).await?;
    // It may be whole already, and what followed was cut off.
    held.finish(&reader.live()?.desk, reader.actor(), now).await?;
    let done = held.progress.done;
    let answer = UploadAnswer {
        id: id.to_string(),
        offset: held.progress.offset,
        length: held.about().length,
        expires_at: expires_at(&held).to_string(),
        attachment_id: done.map(|done| done.attachment_id.to_string()),
        exif_position: done.and_then(|done| done.position).map(|[lon, lat]| ExifPosition { lon, lat }),
        taken_at: done.and_then(|done| done.taken_at_ms).map(|ms| Timestamp::from_ms(ms).to_string()),
    };
    let response = state_headers(json(&answer)?, &held);
    Ok(with_header(response, header::CACHE_CONTROL, "no-store"))
}

/// Brings bytes from `Upload-Offset` on; all that comes is kept, however the link ends. With the last byte the photo is
/// looked through, freed of EXIF and attached.
#[utoipa::path(
    patch, path = "/api/uploads/{id}", tag = "attachments",
    params(
        ("id" = String, Path, description = "As Location says"),
        ("Tus-Resumable" = Option<String>, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the body begins: as many bytes as have come"),
    ),
    request_body(content = UploadBytes, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "How far it has come in Upload-Offset"),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found: there is none, it was given up, or it is another's"),
        (status = 409, description = "wrong_offset, with the right `offset`"),
        (status = 412, description = "protocol_version"),
        (status = 413, description = "body_too_large: more than Upload-Length said"),
        (status = 415, description = "unsupported_media_type of the call; file_type_refused: no photo, or another than was said"),
        (status = 422, description = "file_damaged, limit_exceeded, unknown_reference"),
        (status = 503, description = "too_busy, store_unavailable: ask how far it has come, and go on"),
        (status = 507, description = "disk_full"),
    )
)]
pub async fn append(
    State(app): State<App>,
    reader: Result<Reader, Refusal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let call = async { read_call(reader?, &id, &headers).await };
    let (reader, mut held, offset) = match call.await {
        Ok(call) => call,
        Err(refusal) => {
            drain(body).await;
            return Err(refusal);
        }
    };
    let desk = app.live()?.desk.clone();
    // A task of its own: what has come is kept, and what is whole is attached, though the link be gone.
    let adding = tokio::spawn(async move {
        held.add(offset, body, now).await?;
        let done = held.finish(&desk, reader.actor(), now).await?;
        Ok::<_, Problem>((held, done))
    });
    let (held, done): (Held, Option<Done>) = adding.await.map_err(|_| internal())??;
    let response = with_status(Response::new(Body::empty()), StatusCode::NO_CONTENT);
    let response = state_headers(response, &held);
    Ok(match done {
        Some(done) => {
            with_header(response, HeaderName::from_static("trucban-attachment"), &done.attachment_id.to_string())
        }
        None => response,
    })
}

/// Ends an upload: nothing is left of what came. An attachment that was made of it stays.
#[utoipa::path(
    delete, path = "/api/uploads/{id}", tag = "attachments",
    params(("id" = String, Path, description = "As Location says")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "not_found: there is none, it was given up, or it is another's"),
        (status = 412, description = "protocol_version"),
    )
)]
pub async fn terminate(reader: Reader, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    check_version(&headers)?;
    taken(&reader, id).await?.drop_it();
    let response = with_status(Response::new(Body::empty()), StatusCode::NO_CONTENT);
    Ok(with_header(response, TUS_RESUMABLE, VERSION))
}

/// Everything that can be refused before the body is read.
async fn read_call(reader: Reader, id: &str, headers: &HeaderMap) -> Result<(Reader, Held, u64), Refusal> {
    reader.actor().check(Deed::ReportIncident)?;
    Params::parse(reader.uri.query())?.finish()?;
    let id = id_named(id)?;
    check_version(headers)?;
    let held = taken(&reader, id).await?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|media| media != "application/offset+octet-stream") {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Nội dung phải là application/offset+octet-stream.",
            "The body must be application/offset+octet-stream.",
        )
        .into());
    }
    let offset = number(headers, &UPLOAD_OFFSET)?;
    Ok((reader, held, offset))
}

async fn taken(reader: &Reader, id: Uuid) -> Result<Held, Refusal> {
    let held = reader.live()?.partials.take(id, &reader.actor().name).await;
    Ok(held.ok_or_else(|| no_record(id))?)
}

fn state_headers(response: Response, held: &Held) -> Response {
    let response = with_header(response, TUS_RESUMABLE, VERSION);
    let response = with_header(response, UPLOAD_OFFSET, &held.progress.offset.to_string());
    let response = with_header(response, UPLOAD_LENGTH, &held.about().length.to_string());
    with_header(response, UPLOAD_EXPIRES, &http_date(expires_at(held)))
}

fn expires_at(held: &Held) -> Timestamp {
    held.progress.touched_at.plus_s(EXPIRE_S)
}

/// As HTTP writes dates (RFC 9110).
fn http_date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_ms()).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(TUS_RESUMABLE) {
        Some(version) if version != VERSION => Err(Problem::new(
            Code::ProtocolVersion,
            format!("máy chủ dùng giao thức tus {VERSION}"),
            format!("tus {VERSION} is spoken here"),
        )
        .at("Tus-Resumable")),
        _ => Ok(()),
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    let told = headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    told.ok_or_else(|| {
        let name = name.as_str();
        Problem::new(
            Code::InvalidParameter,
            format!("thiếu tiêu đề {name}, hoặc không phải số byte"),
            format!("the header {name} is missing, or no number of bytes"),
        )
        .at(name)
    })
}

/// What the sender says of the file.
fn about(headers: &HeaderMap, length: u64, owner: &str) -> Result<About, Problem> {
    let told = headers.get(UPLOAD_METADATA).map_or(Ok(""), |value| value.to_str().map_err(|_| metadata("?")))?;
    let mut about = About {
        id: Uuid::now_v7(),
        owner: owner.to_owned(),
        length,
        name: String::new(),
        media_type: None,
        incident_id: None,
        log_entry_id: None,
        sha256: None,
    };
    for pair in told.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = BASE64_STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let value = value.ok_or_else(|| metadata(key))?;
        let id = || Uuid::try_parse(&value).map_err(|_| metadata(key));
        match key {
            "filename" | "name" if value.chars().count() > NAME_CHARS_MAX => return Err(metadata(key)),
            "filename" | "name" => about.name = value,
            "filetype" | "type" => about.media_type = Some(value).filter(|media| media.len() <= 100),
            // The same id of somebody else is another upload.
            "id" => about.id = Uuid::new_v5(&id()?, owner.as_bytes()),
            "incident_id" => about.incident_id = Some(id()?),
            "log_entry_id" => about.log_entry_id = Some(id()?),
            "sha256" => about.sha256 = Some(value.to_ascii_lowercase()).filter(|hash| hash.len() == 64),
            // What a client says beside.
            _ => {}
        }
    }
    if length == 0 {
        return Err(Problem::new(Code::InvalidValue, "tệp rỗng", "the file is empty").at("Upload-Length"));
    }
    Ok(about)
}

fn metadata(key: &str) -> Problem {
    Problem::new(
        Code::InvalidValue,
        format!("Upload-Metadata: {key} không đọc được"),
        format!("Upload-Metadata: {key} cannot be read"),
    )
    .at("Upload-Metadata")
}

fn no_target() -> Problem {
    Problem::new(
        Code::MissingField,
        "Upload-Metadata: thiếu incident_id hoặc log_entry_id",
        "Upload-Metadata: incident_id or log_entry_id is missing",
    )
    .at("Upload-Metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metadata: &str) -> Result<About, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(UPLOAD_METADATA, metadata.parse().unwrap());
        about(&headers, 5, "an")
    }

    #[test]
    fn what_is_said_of_a_file_is_read_and_what_is_not_known_is_left() {
        let id = Uuid::from_u128(7);
        let coded = BASE64_STANDARD.encode(id.to_string());
        let read =
            told(&format!("filename c+G6oXQuanBn,filetype aW1hZ2UvanBlZw==, incident_id {coded},id {coded},is_ok"));
        let read = read.unwrap();
        assert_eq!((read.name.as_str(), read.media_type.as_deref()), ("sạt.jpg", Some("image/jpeg")));
        assert_eq!((read.incident_id, read.id), (Some(id), Uuid::new_v5(&id, b"an")));
        assert_eq!(told(&format!("id {coded}")).unwrap().id, read.id);
        for wrong in ["filename ~", "incident_id YQ==", "id YQ==", "name /w=="] {
            assert_eq!(told(wrong).unwrap_err().code, Code::InvalidValue, "{wrong}");
        }
    }

    #[test]
    fn dates_are_written_as_http_has_them() {
        assert_eq!(http_date(Timestamp::from_ms(784_111_777_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
