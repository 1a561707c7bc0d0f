//! The graph as one file: a head, then the arrays of [`Graph`] as they lie in memory, little-endian.
//!
//! The file is read into memory rather than mapped: nothing in this program is `unsafe`, a mapped file that somebody
//! cuts short kills the process at the next read, and the checksum reads all of it anyway. Reading costs what the disk
//! gives; every array lands in its place at once, nothing is parsed.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `TBROADS\0` |
//! | 4 | version |
//! | 4 | junctions |
//! | 13 × 8 | number of elements of each section |
//! | … | the sections, in the order of [`sections`] |
//! | 32 | SHA-256 of all that stands before |

use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};
use sha2::{Digest, Sha256};

use super::graph::{CLOSED, Graph};
use super::profile::{Class, Surface};
use crate::domain::{Code, Problem};

/// Name of the graph in the folder of the data.
pub const GRAPH_FILE: &str = "roads.graph";

const MAGIC: [u8; 8] = *b"TBROADS\0";
/// Raised with every change of the arrays; a file of another version is imported anew.
pub const VERSION: u32 = 1;
const SECTIONS: usize = 13;
const CHECKSUM_BYTES: u64 = 32;

#[cfg(target_endian = "big")]
compile_error!("graph files are the memory of little-endian machines");

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    magic: [u8; 8],
    version: u32,
    junctions: u32,
    counts: [u64; SECTIONS],
}

/// The identity of a graph: the checksum of its file, hex.
pub type GraphId = String;

/// Calls `$each` with every section of the graph in the order of the file.
macro_rules! sections {
    ($graph:expr, $each:ident) => {
        $each!(
            $graph.nodes,
            $graph.first_out,
            $graph.arcs,
            $graph.first_into,
            $graph.into,
            $graph.segments,
            $graph.first_along,
            $graph.along,
            $graph.first_point,
            $graph.points,
            $graph.first_name,
            $graph.names,
            $graph.attribution
        )
    };
}

/// Writes the graph beside its place and then puts it there, so that nobody ever sees half of one.
pub fn write(graph: &Graph, path: &Path) -> Result<GraphId, Problem> {
    // Two imports at once write two files; the last to be whole stays.
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let written = write_whole(graph, &beside).and_then(|id| {
        fs::rename(&beside, path)?;
        Ok(id)
    });
    written.map_err(|error| {
        // What is left of the attempt is of no use to anybody; the error that matters is the first one.
        let _ = fs::remove_file(&beside);
        let (vi, en) = match error.kind() {
            std::io::ErrorKind::StorageFull => ("hết chỗ trên đĩa".to_owned(), "the disk is full".to_owned()),
            _ => (error.to_string(), error.to_string()),
        };
        Problem::new(
            if error.kind() == std::io::ErrorKind::StorageFull { Code::DiskFull } else { Code::StoreUnavailable },
            format!("Không ghi được mạng đường {}: {vi}. Mạng đường cũ vẫn còn.", path.display()),
            format!("Failed to write the road graph {}: {en}. The old graph is still there.", path.display()),
        )
    })
}

/// The identity that the file of a graph would have.
#[must_use]
pub fn identity(graph: &Graph) -> GraphId {
    let mut nowhere = Hashing { inner: std::io::sink(), hash: Sha256::new() };
    put(graph, &mut nowhere).expect("a sink takes everything");
    hex(&nowhere.hash.finalize())
}

fn write_whole(graph: &Graph, path: &Path) -> std::io::Result<GraphId> {
    let mut out = Hashing { inner: BufWriter::with_capacity(1 << 20, fs::File::create(path)?), hash: Sha256::new() };
    put(graph, &mut out)?;
    let checksum = out.hash.finalize();
    out.inner.write_all(&checksum)?;
    let file = out.inner.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(hex(&checksum))
}

/// Puts down all that stands before the checksum.
fn put(graph: &Graph, out: &mut impl Write) -> std::io::Result<()> {
    let mut counts = [0_u64; SECTIONS];
    macro_rules! count {
        ($($section:expr),*) => {
            for (count, length) in counts.iter_mut().zip([$($section.len()),*]) {
                *count = length as u64;
            }
        };
    }
    sections!(graph, count);
    let head = Head { magic: MAGIC, version: VERSION, junctions: graph.junctions, counts };
    out.write_all(bytemuck::bytes_of(&head))?;
    macro_rules! put {
        ($($section:expr),*) => { $(out.write_all(cast_slice(&$section))?;)* };
    }
    sections!(graph, put);
    Ok(())
}

