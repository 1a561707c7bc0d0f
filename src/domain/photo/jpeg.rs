//! JPEG (ITU T.81): segments, each with its marker.

use super::{Fault, Said, Stripped, check_pixels, exif};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

/// Segments that are kept of one picture, at most: a progressive one with restarts has some hundred.
const SEGMENTS_MAX: usize = 10_000;

/// Keeps what the picture needs: frames, tables, scans, colours. Goes: EXIF, XMP, IPTC, comments, thumbnails, makers'
/// segments, and whatever follows the end (further pictures, films, each with an EXIF of its own).
pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, Fault> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut said: Option<Said> = None;
    let mut size: Option<(u32, u32)> = None;
    let mut has_scan = false;
    let mut rest = Rest { bytes, at: 2 };
    let mut segments: Vec<(u8, &[u8])> = Vec::new();
    loop {
        let marker = rest.marker()?;
        if marker == EOI {
            break;
        }
        if segments.len() >= SEGMENTS_MAX {
            return Err(Fault::Kind("too many segments"));
        }
        let body = rest.segment()?;
        match marker {
            0xc0..=0xc2 if size.is_some() => return Err(Fault::Kind("several frames")),
            0xc0..=0xc2 => {
                size = Some(frame_size(body)?);
                segments.push((marker, body));
            }
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Fault::Kind("lossless or arithmetic")),
            // DHT, DQT, DRI.
            0xc4 | 0xdb | 0xdd => segments.push((marker, body)),
            SOS => {
                if size.is_none() {
                    return Err(Fault::Broken("a scan before its frame"));
                }
                has_scan = true;
                segments.push((marker, body));
                segments.push((0, rest.entropy()?));
            }
            APP0 if body.starts_with(b"JFIF\0") && body.len() >= 14 => segments.push((marker, body)),
            APP1 if body.starts_with(b"Exif\0\0") && said.is_none() => said = Some(exif::read(&body[6..])),
            APP2 if body.starts_with(b"ICC_PROFILE\0") => segments.push((marker, body)),
            // How the colours are made; nothing else fits into it.
            APP14 if body.starts_with(b"Adobe") && body.len() == 12 => segments.push((marker, body)),
            0x02..=0xbf | SOI => return Err(Fault::Broken("no marker of a JPEG")),
            _ => {}
        }
    }
    let (Some((width, height)), true) = (size, has_scan) else { return Err(Fault::Broken("no picture")) };
    check_pixels(width, height)?;
    let said = said.unwrap_or_default();
    kept.extend([0xff, SOI]);
    let turned = exif::turned(&said).map(|tiff| [&b"Exif\0\0"[..], &tiff].concat());
    let mut turned = turned.as_deref();
    for (marker, body) in segments {
        if marker == APP0 {
            // JFIF without the thumbnail that it may hold.
            put(&mut kept, marker, &[&body[..12], &[0, 0]].concat());
            continue;
        }
        if let Some(turned) = turned.take() {
            put(&mut kept, APP1, turned);
        }
        if marker == 0 {
            kept.extend(body);
        } else {
            put(&mut kept, marker, body);
        }
    }
    kept.extend([0xff, EOI]);
    Ok(Stripped { width, height, bytes: kept, said })
}

fn put(kept: &mut Vec<u8>, marker: u8, body: &[u8]) {
    // As long as it was read: two bytes hold it.
    let length = (body.len() + 2) as u16;
    kept.extend([0xff, marker]);
    kept.extend(length.to_be_bytes());
    kept.extend(body);
}

/// Width and height of a frame header.
fn frame_size(body: &[u8]) -> Result<(u32, u32), Fault> {
    let Some([_, h1, h0, w1, w0]) = body.first_chunk::<5>() else { return Err(Fault::Broken("a frame cut short")) };
    Ok((u16::from_be_bytes([*w1, *w0]).into(), u16::from_be_bytes([*h1, *h0]).into()))
}

