//! PNG (W3C): chunks, each with its name and a sum.

use flate2::Crc;

use super::{Fault, Said, Stripped, check_pixels, exif};

const SIGNATURE: usize = 8;
/// Chunks that the picture and its colours need. `acTL` and its like are not among them: of a film the first picture stays.
const KEPT: [&[u8; 4]; 13] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP", b"pHYs", b"bKGD",
];

/// Keeps [`KEPT`]; texts, times, EXIF and whatever follows the end go.
pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, Fault> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(&bytes[..SIGNATURE]);
    let (mut size, mut said, mut has_data) = (None, Said::default(), false);
    let mut turn_at = None;
    let mut at = SIGNATURE;
    loop {
        let chunk = Chunk::at(bytes, at)?;
        at += chunk.whole.len();
        match (chunk.name, size) {
            (b"IHDR", None) => {
                let Some([w3, w2, w1, w0, h3, h2, h1, h0, ..]) = chunk.body.first_chunk::<13>() else {
                    return Err(Fault::Broken("a header cut short"));
                };
                let (width, height) =
                    (u32::from_be_bytes([*w3, *w2, *w1, *w0]), u32::from_be_bytes([*h3, *h2, *h1, *h0]));
                check_pixels(width, height)?;
                size = Some((width, height));
            }
            (b"IHDR", Some(_)) => return Err(Fault::Broken("a second header")),
            (_, None) => return Err(Fault::Broken("no header first")),
            (b"eXIf", _) => said = exif::read(chunk.body),
            (b"IDAT", _) => has_data = true,
            _ => {}
        }
        let is_end = chunk.name == b"IEND";
        if (chunk.name == b"IDAT" || is_end) && turn_at.is_none() {
            turn_at = Some(kept.len());
        }
        if KEPT.contains(&chunk.name) {
            chunk.check_sum()?;
            kept.extend(chunk.whole);
        }
        if is_end {
            break;
        }
    }
    let (Some((width, height)), true) = (size, has_data) else { return Err(Fault::Broken("no picture")) };
    if let (Some(tiff), Some(at)) = (exif::turned(&said), turn_at) {
        kept.splice(at..at, written(b"eXIf", &tiff));
    }
    Ok(Stripped { width, height, bytes: kept, said })
}

struct Chunk<'b> {
    name: &'b [u8; 4],
    body: &'b [u8],
    whole: &'b [u8],
}

impl<'b> Chunk<'b> {
    fn at(bytes: &'b [u8], at: usize) -> Result<Self, Fault> {
        let short = Fault::Broken("it ends too early");
        let rest = bytes.get(at..).ok_or(short)?;
        let length = u32::from_be_bytes(*rest.first_chunk().ok_or(short)?) as usize;
        let name = rest.get(4..8).and_then(|name| name.try_into().ok()).ok_or(short)?;
        let end = length.checked_add(12).ok_or(short)?;
        let whole = rest.get(..end).ok_or(short)?;
        Ok(Self { name, body: &whole[8..end - 4], whole })
    }

    fn check_sum(&self) -> Result<(), Fault> {
        let told = &self.whole[self.whole.len() - 4..];
        let is_whole = sum(self.name, self.body).to_be_bytes() == told;
        if is_whole { Ok(()) } else { Err(Fault::Broken("a sum does not fit")) }
    }
}

fn sum(name: &[u8], body: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(body);
    crc.sum()
}

fn written(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    // As long as it was read: four bytes hold it.
    let length = (body.len() as u32).to_be_bytes();
    [&length[..], name, body, &sum(name, body).to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        chunks.iter().for_each(|(name, body)| bytes.extend(written(name, body)));
        bytes
    }

    const HEADER: &[u8] = &[0, 0, 0, 2, 0, 0, 0, 3, 8, 0, 0, 0, 0];

    #[test]
    fn texts_times_and_exif_go_and_the_turn_stays() {
        let tiff = exif::turned(&Said { orientation: 3, ..Said::default() }).unwrap();
        let secret = &b"SECRET"[..];
        let mut photo = png(&[
            (b"IHDR", HEADER),
            (b"iCCP", b"colours"),
            (b"tEXt", secret),
            (b"iTXt", secret),
            (b"zTXt", secret),
            (b"tIME", secret),
            (b"eXIf", &[&tiff[..], secret].concat()),
            (b"acTL", secret),
            (b"IDAT", b"pixels"),
            (b"prIV", secret),
            (b"IEND", b""),
        ]);
        photo.extend(secret);
        let stripped = strip(&photo).unwrap();
        assert_eq!((stripped.width, stripped.height), (2, 3));
        let wanted =
            png(&[(b"IHDR", HEADER), (b"iCCP", b"colours"), (b"eXIf", &tiff), (b"IDAT", b"pixels"), (b"IEND", b"")]);
        assert_eq!(stripped.bytes, wanted);
        assert_eq!(strip(&wanted).unwrap().bytes, wanted);
    }

    #[test]
    fn a_photo_cut_off_or_altered_anywhere_is_refused() {
        let whole = png(&[(b"IHDR", HEADER), (b"IDAT", b"pixels"), (b"IEND", b"")]);
        for length in SIGNATURE..whole.len() {
            assert!(matches!(strip(&whole[..length]), Err(Fault::Broken(_))), "{length}");
        }
        for at in SIGNATURE..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 0x20;
            assert!(strip(&altered).is_err(), "{at}");
        }
    }

    #[test]
    fn a_bomb_is_refused_by_what_it_claims() {
        let bomb = png(&[(b"IHDR", &[0, 1, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0, 0]), (b"IDAT", b"x"), (b"IEND", b"")]);
        assert_eq!(strip(&bomb), Err(Fault::TooManyPixels(65_536, 65_536)));
        assert!(matches!(strip(&png(&[(b"IDAT", b"x"), (b"IHDR", HEADER)])), Err(Fault::Broken(_))));
    }
}
