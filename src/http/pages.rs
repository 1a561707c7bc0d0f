//! The web pages: the built files of `web/`, and one page for all its views.

use axum::Router;
use memory_serve::CacheControl;

/// Views of the page, each with whatever lies below it; the page itself reads the address.
const VIEWS: [&str; 30] = [
    "/duty",
    "/duty/",
    "/duty/{*rest}",
    "/plan",
    "/plan/",
    "/plan/{*rest}",
    "/field",
    "/field/",
    "/field/{*rest}",
    "/sheet",
    "/import",
    "/audit",
    "/audit/",
    "/about",
    "/setup",
    "/password",
    "/enrol",
    "/signed-in",
    "/me",
    "/access",
    "/tips",
    "/past",
    "/reports",
    "/statistics",
    "/exercises",
    "/exercise",
    "/handover",
    "/log",
    "/work",
    "/disaster",
];

/// The view for informants, where it is switched on.
const PUBLIC_TIPS: &str = "/tip";

/// Routes of the embedded files. Built files carry a hash in their name and never change.
pub fn pages<S: Clone + Send + Sync + 'static>(public_tips: bool) -> Router<S> {
    let mut files = memory_serve::load!()
        .index_file(Some("/index.html"))
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Medium);
    for view in VIEWS.into_iter().chain(public_tips.then_some(PUBLIC_TIPS)) {
        files = files.add_alias(view, "/index.html");
    }
    files.into_router()
}
