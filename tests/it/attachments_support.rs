//! Photos that tell too much, and a client of tus that can break off anywhere.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_support::{Caller, done};

/// Where the photos were taken, lon/lat.
pub const TAKEN_AT: [f64; 2] = [103.456_75, 22.345_5];
/// What only EXIF and other words of a photo hold.
pub const WORDS: &str = "WORDS-OF-THE-CAMERA";

/// A JPEG of about so many bytes that was taken at [`TAKEN_AT`], lies on its side, and holds [`WORDS`] wherever it can.
/// `seed` makes its content its own.
pub fn photo(bytes: usize, seed: u64) -> Vec<u8> {
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &u16::try_from(body.len() + 2).unwrap().to_be_bytes(), body].concat()
    };
    let table = [&[0][..], &[16; 64]].concat();
    let mut jpeg = [
        &[0xff, 0xd8][..],
        &segment(0xe1, &[b"Exif\0\0", &exif()[..]].concat()),
        &segment(0xe1, format!("http://ns.adobe.com/xap/1.0/\0<x>{WORDS}</x>").as_bytes()),
        &segment(0xed, format!("Photoshop 3.0\0{WORDS}").as_bytes()),
        &segment(0xfe, WORDS.as_bytes()),
        &segment(0xdb, &table),
        &segment(0xc0, &[8, 0x0b, 0xb8, 0x0f, 0xa0, 1, 1, 0x11, 0]),
        &segment(0xc4, &[&[0, 1][..], &[0; 15], &[0]].concat()),
        &segment(0xda, &[1, 1, 0, 0, 63, 0]),
    ]
    .concat();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while jpeg.len() + 2 < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Coded data holds no marker.
        jpeg.extend(state.to_le_bytes().map(|byte| byte & 0x7f));
    }
    jpeg.extend([0xff, 0xd9]);
    jpeg.extend(WORDS.as_bytes());
    jpeg
}

/// Maker, orientation 6, time and place, big-endian.
fn exif() -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08".to_vec();
    let (main, photo, place, heap): (u32, u32, u32, u32) =
        (8, 8 + 2 + 4 * 12 + 4, 8 + 2 + 4 * 12 + 4 + 2 + 12 + 4, 200);
    let mut values: Vec<u8> = Vec::new();
    let mut keep = |value: &[u8]| {
        let at = heap + u32::try_from(values.len()).unwrap();
        values.extend(value);
        at.to_be_bytes()
    };
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    let degrees = |value: f64| {
        let (whole, rest) = (value.floor(), value.fract() * 60.0);
        let parts =
            [(whole as u32, 1_u32), (rest.floor() as u32, 1), ((rest.fract() * 60_000.0).round() as u32, 1_000)];
        parts.iter().flat_map(|(a, b)| [a.to_be_bytes(), b.to_be_bytes()].concat()).collect::<Vec<u8>>()
    };
    let maker = keep(WORDS.as_bytes());
    let time = keep(b"2026:11:20 05:06:07\0");
    let (lat, lon) = (keep(&degrees(TAKEN_AT[1])), keep(&degrees(TAKEN_AT[0])));
    let list = |entries: &[Vec<u8>]| {
        [&u16::try_from(entries.len()).unwrap().to_be_bytes()[..], &entries.concat(), &[0; 4]].concat()
    };
    assert_eq!(tiff.len() as u32, main);
    tiff.extend(list(&[
        entry(0x010f, 2, u32::try_from(WORDS.len()).unwrap(), maker),
        entry(0x0112, 3, 1, [0, 6, 0, 0]),
        entry(0x8769, 4, 1, photo.to_be_bytes()),
        entry(0x8825, 4, 1, place.to_be_bytes()),
    ]));
    assert_eq!(tiff.len() as u32, photo);
    tiff.extend(list(&[entry(0x9003, 2, 20, time)]));
    assert_eq!(tiff.len() as u32, place);
    tiff.extend(list(&[
        entry(1, 2, 2, *b"N\0\0\0"),
        entry(2, 5, 3, lat),
        entry(3, 2, 2, *b"E\0\0\0"),
        entry(4, 5, 3, lon),
    ]));
    tiff.resize(heap as usize, 0);
    tiff.extend(values);
    tiff
}

