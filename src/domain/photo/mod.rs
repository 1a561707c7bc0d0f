//! A photo as it comes in: told by its content and not by its name, measured without being decoded, and freed of all that
//! it says beside the picture. Nothing is encoded anew: whole segments go or stay.
//!
//! JPEG, PNG and WebP are taken: what cameras, screens and messengers make, what every browser shows, and what can be
//! freed of its words soundly, since each part says what it is. HEIC is not (few browsers show it; telephones that make it
//! send JPEG to a page that asks for that), nor is PDF, which may hold words, positions, programs and files anywhere.

mod exif;
mod jpeg;
mod png;
mod webp;

use super::{Code, Problem, Timestamp};

/// Largest photo, bytes: that of a 50-megapixel telephone, twice over.
pub const PHOTO_BYTES_MAX: u64 = 20 * 1_024 * 1_024;
/// Longest side, pixels; some browsers draw no longer one.
pub const SIDE_PX_MAX: u32 = 16_384;
/// Most pixels: those of a 200-megapixel telephone. A file of some kilobytes may claim billions, which whoever opens it
/// would need the memory for.
pub const PIXELS_MAX: u64 = 210_000_000;
/// So many first bytes tell what a file is.
pub const HEAD_BYTES: usize = 12;

/// What is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Jpeg,
    Png,
    Webp,
}

/// Names of [`MediaType::ALL`].
pub const MEDIA_TYPES: &[&str] = &["image/jpeg", "image/png", "image/webp"];

impl MediaType {
    /// The three.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Webp];

    /// Its name (IANA).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        MEDIA_TYPES[self as usize]
    }

    /// The one with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.as_str() == name)
    }

    /// How names of such files end.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// What a file is by its first [`HEAD_BYTES`].
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }
}

/// A photo that was taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    pub media_type: MediaType,
    /// Pixels, before it is turned by its orientation.
    pub width: u32,
    pub height: u32,
    /// The file without what it said; how it is turned and its colours (ICC) stay.
    pub bytes: Vec<u8>,
    pub said: Said,
}

/// What a photo said of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    /// WGS 84 lon/lat, degrees.
    pub position: Option<[f64; 2]>,
    /// When it was taken; by the province's clock where the camera names no zone.
    pub taken_at: Option<Timestamp>,
    /// How it is turned, 1–8 as in EXIF.
    orientation: u16,
}

/// Takes a photo in. `named` is what its sender says that it is.
///
/// # Errors
/// `file_type_refused` for what is no photo of ours, or another than its sender says; `file_damaged` for one that is not
/// whole; `limit_exceeded` for one that is too large, in bytes or pixels.
pub fn take(bytes: &[u8], named: Option<&str>) -> Result<Photo, Problem> {
    let media_type = check_head(bytes, named)?;
    if bytes.len() as u64 > PHOTO_BYTES_MAX {
        return Err(too_large());
    }
    let stripped = match media_type {
        MediaType::Jpeg => jpeg::strip(bytes),
        MediaType::Png => png::strip(bytes),
        MediaType::Webp => webp::strip(bytes),
    };
    let Stripped { width, height, bytes, said } = stripped.map_err(|fault| told(media_type, fault))?;
    Ok(Photo { media_type, width, height, bytes, said })
}

/// Whether the first bytes are those of what is taken, and of what their sender says.
///
/// # Errors
/// `file_type_refused`.
pub fn check_head(head: &[u8], named: Option<&str>) -> Result<MediaType, Problem> {
    let Some(found) = MediaType::of(head) else {
        return Err(Problem::new(
            Code::FileTypeRefused,
            "tệp này không phải ảnh JPEG, PNG hay WebP (xét theo nội dung, không theo tên)",
            "this file is no JPEG, PNG or WebP photo (by its content, not by its name)",
        ));
    };
    match named.map(str::trim).filter(|name| !name.is_empty() && *name != "application/octet-stream") {
        // Old names of the same.
        Some("image/jpg" | "image/pjpeg") if found == MediaType::Jpeg => Ok(found),
        Some(name) if !name.eq_ignore_ascii_case(found.as_str()) => Err(Problem::new(
            Code::FileTypeRefused,
            format!("tệp khai là {name} nhưng nội dung là {}", found.as_str()),
            format!("the file is said to be {name}, and its content is {}", found.as_str()),
        )),
        _ => Ok(found),
    }
}

