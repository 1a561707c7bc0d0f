//! `trucban import rain`: a grid of rain, into the folder or through the server that holds it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use sha2::{Digest, Sha256};
use trucban::desk::{Ask, Clock, Desk, GridIn, GridOutcome, SystemClock};
use trucban::domain::rain_grid::{GridKind, GridOf};
use trucban::domain::{Actor, Timestamp};
use trucban::files::seed;
use trucban::http::{BODY_BYTES_MAX, RainGridAnswer};
use trucban::picture;
use trucban::raster::geotiff::band;
use trucban::raster::rain::{CELLS_READ_MAX, unread};
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::postgis::{Database, PgStore};
use trucban::store::{Store, StoreError};

use super::import::server_behind;
use super::{blocking, finish, import_over_http, store_told, told};

/// Takes a grid of rain: a GeoTIFF in degrees (EPSG:4326), millimetres, for one interval of at most a day.
#[derive(Args, Clone, Debug)]
pub struct ImportRainArgs {
    /// The grid
    pub(super) file: PathBuf,
    /// observed: it fell; forecast: it is to fall
    #[arg(long, value_parser = kind)]
    pub(super) kind: GridKind,
    /// Who made it, always by the same name
    #[arg(long, value_name = "TEXT")]
    pub(super) source: String,
    /// Start of the interval: RFC 3339, or local as "2025-06-07 13:00"
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) starts_at: Timestamp,
    /// End of the interval
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) ends_at: Timestamp,
    /// When a forecast was issued
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) issued_at: Option<Timestamp>,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
    /// The database that holds the records, instead of the folder's own file
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
    /// Token for the server that holds the folder; in a demo folder its administrator's if not given
    #[arg(long, env = "TRUCBAN_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
}

fn kind(word: &str) -> Result<GridKind, String> {
    GridKind::from_word(word).ok_or_else(|| format!("not one of {}", GridKind::WORDS.join(", ")))
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_typed(text).map_err(|error| error.to_string())
}

/// 0 if the grid is in, or was already; 2 if it was refused, or the folder or its server could not be used.
pub(super) fn import_rain(args: &ImportRainArgs) -> ExitCode {
    finish(blocking(async {
        let bytes = read(args)?;
        let outcome = if let Some(database) = &args.database {
            into_store(args, &bytes, PgStore::open(database.clone(), None, "").await.map_err(store_told)?).await?
        } else {
            match GpkgStore::open(&args.data, &OpenOptions { address: "trucban import rain".to_owned() }) {
                Ok(store) => into_store(args, &bytes, store).await?,
                Err(StoreError::Refused(problem)) => match server_behind(&problem) {
                    Some(address) => over_http(args, bytes, &address).await?,
                    None => return Err(told(problem)),
                },
                Err(error) => return Err(store_told(error)),
            }
        };
        let (vi, en) = match outcome {
            GridOutcome::Accepted => ("đã nhập", "taken"),
            GridOutcome::Repeated => ("đã có, không đổi", "known already, unchanged"),
            GridOutcome::Corrected => ("đã thay lưới cũ", "took the place of the earlier one"),
        };
        writeln!(io::stdout(), "{}: {vi} / {en}", args.file.display())?;
        Ok(ExitCode::SUCCESS)
    }))
}

fn read(args: &ImportRainArgs) -> anyhow::Result<Vec<u8>> {
    let name = || args.file.display().to_string();
    let length = std::fs::metadata(&args.file).with_context(name)?.len();
    if length > BODY_BYTES_MAX as u64 {
        let mib = BODY_BYTES_MAX >> 20;
        bail!("body_too_large ({})\n  tệp lớn hơn {mib} MiB\n  the file is larger than {mib} MiB", name());
    }
    std::fs::read(&args.file).with_context(name)
}

fn of(args: &ImportRainArgs) -> GridOf {
    let ImportRainArgs { kind, source, starts_at, ends_at, issued_at, .. } = args.clone();
    GridOf { kind, source, starts_at, ends_at, issued_at }
}

fn file_name(args: &ImportRainArgs) -> Option<String> {
    args.file.file_name().map(|name| name.to_string_lossy().into_owned())
}

async fn into_store(args: &ImportRainArgs, bytes: &[u8], store: Arc<dyn Store>) -> anyhow::Result<GridOutcome> {
    let done = async {
        // A new folder gets the reference ground, as `serve` would give it: by it the grid is cut.
        seed::ground(&store, SystemClock.now()).await.map_err(told)?;
        let band = band(io::Cursor::new(bytes), CELLS_READ_MAX).map_err(|fault| told(unread(&fault)))?;
        let file_hash = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let picture = picture::start(Arc::clone(&store)).await.map_err(store_told)?;
        let desk = Desk::new(Arc::clone(&store), picture, Arc::new(SystemClock));
        let ask = Ask::by(Actor { name: "import".to_owned(), ..Actor::system() });
        let grid = GridIn { of: of(args), file_name: file_name(args), file_hash, band };
        desk.take_rain_grid(&ask, grid).await.map(|(outcome, _)| outcome).map_err(told)
    };
    let done = done.await;
    store.close().await;
    done
}

async fn over_http(args: &ImportRainArgs, bytes: Vec<u8>, address: &str) -> anyhow::Result<GridOutcome> {
    let mut parameters = vec![
        ("kind", args.kind.as_str().to_owned()),
        ("source", args.source.clone()),
        ("starts_at", args.starts_at.to_string()),
        ("ends_at", args.ends_at.to_string()),
    ];
    parameters.extend(args.issued_at.map(|at| ("issued_at", at.to_string())));
    parameters.extend(file_name(args).map(|name| ("name", name)));
    let call = import_over_http::Call { data: &args.data, token: args.token.clone(), address };
    let answer: RainGridAnswer = call.post("/api/rain_grids", &parameters, "image/tiff", bytes).await?;
    match answer.outcome.as_str() {
        "accepted" => Ok(GridOutcome::Accepted),
        "repeated" => Ok(GridOutcome::Repeated),
        "corrected" => Ok(GridOutcome::Corrected),
        other => bail!("the server's answer cannot be read: {other}"),
    }
}