/// What a photo says, by a reader of EXIF: names of the fields.
pub fn said_by(photo: &[u8]) -> Vec<String> {
    match exif::Reader::new().read_from_container(&mut std::io::Cursor::new(photo)) {
        Ok(said) => said.fields().map(|field| field.tag.to_string()).collect(),
        Err(exif::Error::NotFound(_)) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// Whether these bytes stand anywhere in those.
pub fn holds(all: &[u8], wanted: &[u8]) -> bool {
    all.windows(wanted.len()).any(|window| window == wanted)
}

impl Caller {
    /// Says what shall come; the answer.
    pub async fn begin_upload(&self, length: usize, told: &[(&str, &str)]) -> Response {
        let told: Vec<String> =
            told.iter().map(|(key, value)| format!("{key} {}", BASE64_STANDARD.encode(value))).collect();
        let request = self.ask(Method::POST, "/api/uploads").header("tus-resumable", "1.0.0");
        request.header("upload-length", length).header("upload-metadata", told.join(",")).send().await.unwrap()
    }

    /// The address of an upload that may begin.
    pub async fn upload(&self, length: usize, told: &[(&str, &str)]) -> String {
        let begun = self.begin_upload(length, told).await;
        let location = begun.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        done(begun, StatusCode::CREATED).await;
        location.unwrap()
    }

    pub async fn send_part(&self, location: &str, offset: usize, part: &[u8]) -> Response {
        let request = self.ask(Method::PATCH, location).header("tus-resumable", "1.0.0");
        let request = request.header("upload-offset", offset).header("content-type", "application/offset+octet-stream");
        request.body(part.to_vec()).send().await.unwrap()
    }

    /// How many bytes have come.
    pub async fn offset_of(&self, location: &str) -> usize {
        let told = self.ask(Method::HEAD, location).header("tus-resumable", "1.0.0").send().await.unwrap();
        assert_eq!(told.status(), StatusCode::OK, "{location}");
        assert_eq!(told.headers()["cache-control"], "no-store");
        told.headers()["upload-offset"].to_str().unwrap().parse().unwrap()
    }

    /// Sends a photo in one go; what became of it.
    pub async fn attach(&self, to: (&str, &str), name: &str, photo: &[u8]) -> Value {
        let location = self.upload(photo.len(), &[to, ("filename", name), ("filetype", "image/jpeg")]).await;
        done(self.send_part(&location, 0, photo).await, StatusCode::NO_CONTENT).await;
        self.read(&location).await
    }

    /// Promises the bytes from an offset on, sends so many of them, and breaks off.
    pub async fn break_off(&self, location: &str, photo: &[u8], offset: usize, bytes: usize) {
        let address: SocketAddr = self.host().parse().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "PATCH {location} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
             upload-offset: {offset}\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
            self.token().unwrap(),
            photo.len() - offset
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&photo[offset..offset + bytes]).await.unwrap();
        stream.shutdown().await.unwrap();
        // Whatever it says, if it says something; then the link is gone.
        let mut said = Vec::new();
        let reading = tokio::time::timeout(std::time::Duration::from_millis(20), stream.read_to_end(&mut said));
        let _ = reading.await;
    }

    /// The content of an attachment.
    pub async fn content(&self, attachment: &str) -> Vec<u8> {
        let answer = self.get(&format!("/api/attachments/{attachment}/content")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.bytes().await.unwrap().to_vec()
    }

    /// The attachments of an incident.
    pub async fn attachments_of(&self, incident: &str) -> Vec<Value> {
        let page = self.read(&format!("/api/collections/attachments/items?incident_id={incident}&limit=1000")).await;
        page["features"].as_array().unwrap().clone()
    }
}