/// The photo is larger than any that is taken.
#[must_use]
pub fn too_large() -> Problem {
    let mib = PHOTO_BYTES_MAX / (1_024 * 1_024);
    Problem::new(Code::BodyTooLarge, format!("ảnh lớn hơn {mib} MiB"), format!("the photo is larger than {mib} MiB"))
        .with("limit_bytes", PHOTO_BYTES_MAX)
}

/// What one format gives.
#[derive(Debug, PartialEq)]
struct Stripped {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
    said: Said,
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It ends too early, or is not what its format says.
    Broken(&'static str),
    /// A kind of its format that browsers do not show, or that is no photo.
    Kind(&'static str),
    TooManyPixels(u32, u32),
}

fn told(media_type: MediaType, fault: Fault) -> Problem {
    let name = media_type.as_str();
    match fault {
        Fault::Broken(why) => Problem::new(
            Code::FileDamaged,
            format!("ảnh {name} bị hỏng hoặc thiếu ({why})"),
            format!("the {name} is damaged or not whole ({why})"),
        ),
        Fault::Kind(why) => Problem::new(
            Code::FileTypeRefused,
            format!("loại {name} này không nhận ({why})"),
            format!("{name} of this kind is not taken ({why})"),
        ),
        Fault::TooManyPixels(width, height) => Problem::new(
            Code::LimitExceeded,
            format!("ảnh khai {width} × {height} điểm ảnh, quá giới hạn"),
            format!("the photo claims {width} × {height} pixels, which is too many"),
        )
        .with("side_px_max", SIDE_PX_MAX)
        .with("pixels_max", PIXELS_MAX),
    }
}

/// Refuses what whoever opens it could not hold.
fn check_pixels(width: u32, height: u32) -> Result<(), Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::Broken("no pixels"));
    }
    let fits = width <= SIDE_PX_MAX && height <= SIDE_PX_MAX && u64::from(width) * u64::from(height) <= PIXELS_MAX;
    if fits { Ok(()) } else { Err(Fault::TooManyPixels(width, height)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_content_and_must_be_what_its_sender_says() {
        let png = b"\x89PNG\r\n\x1a\n....";
        assert_eq!(check_head(png, None), Ok(MediaType::Png));
        assert_eq!(check_head(png, Some("image/png")), Ok(MediaType::Png));
        assert_eq!(check_head(png, Some("application/octet-stream")), Ok(MediaType::Png));
        assert_eq!(check_head(png, Some("image/jpeg")).unwrap_err().code, Code::FileTypeRefused);
        assert_eq!(check_head(&[0xff, 0xd8, 0xff, 0xe0], Some("image/jpg")), Ok(MediaType::Jpeg));
        for other in [&b"%PDF-1.7"[..], b"<html>", b"GIF89a", b"RIFF....WAVE", b"MZ", b"", b"\0\0\0\x18ftypheic"] {
            assert_eq!(check_head(other, Some("image/jpeg")).unwrap_err().code, Code::FileTypeRefused, "{other:?}");
        }
    }

    #[test]
    fn claims_of_more_pixels_than_anybody_can_hold_are_refused_at_the_limit() {
        assert_eq!(check_pixels(SIDE_PX_MAX, 12_000), Ok(()));
        assert_eq!(check_pixels(SIDE_PX_MAX + 1, 1), Err(Fault::TooManyPixels(SIDE_PX_MAX + 1, 1)));
        assert_eq!(check_pixels(SIDE_PX_MAX, SIDE_PX_MAX), Err(Fault::TooManyPixels(SIDE_PX_MAX, SIDE_PX_MAX)));
        assert!(check_pixels(0, 5).is_err());
    }
}
