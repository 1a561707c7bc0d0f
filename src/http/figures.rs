//! Counts and times of requests for `/metrics`, by class of route: a label per path would grow without bound.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Upper edges of the buckets of times, seconds: a nearby answer takes some 20 microseconds, a big export seconds.
const SECONDS: [f64; 12] = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Prefixes of paths and the class they count under; the first that fits.
const CLASSES: [(&str, &str); 8] = [
    ("/api/nearby", "nearby"),
    ("/api/collections", "items"),
    ("/api/incidents", "incidents"),
    ("/api/fixes", "fixes"),
    ("/api/feed", "feed"),
    ("/api", "api"),
    ("/tiles", "tiles"),
    ("", "page"),
];

/// The handles, made once: looking a metric up by name costs more than counting it.
#[derive(Clone)]
pub struct Figures {
    classes: Arc<[Class; CLASSES.len()]>,
}

/// Figures of one class of routes.
struct Class {
    seconds: Histogram,
    /// By hundred of the status, from 1xx on.
    answers: [Counter; 5],
}

impl Figures {
    /// Registers all with the installed recorder; without one they count nothing.
    #[must_use]
    pub fn new() -> Self {
        let classes = CLASSES.map(|(_, name)| Class {
            seconds: histogram!("trucban_http_request_seconds", "class" => name),
            answers: ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|status| counter!("trucban_http_answers_total", "class" => name, "status" => status)),
        });
        Self { classes: Arc::new(classes) }
    }

    /// Which class counts this path.
    #[must_use]
    pub fn class_of(path: &str) -> usize {
        CLASSES.iter().position(|(prefix, _)| path.starts_with(prefix)).unwrap_or(CLASSES.len() - 1)
    }

    /// Counts one answer.
    pub fn record(&self, class: usize, status: StatusCode, took: Duration) {
        let class = &self.classes[class];
        class.seconds.record(took.as_secs_f64());
        if let Some(counter) = class.answers.get(usize::from(status.as_u16() / 100).wrapping_sub(1)) {
            counter.increment(1);
        }
    }
}

/// The recorder of this process, installed at the first call; later calls give the same.
///
/// # Errors
/// When another recorder was installed before.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    // Whoever comes meanwhile waits: a figure that is registered before the recorder is there counts nothing.
    let installed = INSTALLED.get_or_init(|| {
        let built = PrometheusBuilder::new().set_buckets(&SECONDS).and_then(PrometheusBuilder::install_recorder);
        built.map_err(|error| error.to_string())
    });
    installed.clone().map_err(anyhow::Error::msg)
}
