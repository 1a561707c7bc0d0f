//! Tiles of the shipped ground and the demo, zoom by zoom, first asked for (uncached) and asked for again.

use std::time::Instant;

use crate::load::{self, Connection};
use crate::process::Process;
use crate::report::Report;
use crate::world::{self, Folder};

/// Different tiles asked for at each zoom.
const TILES: u64 = 150;

fn tile_of(zoom: u32, n: u64) -> (u64, u64) {
    let (lon, lat) = world::centre(n);
    let size = f64::from(1_u32 << zoom);
    let x = (lon + 180.0) / 360.0 * size;
    let y = (1.0 - lat.to_radians().tan().asinh() / std::f64::consts::PI) / 2.0 * size;
    (x as u64, y as u64)
}

/// Milliseconds for each tile of `collection` at `zoom`, and the mean bytes.
async fn asked(connection: &mut Connection, collection: &str, zoom: u32) -> (Vec<f64>, usize) {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for n in 0..TILES {
        let (x, y) = tile_of(zoom, n);
        let begin = Instant::now();
        let (status, length) =
            connection.exchange(&load::get(&format!("/tiles/{collection}/{zoom}/{x}/{y}"))).await.expect("a tile");
        assert!(matches!(status, 200 | 204), "a tile answers {status}");
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        bytes += length;
    }
    times.sort_by(f64::total_cmp);
    (times, bytes / TILES as usize)
}

/// Measures tiles of households (100,000 points) and communes at zooms 6–14.
pub fn measure(report: &mut Report) {
    let folder = Folder::new("tiles");
    world::fill(&folder.path, 100_000);
    let server = Process::server(&folder.path);
    load::one_thread().block_on(async {
        let mut connection = Connection::open(server.addr).await.expect("a connection");
        for zoom in [6, 8, 10, 12, 14] {
            let (first, bytes) = asked(&mut connection, "households", zoom).await;
            let (again, _) = asked(&mut connection, "households", zoom).await;
            let middle = |times: &[f64]| times[times.len() / 2];
            let worst = |times: &[f64]| times[times.len() * 99 / 100];
            report.compared(
                &format!("tile z{zoom}, 10⁵ points"),
                &format!("p50 {:.2} ms, p99 {:.2} ms, {bytes} B", middle(&first), worst(&first)),
                &format!("cached p50 {:.2} ms", middle(&again)),
                middle(&first) / middle(&again),
                "",
            );
        }
    });
}