/// Reads a graph and checks all of it: whoever searches it need not look again.
pub fn read(path: &Path) -> Result<(Graph, GraphId), Problem> {
    let broken = |vi: &str, en: &str| {
        Problem::new(
            Code::InvalidEncoding,
            format!("Tệp mạng đường {} không dùng được: {vi}. Nhập lại mạng đường.", path.display()),
            format!("The road graph {} cannot be used: {en}. Import the roads again.", path.display()),
        )
    };
    let cut = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => broken("tệp bị cụt", "the file is cut short"),
        _ => broken(&error.to_string(), &error.to_string()),
    };
    let file = fs::File::open(path).map_err(cut)?;
    let length = file.metadata().map_err(cut)?.len();
    let mut input = Hashing { inner: file, hash: Sha256::new() };

    let mut head = Head::zeroed();
    input.read_exact(bytemuck::bytes_of_mut(&mut head)).map_err(cut)?;
    if head.magic != MAGIC {
        return Err(broken("không phải tệp mạng đường", "it is not a road graph"));
    }
    if head.version != VERSION {
        return Err(broken(
            &format!("phiên bản {} thay vì {VERSION}", head.version),
            &format!("it has version {} instead of {VERSION}", head.version),
        ));
    }
    let mut graph = Graph { junctions: head.junctions, ..Graph::default() };
    // A count is believed only as far as the file is long, so that a broken one cannot ask for memory.
    let mut left = length.saturating_sub(size_of::<Head>() as u64 + CHECKSUM_BYTES);
    let mut counts = head.counts.into_iter();
    macro_rules! get {
        ($($section:expr),*) => { $(
            let count = counts.next().unwrap_or_default();
            read_section(&mut input, &mut $section, count, &mut left).map_err(cut)?;
        )* };
    }
    sections!(graph, get);
    let computed = input.hash.finalize();
    let mut stored = [0_u8; CHECKSUM_BYTES as usize];
    input.inner.read_exact(&mut stored).map_err(cut)?;
    if left != 0 || computed[..] != stored {
        return Err(broken("nội dung không khớp mã kiểm tra", "its content does not match its checksum"));
    }
    if !is_consistent(&graph) {
        return Err(broken("các bảng không khớp nhau", "its tables contradict each other"));
    }
    Ok((graph, hex(&stored)))
}

fn read_section<T: Pod>(input: &mut impl Read, into: &mut Vec<T>, count: u64, left: &mut u64) -> std::io::Result<()> {
    let bytes = count.checked_mul(size_of::<T>() as u64).filter(|bytes| bytes <= left);
    let Some(bytes) = bytes else { return Err(std::io::ErrorKind::UnexpectedEof.into()) };
    *left -= bytes;
    *into = vec![T::zeroed(); count as usize];
    input.read_exact(cast_slice_mut(into))
}

/// Whether every number points at something: what the search takes for granted.
fn is_consistent(graph: &Graph) -> bool {
    let index = |first: &[u32], items: usize, of: usize| {
        first.len() == items + 1
            && first[0] == 0
            && first[items] as usize == of
            && first.windows(2).all(|pair| pair[0] <= pair[1])
    };
    let (nodes, arcs, segments) = (graph.nodes.len(), graph.arcs.len(), graph.segments.len());
    let names = graph.first_name.len().saturating_sub(1);
    graph.junctions as usize <= nodes
        && names >= 1
        && index(&graph.first_out, nodes, arcs)
        && index(&graph.first_into, nodes, graph.into.len())
        && index(&graph.first_along, segments, graph.along.len())
        && index(&graph.first_point, segments, graph.points.len())
        && index(&graph.first_name, names, graph.names.len())
        && graph.into.len() == arcs
        && graph.along.len() == arcs
        && graph.into.iter().chain(&graph.along).all(|arc| (*arc as usize) < arcs)
        && graph.first_point.windows(2).all(|pair| pair[1] - pair[0] >= 2)
        && graph.arcs.iter().all(|arc| {
            (arc.tail as usize) < nodes
                && (arc.head as usize) < nodes
                && arc.segment() < segments
                && arc.time_ms.iter().all(|ms| *ms == CLOSED || *ms <= super::graph::ARC_MS_MAX)
        })
        && graph.segments.iter().all(|segment| {
            Class::from_number(segment.class).is_some()
                && Surface::from_number(segment.surface).is_some()
                && (segment.name as usize) < names
                && segment.length_m.is_finite()
        })
        && std::str::from_utf8(&graph.attribution).is_ok()
        && (0..names).all(|n| {
            let text = &graph.names[graph.first_name[n] as usize..graph.first_name[n + 1] as usize];
            std::str::from_utf8(text).is_ok()
        })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hashes what passes.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}
