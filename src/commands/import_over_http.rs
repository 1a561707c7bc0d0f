//! An import through the server that holds the folder: sends the file, waits, fetches the report.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use futures_util::{StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use reqwest::{Body, Certificate, Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;
use trucban::http::{AUTHORITY_FILE, DEMO_TOKENS_FILE, IMPORT_BYTES_MAX, ImportAnswer};

use super::import::{ImportArgs, progress_bar, wait_visibly};

/// How long a server that is loading its data is waited for.
const READY_WAIT: Duration = Duration::from_secs(60);
/// Longest that a whole import may take.
const ANSWER_WAIT: Duration = Duration::from_secs(2 * 60 * 60);
/// Bytes of the file sent at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// The demo's actor that administers this machine.
const DEMO_ADMIN: &str = "admin";

/// Imports through the server at `address` (`http://127.0.0.1:8080`).
pub(super) async fn send(args: &ImportArgs, address: &str) -> anyhow::Result<ImportAnswer> {
    let client = client_for(address, &args.data)?;
    let server = Server { client, address, token: args.token.clone().or_else(|| demo_token(&args.data)) };
    server.ready().await.with_context(|| format!("{} is in use by {address}", args.data.display()))?;
    let bar = progress_bar("{msg} {wide_bar} {bytes}/{total_bytes} · {eta}");
    let sent = server.import(args, &bar).await;
    bar.finish_and_clear();
    let answer: ImportAnswer = answered(sent?).await?.json().await.context("the server's answer cannot be read")?;
    if let (Some(to), Some(path)) = (&args.report, &answer.report) {
        server.fetch(path, to).await?;
    }
    Ok(answer)
}

/// A call of the server that holds a folder.
pub(super) struct Call<'a> {
    pub data: &'a Path,
    pub token: Option<String>,
    /// As `http://127.0.0.1:8080`.
    pub address: &'a str,
}

impl Call<'_> {
    /// Posts a small file and reads the answer.
    ///
    /// # Errors
    /// The problem of the server in words, or that it did not answer.
    pub async fn post<T: serde::de::DeserializeOwned>(
        self,
        path: &str,
        parameters: &[(&str, String)],
        media_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<T> {
        let Self { data, token, address } = self;
        let server = Server { client: client_for(address, data)?, address, token: token.or_else(|| demo_token(data)) };
        server.ready().await.with_context(|| format!("{} is in use by {address}", data.display()))?;
        let url = Url::parse_with_params(&format!("{address}{path}"), parameters)?;
        let request = server.client.post(url).header("content-type", media_type).body(bytes);
        let answer = server.signed(request).send().await.context("the server did not answer")?;
        answered(answer).await?.json().await.context("the server's answer cannot be read")
    }
}

/// A client that believes the authority of the folder, where it has one, besides those of the machine.
fn client_for(address: &str, data: &Path) -> anyhow::Result<Client> {
    // A proxy set for the internet knows nothing of this machine's loopback.
    let client = Client::builder().no_proxy().timeout(ANSWER_WAIT);
    let client = if address.starts_with("http://") {
        // A machine may have no authorities at all.
        client.tls_certs_only([])
    } else {
        match std::fs::read(data.join(AUTHORITY_FILE)) {
            Ok(pem) => client.tls_certs_merge([Certificate::from_pem(&pem)?]),
            Err(_) => client,
        }
    };
    Ok(client.build()?)
}

struct Server<'a> {
    client: Client,
    address: &'a str,
    token: Option<String>,
}

impl Server<'_> {
    /// Waits until the server has loaded its data.
    async fn ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let answer = self.client.get(format!("{}/health/ready", self.address)).send().await?;
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE || started.elapsed() > READY_WAIT {
                return answered(answer).await.map(|_| ());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn import(&self, args: &ImportArgs, bar: &ProgressBar) -> anyhow::Result<Response> {
        let opened = async {
            let file = tokio::fs::File::open(&args.file).await?;
            let about = file.metadata().await?;
            if about.is_dir() {
                return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
            }
            Ok((file, about.len()))
        };
        let (file, bytes) = opened.await.map_err(|error| {
            anyhow!(
                "not_found ({})\n  không mở được tệp: {error}\n  the file cannot be opened: {error}",
                args.file.display()
            )
        })?;
        if bytes > IMPORT_BYTES_MAX {
            bail!(
                "body_too_large ({})\n  tệp lớn hơn {mib} MiB\n  the file is larger than {mib} MiB",
                args.file.display(),
                mib = IMPORT_BYTES_MAX >> 20
            );
        }
        bar.set_length(bytes);
        bar.set_message("gửi / sending");
        let sending = bar.clone();
        let chunks = ReaderStream::with_capacity(file, CHUNK_BYTES).inspect_ok(move |chunk| {
            sending.inc(chunk.len() as u64);
            if sending.position() >= bytes {
                wait_visibly(&sending, "máy chủ đang nhập / the server is importing".to_owned());
            }
        });
        let url = Url::parse_with_params(&format!("{}/api/imports", self.address), parameters(args))?;
        let request = self.client.post(url).header("content-type", "application/octet-stream");
        let request = request.header("content-length", bytes).body(Body::wrap_stream(chunks));
        self.signed(request).send().await.context("the server did not answer")
    }

    /// Fetches `path` into the file `to`.
    async fn fetch(&self, path: &str, to: &Path) -> anyhow::Result<()> {
        let answer = self.signed(self.client.get(format!("{}{path}", self.address))).send().await?;
        let mut chunks = answered(answer).await?.bytes_stream();
        let unwritable = || format!("the report {} cannot be written", to.display());
        let mut file = tokio::fs::File::create(to).await.with_context(unwritable)?;
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk?).await.with_context(unwritable)?;
        }
        file.flush().await.with_context(unwritable)
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

fn parameters(args: &ImportArgs) -> Vec<(&'static str, String)> {
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut parameters = vec![("collection", args.collection.to_string()), ("name", name)];
    parameters.extend(args.crs.clone().map(|crs| ("crs", crs)));
    parameters.extend(args.layer.clone().map(|layer| ("layer", layer)));
    parameters.extend(args.rules.iter().map(|rule| ("map", rule.to_string())));
    let flags = [("dry_run", args.dry_run), ("strict", args.strict), ("skip_bad", args.skip_bad)];
    parameters.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name, "true".to_owned())));
    parameters
}

/// The administrator's token of a demo folder; whoever can read the folder is one. A real folder has none: its server
/// asks for a token of an account (`trucban user token`), or takes loopback for the administrator (`--no-accounts`).
fn demo_token(data: &Path) -> Option<String> {
    let tokens: Value = serde_json::from_slice(&std::fs::read(data.join(DEMO_TOKENS_FILE)).ok()?).ok()?;
    tokens[DEMO_ADMIN].as_str().map(str::to_owned)
}

/// The answer if it is none of a problem; else the problem as every command tells one.
async fn answered(answer: Response) -> anyhow::Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let problem: Value = answer.json().await.unwrap_or_default();
    let text = |member: &str| problem[member].as_str().unwrap_or_default();
    if text("code").is_empty() {
        bail!("the server answered {status}");
    }
    let at = if text("at").is_empty() { String::new() } else { format!(" ({})", text("at")) };
    bail!("{}{at}\n  {}\n  {}", text("code"), text("detail_vi"), text("detail_en"))
}