/// What is still to be read.
struct Rest<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Rest<'b> {
    /// The next marker; it may be preceded by fill bytes.
    fn marker(&mut self) -> Result<u8, Fault> {
        let mut next = || {
            let byte = self.bytes.get(self.at).copied();
            self.at += 1;
            byte.ok_or(Fault::Broken("it ends too early"))
        };
        if next()? != 0xff {
            return Err(Fault::Broken("no marker where one must be"));
        }
        loop {
            match next()? {
                0xff => {}
                0 | 1 | 0xd0..=0xd7 => return Err(Fault::Broken("a marker out of place")),
                marker => return Ok(marker),
            }
        }
    }

    /// The body of a segment.
    fn segment(&mut self) -> Result<&'b [u8], Fault> {
        let short = Fault::Broken("it ends too early");
        let rest = self.bytes.get(self.at..).ok_or(short)?;
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk().ok_or(short)?));
        let body = rest.get(2..length).ok_or(short)?;
        self.at += length;
        Ok(body)
    }

    /// The coded data of a scan, up to the next marker.
    fn entropy(&mut self) -> Result<&'b [u8], Fault> {
        let from = self.at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let found = rest.iter().position(|byte| *byte == 0xff).ok_or(Fault::Broken("it ends too early"))?;
            match rest.get(found + 1) {
                // A stuffed byte, or a mark to start again at.
                Some(0 | 0xd0..=0xd7) => self.at += found + 2,
                Some(0xff) => self.at += found + 1,
                Some(_) => {
                    self.at += found;
                    return Ok(&self.bytes[from..self.at]);
                }
                None => return Err(Fault::Broken("it ends too early")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey pixel: frame, one table each, scan.
    fn tiny(extra: &[u8]) -> Vec<u8> {
        let mut jpeg = vec![0xff, SOI];
        jpeg.extend(extra);
        let mut table = vec![0];
        table.extend([16; 64]);
        put(&mut jpeg, 0xdb, &table);
        put(&mut jpeg, 0xc0, &[8, 0, 1, 0, 1, 1, 1, 0x11, 0]);
        put(&mut jpeg, 0xc4, &[&[0, 1][..], &[0; 15], &[0]].concat());
        put(&mut jpeg, SOS, &[1, 1, 0, 0, 63, 0]);
        jpeg.extend([0x3f, 0xff, 0x00, 0x12, 0xff, 0xd0, 0x01]);
        jpeg.extend([0xff, EOI]);
        jpeg
    }

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, marker, body);
        bytes
    }

    #[test]
    fn a_plain_photo_stays_byte_for_byte() {
        let plain = tiny(&[]);
        let stripped = strip(&plain).unwrap();
        assert_eq!((stripped.width, stripped.height), (1, 1));
        assert_eq!(stripped.bytes, plain);
    }

    #[test]
    fn words_go_and_colours_and_turn_stay() {
        let tiff = exif::turned(&Said { orientation: 6, ..Said::default() }).unwrap();
        let secret = b"SECRET";
        let jfif = [&b"JFIF\0\x01\x02\0\0\x48\0\x48\x01\x01"[..], b"\x09\x09\x09"].concat();
        let icc = [&b"ICC_PROFILE\0\x01\x01"[..], b"colours"].concat();
        let extra = [
            segment(APP0, &jfif),
            segment(APP1, &[b"Exif\0\0", &tiff[..], secret].concat()),
            segment(APP1, &[b"http://ns.adobe.com/xap/1.0/\0", &secret[..]].concat()),
            segment(APP2, &icc),
            segment(APP2, &[b"MPF\0", &secret[..]].concat()),
            segment(0xed, &[b"Photoshop 3.0\0", &secret[..]].concat()),
            segment(APP14, &[b"Adobe", &[0; 7][..]].concat()),
            segment(APP14, &[b"Adobe", &secret[..], &secret[..]].concat()),
            segment(0xfe, secret),
        ];
        let mut photo = tiny(&extra.concat());
        photo.extend(secret);
        let stripped = strip(&photo).unwrap();
        let found = |needle: &[u8]| stripped.bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!found(secret) && !found(b"\x09\x09\x09") && !found(b"http") && !found(b"MPF"));
        assert!(found(&icc) && found(b"JFIF") && found(b"Adobe\0\0\0\0\0\0\0"));
        let again = strip(&stripped.bytes).unwrap();
        assert_eq!(again.bytes, stripped.bytes, "nothing more to take away");
        assert_eq!(again.said, Said { orientation: 6, ..Said::default() });
    }

    #[test]
    fn a_photo_cut_off_anywhere_is_refused() {
        let whole = tiny(&segment(0xfe, b"words"));
        for length in 2..whole.len() {
            assert!(matches!(strip(&whole[..length]), Err(Fault::Broken(_))), "{length}");
        }
        assert!(strip(&whole).is_ok());
    }

    #[test]
    fn several_frames_and_kinds_that_nothing_shows_are_refused() {
        let second = segment(0xc0, &[8, 0x40, 0, 0x40, 0, 1, 1, 0x11, 0]);
        assert_eq!(strip(&tiny(&second)), Err(Fault::Kind("several frames")));
        assert!(matches!(strip(&tiny(&segment(0xc3, &[8, 0, 1, 0, 1, 0]))), Err(Fault::Kind(_))));
        let wide = strip(&[&[0xff, SOI][..], &segment(0xc0, &[8, 0xff, 0xff, 0xff, 0xff, 0])].concat());
        assert_eq!(wide, Err(Fault::Broken("it ends too early")));
    }
}
